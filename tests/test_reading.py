import gzip
import hashlib
import importlib.util
import io
import json
import re
import sys

import numpy as np
import pandas as pd
import pytest

from scalefit._numbers import AMBIGUOUS_DOT, GROUPS, POINT, parse_numbers
from scalefit.errors import TableError
from scalefit.reading import check_header, read_table
from scalefit.table import make_table

ROWS = [(1000, 0.5), (10000, 0.6)]
EXPECTED = pd.DataFrame(ROWS, columns=["cells", "score"])


def delimited(mark):
    return mark.join(["cells", "score"]) + "\n" + "".join(f"{a}{mark}{b}\n" for a, b in ROWS)


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.csv", delimited(",")),
        ("a.tsv", delimited("\t")),
        ("a.csv", delimited(";")),
        ("a.txt", delimited("|")),
        ("a.csv", "\ufeff" + delimited(",")),
        ("a.csv", " cells , score \n1000, 0.5\n10000, 0.6\n"),
        ("a.csv", delimited(",").replace("\n", "\r\n")),
        ("a.csv", "\n\ncells,score\n1000,0.5\n\n10000,0.6\n\n"),
        ("a.json", json.dumps([{"cells": a, "score": b} for a, b in ROWS])),
        ("a.jsonl", "".join(json.dumps({"cells": a, "score": b}) + "\n" for a, b in ROWS)),
    ],
)
def test_text_formats(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    frame = read_table(path)
    pd.testing.assert_frame_equal(frame, EXPECTED)
    assert frame.attrs == {
        "source": name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def test_utf16_as_excel_writes_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(delimited("\t"), encoding="utf-16")
    pd.testing.assert_frame_equal(read_table(path), EXPECTED)


def test_excel(tmp_path):
    pytest.importorskip("openpyxl", reason="Excel files are an optional extra")
    path = tmp_path / "a.xlsx"
    EXPECTED.to_excel(path, index=False, sheet_name="runs")
    pd.testing.assert_frame_equal(read_table(path, sheet_name="runs"), EXPECTED)
    with pytest.raises(TableError, match=r"a\.xlsx.*several tables"):
        read_table(path, sheet_name=None)


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "expected"),
    [
        ("a;b\n1.000;0,5\n2.000.000;1.234,25\n", ",", ".", [[1000, 0.5], [2e6, 1234.25]]),
        ("a;b\n500;0,5\n1.000;0,75\n", ",", ".", [[500, 0.5], [1000, 0.75]]),
        ("a;b\n1,000;0.5\n-20,000;1,234.5\n", ".", ",", [[1000, 0.5], [-20000, 1234.5]]),
        ("a;b\n1 000;0,5\n;1\n", ",", " ", [[1000, 0.5], [None, 1]]),
    ],
)
def test_thousands_are_parted_where_it_is_said(text, decimal, thousands, expected):
    found = read_table(io.StringIO(text), decimal=decimal, thousands=thousands)
    pd.testing.assert_frame_equal(
        found, pd.DataFrame(expected, columns=["a", "b"]), check_dtype=False
    )


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "\u2009"])
def test_a_space_between_thousands_is_any_kind_of_space(space):
    found = read_table(io.StringIO(f"a;b\n10{space}000;0,5\n"), decimal=",", thousands=" ")
    assert found.to_numpy().tolist() == [[10000.0, 0.5]]


@pytest.mark.parametrize(
    ("above", "names"),
    [
        ("# exported 2026\ncells,score\n", ["cells", "score"]),
        ("# by me, 2026\n\n# again\ncells,score\n", ["cells", "score"]),
        ("#cells,score\n", ["#cells", "score"]),
    ],
)
def test_remarks_above_the_header_are_not_the_header(above, names):
    found = read_table(io.StringIO(f"{above}1000,0.5\n"))
    assert (found.columns.tolist(), len(found)) == (names, 1)


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_blank_rows_above_the_header_of_a_sheet(tmp_path, blank):
    pytest.importorskip("openpyxl")
    path = tmp_path / "a.xlsx"
    EXPECTED.to_excel(path, startrow=blank, index=False)
    pd.testing.assert_frame_equal(read_table(path), EXPECTED)
    with pd.ExcelWriter(path) as book:
        EXPECTED.to_excel(book, sheet_name="runs", startrow=blank, index=False)
        pd.DataFrame({"remark": ["by me"]}).to_excel(book, sheet_name="Notes", index=False)
    with pytest.raises(TableError, match="on the sheets 'runs', 'Notes'; name one"):
        read_table(path)
    assert read_table(path, sheet_name="runs")["cells"].tolist() == [1000, 10000]


@pytest.mark.parametrize(
    "above",
    [
        "Table 2\n",
        "Table 2\n\n",
        "\n\nTable 2,\n,\n",
        "# by me\n\nTable 2,\n\n,\n",
        "sep=,\nTable 2,\n",
    ],
)
def test_the_rows_to_skip_below_a_title_are_counted(above):
    text = f"{above}cells,score\n1000,0.5\n10000,0.6\n"
    with pytest.raises(TableError, match="a title stands above the header") as caught:
        make_table(read_table(io.StringIO(text)))
    (skiprows,) = re.findall(r"skiprows=(\d+)", str(caught.value))
    found = read_table(io.StringIO(text), skiprows=int(skiprows))
    pd.testing.assert_frame_equal(found, EXPECTED)


@pytest.mark.parametrize("above", ["", "sep=,\r", "# by me\r", "\r\r"])
def test_lines_that_end_as_on_an_old_mac_are_read(above):
    text = f'{above}cells,"score"\r1000,0.5\r10000,0.6\r'
    pd.testing.assert_frame_equal(read_table(io.BytesIO(text.encode())), EXPECTED)
    with pytest.raises(TableError, match="row 2 has 3 fields, and the header 2 names"):
        read_table(io.BytesIO(f"{text}1,2,3\r".replace("10000,0.6\r", "").encode()))


@pytest.mark.parametrize("above", ["", "Table 2,\n\n"])
def test_a_later_row_that_is_too_long_is_named(above):
    text = f"{above}cells,score,note\n1000,0.5,\n10000,0.6,rerun, crashed\n"
    skipped = {"skiprows": 2} if above else {}
    with pytest.raises(TableError, match="row 2 has 4 fields, and the header 3 names; give"):
        read_table(io.StringIO(text), **skipped)


def test_columns_parted_by_spaces_are_told_how_to_be_read():
    text = "cells  score\n1000   0.5\n10000  0.6\n"
    with pytest.raises(TableError, match=r"if spaces part the columns.*sep=r'\\s\+'"):
        make_table(read_table(io.StringIO(text)))
    pd.testing.assert_frame_equal(read_table(io.StringIO(text), sep=r"\s+"), EXPECTED)


@pytest.mark.parametrize("address", ["https://example.org/runs.csv", "s3://bucket/runs.csv"])
def test_an_address_is_named_as_it_was_given(address):
    with pytest.raises(TableError, match=f"^{address}: addresses are not opened; download"):
        read_table(address)


@pytest.mark.parametrize("above", [["Table 2"], ["Table 2", None], [None, "Table 2", None, None]])
def test_the_rows_to_skip_below_a_title_of_a_sheet_are_counted(tmp_path, above):
    pytest.importorskip("openpyxl")
    path = tmp_path / "a.xlsx"
    rows = [*([one, None] for one in above), ["cells", "score"], *ROWS]
    pd.DataFrame(rows).to_excel(path, header=False, index=False)
    with pytest.raises(TableError, match=rf"skiprows={len(above)}\)"):
        make_table(path)
    pd.testing.assert_frame_equal(read_table(path, skiprows=len(above)), EXPECTED)


def test_numbers_with_more_are_named_where_the_decimal_sign_is_said():
    text = "cells;f1\n1e3;0,5 ± 0,02\n1e4;0,6 [0,58, 0,62]\n1e5;0,7,1\n"
    with pytest.raises(TableError, match=r"(?s)with its error.*with its interval.*more than once"):
        make_table(read_table(io.StringIO(text), decimal=","))


def test_rows_without_a_value_are_no_rows_and_keep_their_number(tmp_path):
    text = "cells,seed,f1\n1e3,0,.5\n,,\n1e4,0,{}\n, ,\n1e5,0,.7\n,,\n"
    table = make_table(read_table(io.StringIO(text.format(".6"))))
    assert (table.n_given, table.rows["_row"].tolist()) == (3, [1, 3, 5])
    assert table.findings == ()
    with pytest.raises(TableError, match=r"(?s)1 of 3 rows.*missing: row 3 \(nan\)"):
        make_table(read_table(io.StringIO(text.format(""))))
    with pytest.raises(TableError, match="no rows under it"):
        read_table(io.StringIO("cells,f1\n,\n"))
    pytest.importorskip("openpyxl")
    path = tmp_path / "a.xlsx"
    EXPECTED.reindex([0, 5, 1]).to_excel(path, index=False)
    assert make_table(path).rows["_row"].tolist() == [1, 3]


def test_a_sign_between_thousands_parts_three_digits():
    """Out of a loss of 2.6112 or of 1.5M no dot is taken."""
    losses = read_table(io.StringIO("a;loss\n1.000;3,512\n2.000;2.6112\n"),
                        decimal=",", thousands=".")  # fmt: skip
    assert losses["a"].tolist() == [1000, 2000]
    assert losses["loss"].tolist() == ["3,512", "2.6112"]
    values, faults = parse_numbers(losses["loss"], counts=False)
    assert values[0] == 3.512
    assert [(why, at.tolist()) for why, at in faults.items()] == [(GROUPS, [1])]
    sizes = read_table(io.StringIO("a;loss\n1.5M;3,5\n"), decimal=",", thousands=".")["a"]
    assert list(parse_numbers(sizes, counts=True)[1]) == [GROUPS]
    point = read_table(io.StringIO("a;loss\n1;3,5\n2;0.5\n"), decimal=",")["loss"]
    assert list(parse_numbers(point, counts=False)[1]) == [POINT]
    with pytest.raises(TableError, match=r"cannot be the sign of decimals and that between"):
        read_table(io.StringIO("a;b\n1.000;3.5\n"), thousands=".")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("cells;accuracy\n500;61\n1.000;70\n2.000;75\n10.000;80\n", [2, 3, 4]),
        ("cells\taccuracy\n500\t61%\n1.000\t70%\n 2.000\t75%\n\t80%\n", [2, 3]),
        ("accuracy; cells\n0.5;1.000\n0.6;2.000\n0.7;10.000\n", [1, 2, 3]),
    ],
)
def test_a_dot_that_may_part_thousands_of_sizes_is_refused_until_it_is_told(text, rows):
    with pytest.raises(TableError, match="point or dot between thousands") as refused:
        make_table(read_table(io.StringIO(text)))
    shown = re.findall(r"row (\d+) \('\d+\.000'\)", str(refused.value))
    assert list(map(int, shown)) == rows
    assert read_table(io.StringIO(text), decimal=".")["cells"].max() < 1000
    values, faults = parse_numbers(read_table(io.StringIO(text), decimal=".")["cells"], counts=True)
    assert np.nanmin(values) == 1
    assert AMBIGUOUS_DOT not in faults


def test_a_dot_among_scores_or_three_decimals_of_sizes_is_no_doubt():
    """In a table that is parted by commas, as to_csv(float_format="%.3f") writes it."""
    losses = read_table(io.StringIO("cells;loss\n500;3.214\n1000;2.987\n2000;2\n"))
    assert make_table(losses).rows["loss"].tolist() == [3.214, 2.987, 2]
    sizes = read_table(io.StringIO("cells,loss\n1.125,3.2\n2.250,2.9\n4.500,2.8\n"))
    assert make_table(sizes).rows["cells"].tolist() == [1.125, 2.25, 4.5]


def test_a_workbook_with_several_tables_needs_the_name_of_one(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "two.xlsx"
    with pd.ExcelWriter(path) as book:
        EXPECTED.to_excel(book, index=False, sheet_name="blood")
        pd.DataFrame().to_excel(book, index=False, sheet_name="empty")
    pd.testing.assert_frame_equal(read_table(path), EXPECTED)
    with pd.ExcelWriter(path) as book:
        EXPECTED.iloc[:1].to_excel(book, index=False, sheet_name="blood")
        EXPECTED.to_excel(book, index=False, sheet_name="lung")
    with pytest.raises(TableError, match=r"sheets 'blood', 'lung'; name one, as in sheet_name="):
        read_table(path)
    pd.testing.assert_frame_equal(read_table(path, sheet_name="lung"), EXPECTED)


def test_a_compressed_file_is_read_as_what_it_holds(tmp_path):
    for name, write in (("a.csv.gz", EXPECTED.to_csv), ("a.tsv.gz", EXPECTED.to_csv)):
        write(tmp_path / name, index=False, sep="\t" if "tsv" in name else ",")
        found = read_table(tmp_path / name)
        pd.testing.assert_frame_equal(found, EXPECTED)
        assert found.attrs["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    (tmp_path / "cut.csv.gz").write_bytes((tmp_path / "a.csv.gz").read_bytes()[:40])
    with pytest.raises(TableError, match=r"cut\.csv\.gz: cannot be read"):
        read_table(tmp_path / "cut.csv.gz")
    (tmp_path / "empty.csv.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(TableError, match="the file is empty"):
        read_table(tmp_path / "empty.csv.gz")
    with pytest.raises(TableError, match="has no sheets"):
        read_table(tmp_path / "a.csv.gz", sheet_name="runs")


def test_a_repeated_column_in_excel(tmp_path):
    pytest.importorskip("openpyxl", reason="Excel files are an optional extra")
    path = tmp_path / "a.xlsx"
    pd.DataFrame([["cells", "score", "score"], [1, 2, 3]]).to_excel(path, index=False, header=False)
    with pytest.raises(TableError, match=r"'score' repeats \(columns 2 and 3\)"):
        read_table(path)


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, which pandas does not require")
    path = tmp_path / "a.parquet"
    EXPECTED.set_index("cells", drop=False).to_parquet(path)
    frame = read_table(path)
    pd.testing.assert_frame_equal(frame, EXPECTED)
    assert isinstance(frame.index, pd.RangeIndex)


def test_standard_input(monkeypatch):
    standard_input = io.TextIOWrapper(io.BytesIO(delimited(";").encode()))
    monkeypatch.setattr(sys, "stdin", standard_input)
    frame = read_table("-")
    pd.testing.assert_frame_equal(frame, EXPECTED)
    assert frame.attrs["source"] == "standard input"


def test_file_objects(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"cells": 1000, "score": 0.5}\n{"cells": 10000, "score": 0.6}\n')
    with path.open("rb") as file:
        frame = read_table(file)
    pd.testing.assert_frame_equal(frame, EXPECTED)
    assert frame.attrs["source"] == "a.jsonl"
    pd.testing.assert_frame_equal(read_table(io.StringIO(delimited(","))), EXPECTED)
    pd.testing.assert_frame_equal(read_table(io.BytesIO(delimited("\t").encode())), EXPECTED)


def test_options_reach_pandas():
    frame = read_table(io.StringIO("cells;score\n1.000;0,5\n"), decimal=",", thousands=".")
    assert frame.iloc[0].tolist() == [1000, 0.5]
    raw = "cells,größe\n1,2\n".encode("latin-1")
    assert list(read_table(io.BytesIO(raw), encoding="latin-1").columns) == ["cells", "größe"]
    assert list(read_table(io.StringIO("note\na:b\n1:2\n"), sep=":", skiprows=1).columns) == [
        "a",
        "b",
    ]


@pytest.mark.parametrize("line", ["sep=;\r\n", "SEP=;\n", "sep=; \n"])
def test_a_line_that_says_what_the_delimiter_is_is_no_header(line):
    frame = read_table(io.StringIO(line + "cells;f1\n1e4;0.5\n1e5;0.6\n"))
    assert frame.columns.tolist() == ["cells", "f1"]
    assert frame["f1"].tolist() == [0.5, 0.6]


def test_a_quoted_delimiter_is_not_a_delimiter():
    frame = read_table(io.StringIO('cells,"score, mean"\n1,2\n'))
    assert list(frame.columns) == ["cells", "score, mean"]


def test_a_file_without_a_last_newline_and_with_short_rows():
    frame = read_table(io.StringIO("cells,score\n1000,0.5\n10000"))
    assert frame["score"].isna().tolist() == [False, True]


def test_filtered_rows_keep_their_labels():
    frame = read_table(io.StringIO("cells,score\n1,0.1\n2,0.2\n3,0.3\n"))
    assert frame[frame["cells"] > 1].index.tolist() == [1, 2]
    assert frame[frame["cells"] > 1].attrs["source"] == "file object"


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("a.csv", b"", ["a.csv", "empty"]),
        ("a.csv", b" \n\n", ["a.csv", "empty"]),
        ("a.csv", b"cells,score\n", ["a.csv", "no rows"]),
        ("a.csv", b"cells,score,score\n1,2,3\n", ["a.csv", "'score'", "columns 2 and 3", "rename"]),
        ("a.csv", b"cells, score,score \n1,2,3\n", ["'score'", "columns 2 and 3"]),
        ("a.csv", b"\xef\xbb\xbfcells,cells\n1,2\n", ["'cells'", "columns 1 and 2"]),
        ("a.csv", b"a,a,a\n1,2,3\n", ["columns 1, 2 and 3"]),
        ("a.csv", b"cells,score\n1,2\n1,2,3\n", ["a.csv", "row 2 has 3 fields"]),
        (
            "a.csv",
            b"cells,score\n1,2,3\n1,2,3\n",
            ["row 1 has 3 fields", "header 2 names"],
        ),
        ("a.csv", b"cells,sc\xf6re\n1,2\n", ["a.csv", "utf-8", "encoding='latin-1'"]),
        ("a.csv.zip", b"PK\x03\x04\x14\x00\x00\x00\x88", ["is no text", "unpack it"]),
        ("a.pkl", b"\x80\x04\x95\x00\x00", ["is no text", "save the table as CSV"]),
        (
            "a.json",
            b'{"cells": {"0": 1}}',
            ["a.json", "list of records", "sf.read_table(..., orient=)"],
        ),
        ("a.json", b"{nonsense", ["a.json", "cannot be read"]),
        ("a.jsonl", b"[1, 2", ["a.jsonl", "cannot be read"]),
        ("a.parquet", b"not parquet", ["a.parquet", "cannot be read"]),
        ("a.xlsx", b"not a workbook", ["a.xlsx", "cannot be read"]),
    ],
)
def test_unreadable_files_say_what_is_wrong(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_table(path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("file, package", [("a.pq", "pyarrow"), ("a.xlsx", "openpyxl")])
def test_a_missing_reader_is_named_as_it_is_installed(tmp_path, monkeypatch, file, package):
    def without(*_, **__):
        raise ImportError("no engine", name="imported_name")

    monkeypatch.setattr(pd, "read_parquet", without)
    monkeypatch.setattr(pd, "read_excel", without)
    (tmp_path / file).write_bytes(b"PK")
    with pytest.raises(TableError, match=f"pip install {package}$"):
        read_table(tmp_path / file)


def test_formulas_that_were_never_calculated_are_told(tmp_path):
    rows = {"cells": [1e3, 1e4, 1e5], "f1": ["=0.25*2", 0.6, 0.7]}
    pd.DataFrame(rows).to_excel(tmp_path / "lab.xlsx", index=False)
    with pytest.raises(
        TableError, match=r"'f1', missing: row 1 .*\n +If these cells hold formulas"
    ):
        make_table(tmp_path / "lab.xlsx")
    (tmp_path / "lab.csv").write_text("cells,f1\n1e3,\n1e4,0.6\n1e5,0.7\n")
    with pytest.raises(TableError) as raised:
        make_table(tmp_path / "lab.csv")
    assert "formulas" not in str(raised.value)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(TableError, match=r"nowhere\.csv: there is no such file; check"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(TableError, match="is a folder; give one file"):
        read_table(tmp_path)


def test_unknown_options_are_refused():
    with pytest.raises(TableError, match="no_such_option"):
        read_table(io.StringIO(delimited(",")), no_such_option=1)


def test_empty_names_may_repeat():
    check_header(["cells", "", ""], "a.csv")


def test_formats_without_signs_take_them_for_their_texts(tmp_path):
    """JSON and Parquet know nothing of a decimal comma; their texts may have one."""
    texts = pd.DataFrame({"cells": ["1.000", "10.000"], "score": ["0,5", "0,6"]})
    paths = [tmp_path / "a.json", tmp_path / "a.jsonl"]
    texts.to_json(paths[0], orient="records")
    texts.to_json(paths[1], orient="records", lines=True)
    if importlib.util.find_spec("pyarrow"):
        paths.append(tmp_path / "a.parquet")
        texts.to_parquet(paths[-1])
    for path in paths:
        frame = read_table(path, decimal=",", thousands=".")
        for name, values in EXPECTED.items():
            read, faults = parse_numbers(frame[name], counts=True)
            assert read.tolist() == values.tolist(), path.name
            assert faults == {}
