"""How a file becomes a DataFrame: its format, its delimiter, and what can be wrong with it."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import os
import re
import sys
import warnings
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype, is_numeric_dtype

from ._numbers import USUAL, are_dotted, one_space, parse_numbers, ungrouped
from .errors import TableError

__all__ = ["EXCEL", "check_header", "is_title", "read_table"]

#: Endings of workbooks.
EXCEL = (".xlsx", ".xlsm", ".xls")
_PARQUET = (".parquet", ".pq")
_JSON = (".json",)
_JSON_LINES = (".jsonl", ".ndjson")
#: The package that reads a format; the name of what is imported may be another.
_READERS = {".xlsx": "openpyxl", ".xlsm": "openpyxl", ".xls": "xlrd"} | dict.fromkeys(
    _PARQUET, "pyarrow"
)
_DELIMITERS = ("\t", ";", ",", "|")
#: A line before the header with which some spreadsheets say what stands between fields.
_TOLD = re.compile(r"\s*sep=(.)[ \t]*(?:\r?\n|\r)", re.IGNORECASE)
#: A line before the header that is a remark, and what parts the fields of a line.
_REMARK = re.compile(r"\s*(?:#|$)")
_FIELDS = re.compile(r"[\t;,|]")
#: What begins as an address of the web, or of a store of objects, does.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
#: What a file begins with that gzip has made smaller.
_GZIP = b"\x1f\x8b"
#: Options that say how numbers are written.
_SIGNS = ("decimal", "thousands")
#: Options with which the first line is no longer the header.
_MOVES_HEADER = {"header", "names", "skiprows", "comment"}


def read_table(source: str | os.PathLike[str] | IO[Any], **options: Any) -> pd.DataFrame:
    r"""Read a table of scores.

    The extension decides the format: ``.parquet``, ``.xlsx``, ``.json`` (records), ``.jsonl``;
    anything else is delimited text, its delimiter (comma, tab, semicolon, bar) taken from the
    header. Any of them may be compressed by gzip, as in ``.csv.gz``. Blank lines are not rows and
    are not counted; nor are rows without a value in any column, but they keep their number. A
    workbook with tables on several sheets needs ``sheet_name=``.

    Parameters
    ----------
    source : str, path or file object
        ``"-"`` is standard input.
    **options
        Passed to the pandas reader of the format, such as ``decimal=","`` or ``sheet_name=``.

    Returns
    -------
    pandas.DataFrame
        Data row 1 has label 0, and keeps it when the table is filtered. ``attrs`` holds ``source``
        (the file's name), ``sha256`` (of its bytes), ``signs`` (of decimals and thousands) if they
        were given, ``dotted`` (the texts of columns of numbers) where they were not and dots could
        be either, and ``skiprows`` (the rows down to the next one) if the header is a title.

    Raises
    ------
    TableError
        There is no such file, it cannot be read, it has no rows, or a column name repeats.

    Examples
    --------
    >>> import io
    >>> frame = read_table(io.StringIO("cells;score\n1000;0,5\n"), decimal=",")
    >>> frame["score"].tolist(), frame.attrs["source"]
    ([0.5], 'file object')
    """
    whole, name, suffix = _read_bytes(source)
    raw = whole
    about: dict[Hashable, Any] = {}
    try:
        if whole.startswith(_GZIP):
            raw, suffix = gzip.decompress(whole), Path(Path(name).stem).suffix.lower()
        if not raw.strip():
            raise TableError(f"{name}: the file is empty; it needs a header and rows")
        if suffix in EXCEL:
            frame, about = _read_excel(raw, name, options)
        elif "sheet_name" in options:
            raise TableError(f"{name}: has no sheets, as workbooks have; leave sheet_name= out")
        elif suffix in _PARQUET:
            frame = pd.read_parquet(io.BytesIO(raw), **_without_signs(options))
        elif suffix in _JSON or suffix in _JSON_LINES:
            unsigned = _without_signs(options)
            frame = _read_json(raw, name, suffix in _JSON_LINES, unsigned)
        else:
            frame, about = _read_text(raw, name, options)
    except (TableError, Warning):
        raise
    except ImportError as error:
        package = _READERS.get(suffix)
        mend = f"install it with: pip install {package}" if package else "save the table as CSV"
        raise TableError(
            f"{name}: a package for this format is missing ({' '.join(str(error).split())}); {mend}"
        ) from error
    except Exception as error:  # every engine raises a family of its own
        message = " ".join(str(error).split())
        raise TableError(
            f"{name}: cannot be read as {suffix or 'text'}: {message.rstrip('.')}; check that it "
            "is such a file, or save it as CSV"
        ) from error
    frame.columns = [label.strip() if isinstance(label, str) else label for label in frame.columns]
    check_header(frame.columns, name)
    filled = frame.notna().any(axis=1).to_numpy()
    if not filled.any():
        raise TableError(f"{name}: there is a header but there are no rows under it")
    frame = frame.reset_index(drop=True)
    frame = frame if filled.all() else frame[filled]
    signs = _signs(name, options)
    frame.attrs = {"source": name, "sha256": hashlib.sha256(whole).hexdigest(), **about}
    if _are_told(options):
        frame.attrs["signs"] = signs
        for label in frame.columns[[not is_numeric_dtype(dtype) for dtype in frame.dtypes]]:
            frame[label] = ungrouped(frame[label], *signs)
    return frame


def _without_signs(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what readers take that know nothing of signs; those say how texts are understood."""
    return {which: value for which, value in options.items() if which not in _SIGNS}


def _are_told(options: Mapping[str, Any]) -> bool:
    """Return whether it was said how numbers are written."""
    return any(options.get(which) for which in _SIGNS)


def _signs(name: str, options: Mapping[str, Any]) -> tuple[str, str]:
    """Return the signs of decimals and of thousands that a file is said to have."""
    decimal, thousands = (
        str(options.get(which) or usual) for which, usual in zip(_SIGNS, USUAL, strict=True)
    )
    thousands = one_space(thousands)
    if decimal == thousands:
        raise TableError(
            f"{name}: {decimal!r} cannot be the sign of decimals and that between thousands; pass "
            "decimal= and thousands=, such as decimal=',' and thousands='.'"
        )
    return decimal, thousands


def check_header(names: Iterable[Hashable], source: str) -> None:
    """Refuse column names that repeat, naming their positions.

    Examples
    --------
    >>> check_header(["cells", "score", "score"], "scores.csv")
    Traceback (most recent call last):
    scalefit.errors.TableError: scores.csv: the column name 'score' repeats (columns 2 and 3);
    rename or remove all but one
    """
    labels = [str(name).strip() for name in names]
    repeated = [label for label, times in Counter(labels).items() if times > 1 and label]
    if repeated:
        label = repeated[0]
        places = [str(i) for i, other in enumerate(labels, start=1) if other == label]
        raise TableError(
            f"{source}: the column name {label!r} repeats (columns {', '.join(places[:-1])} and "
            f"{places[-1]}); rename or remove all but one"
        )


def is_title(names: Iterable[Hashable]) -> bool:
    """Return whether a header is one text and nothing beside it.

    Examples
    --------
    >>> is_title(["Table 2", "Unnamed: 1"]), is_title(["cells", "score"])
    (True, False)
    """
    return sum(not str(name).startswith("Unnamed: ") for name in names) <= 1


def _read_bytes(source: str | os.PathLike[str] | IO[Any]) -> tuple[bytes, str, str]:
    if isinstance(source, str) and source == "-":
        return sys.stdin.buffer.read(), "standard input", ""
    if not isinstance(source, (str, os.PathLike)):
        content = source.read()
        name = getattr(source, "name", None)
        path = Path(name) if isinstance(name, str) else None
        raw = content.encode("utf-8") if isinstance(content, str) else bytes(content)
        return raw, path.name if path else "file object", path.suffix.lower() if path else ""
    if isinstance(source, str) and _ADDRESS.match(source):
        raise TableError(
            f"{source}: addresses are not opened; download the file, and give where it is"
        )
    path = Path(source)
    if path.is_dir():
        raise TableError(f"{path}: is a folder; give one file in it")
    try:
        return path.read_bytes(), path.name, path.suffix.lower()
    except FileNotFoundError:
        raise TableError(
            f"{path}: there is no such file; check the spelling and the folder you run in"
        ) from None
    except OSError as error:
        raise TableError(
            f"{path}: cannot be opened ({error.strerror}); check its permissions"
        ) from error


def _decode(raw: bytes, name: str, encoding: str | None) -> str:
    if encoding is None:
        wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if wide else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        if encoding == "utf-8-sig" and b"\0" in raw:  # which no text in an old encoding has
            raise TableError(
                f"{name}: is no text, and no file of a kind that is read here; unpack it if it is "
                "an archive, or save the table as CSV, .xlsx, .parquet or .json"
            ) from error
        raise TableError(
            f"{name}: is not text in {encoding} ({error}); save it as UTF-8 or pass encoding=, "
            "for example encoding='latin-1'"
        ) from error


def _read_text(
    raw: bytes, name: str, options: dict[str, Any]
) -> tuple[pd.DataFrame, dict[Hashable, Any]]:
    """Return a table and what ``attrs`` hold of it: dots that are in doubt, rows of a title."""
    options, are_told, about = dict(options), _are_told(options), dict[Hashable, Any]()
    whole = text = _decode(raw, name, options.pop("encoding", None))
    options.pop("thousands", None)  # pandas would take any such sign out of any number
    delimiter = options.pop("delimiter", None) or options.pop("sep", None)
    told = _TOLD.match(text)
    if told and _MOVES_HEADER.isdisjoint(options):
        text, delimiter = text[told.end() :], delimiter or told[1]
    if _MOVES_HEADER.isdisjoint(options):
        text = _without_remarks(text)
    skipped = options.get("skiprows")
    lines = text.splitlines()[skipped if isinstance(skipped, int) else 0 :]
    first = next((line for line in lines if line.strip()), "")
    delimiter = delimiter or max(_DELIMITERS, key=first.count)
    if len(delimiter) == 1 and _MOVES_HEADER.isdisjoint(options):
        # pandas would rename a repeated column without a word, so the header is read here first.
        reader = csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=delimiter)
        check_header(next(reader, []), name)
    settings: dict[str, Any] = {"index_col": False, "skipinitialspace": True}
    if "engine" not in options:
        settings["low_memory"] = False  # one dtype for a whole column
    with warnings.catch_warnings():
        # Rows longer than the header would be cut with only this warning to tell.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            settings |= options
            frame = _one_frame(pd.read_csv(io.StringIO(text), sep=delimiter, **settings), name)
            doubtful = [i for i in range(frame.shape[1]) if _may_be_dotted(frame.iloc[:, i])]
            if doubtful and not are_told and "dtype" not in options:
                written = pd.read_csv(io.StringIO(text), sep=delimiter, **settings, dtype=str)
                columns = [written.iloc[:, i].dropna().str.strip().unique() for i in doubtful]
                dotted = {
                    str(frame.columns[i]).strip(): texts.tolist()
                    for i, texts in zip(doubtful, columns, strict=True)
                    if are_dotted(texts, delimiter == ";")
                }
                about |= {"dotted": dotted} if dotted else {}
        except (pd.errors.ParserWarning, pd.errors.ParserError) as error:
            too_long = _too_long("\n".join(lines), delimiter)
            if not too_long:
                raise
            raise TableError(
                f"{name}: {too_long}; give every column a name, and quote text that holds the "
                "delimiter"
            ) from error
    if is_title(frame.columns) and _MOVES_HEADER.isdisjoint(options):
        _, *under = text.lstrip("\r\n").splitlines()
        blank = (i for i, line in enumerate(under) if line.strip(f'{delimiter} \t"'))
        about["skiprows"] = len(whole.splitlines()) - len(under) + next(blank, 0)
    return frame, about


def _may_be_dotted(column: pd.Series) -> bool:
    """Return whether a column of numbers can have been written with dots between thousands."""
    if not is_float_dtype(column.dtype):
        return False
    values = column.dropna().to_numpy(dtype=float)
    broken = values[values != np.floor(values)]
    return bool((np.round(1000 * broken) == 1000 * broken).all() and (abs(broken) >= 1).all())


def _without_remarks(text: str) -> str:
    """Return a text without the lines before its header that begin with ``#``.

    A header may itself begin with it: it has as many fields as the line below, which has numbers.
    """
    lines = text.splitlines(keepends=True)
    first = next((i for i, line in enumerate(lines) if not _REMARK.match(line)), 0)
    if not first:
        return text
    above, below = (_FIELDS.split(line.strip()) for line in lines[first - 1 : first + 1])
    numbers = np.isfinite(parse_numbers(pd.Series(below, dtype=object), counts=True)[0])
    headed = len(above) == len(below) and numbers.any()
    return "".join(lines[first - headed :])


def _too_long(text: str, delimiter: str) -> str:
    """Return which row has more fields than the header has names; empty where none has."""
    if len(delimiter) > 1:
        return "rows have more fields than the header has names"
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    widths = [len(row) for row in rows if row]
    longer = (row for row, width in enumerate(widths) if width > widths[0])
    first = next(longer, None)
    if first is None:
        return ""
    return f"row {first} has {widths[first]} fields, and the header {widths[0]} names"


def _read_excel(
    raw: bytes, name: str, options: dict[str, Any]
) -> tuple[pd.DataFrame, dict[Hashable, Any]]:
    """Return a table and what ``attrs`` hold of it: rows of a title."""
    bare = None
    if "sheet_name" not in options:
        sheets = pd.read_excel(io.BytesIO(raw), sheet_name=None, header=None)
        filled = [str(sheet) for sheet, part in sheets.items() if part.notna().any(axis=None)]
        if len(filled) > 1:
            raise TableError(
                f"{name}: there are tables on the sheets {', '.join(map(repr, filled))}; name one, "
                f"as in sheet_name={filled[0]!r}"
            )
        which = filled[0] if filled else next(iter(sheets))
        bare, options = sheets[which], options | {"sheet_name": which}
    if not _MOVES_HEADER.isdisjoint(options):
        return _one_frame(pd.read_excel(io.BytesIO(raw), **options), name), {}
    if bare is None:
        bare = pd.read_excel(io.BytesIO(raw), sheet_name=options["sheet_name"], header=None)
    used = np.flatnonzero(_one_frame(bare, name).notna().any(axis=1))
    if not used.size:
        raise TableError(f"{name}: the sheet is empty; it needs a header and rows")
    check_header(bare.iloc[used[0]].fillna(""), name)
    frame = _one_frame(pd.read_excel(io.BytesIO(raw), skiprows=int(used[0]), **options), name)
    titled = is_title(frame.columns) and len(used) > 1
    return frame, {"skiprows": int(used[1])} if titled else {}


def _read_json(raw: bytes, name: str, lines: bool, options: dict[str, Any]) -> pd.DataFrame:
    options = dict(options)
    text = _decode(raw, name, options.pop("encoding", None))
    if not lines and not isinstance(json.loads(text), list) and "orient" not in options:
        raise TableError(
            f"{name}: is not a list of records, [{{...}}, ...]; write it as one, or read another "
            "layout in Python, with sf.read_table(..., orient=)"
        )
    # With dtype=False a column called 'date' stays as it is written.
    settings = {"orient": "records", "lines": lines, "dtype": False, "precise_float": True}
    arguments: dict[str, Any] = settings | options
    return _one_frame(pd.read_json(io.StringIO(text), **arguments), name)


def _one_frame(frame: Any, name: str) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame):
        raise TableError(f"{name}: the options ask for several tables; read one at a time")
    return frame
