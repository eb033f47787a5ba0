"""Reports: complete, harmless whatever the labels are, and written whole or not at all."""

from __future__ import annotations

import json
import os
import re

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.noise import Gaussian, Student
from scalefit.report import figures, files, machine, markdown, methods, model, view, writing
from scalefit.report.checklist import checklist

HOSTILE = [
    "<script>alert(1)</script>|a", "[x](http://evil)", "![x](y.png)", "# heading", "- item",
    "1. item", "`code`", "**bold** _it_ ~~no~~", "$\\frac{", "a\nb\r\n| --- |", "\x1b[31mred\x00",
    "\u202eright to left", "日本語", "x" * 400, "&amp; {{ 7 }} {% raw %}", "---",
]  # fmt: skip


def runs(seed=0, sd=0.005, sizes=(1e4, 1e5, 1e6, 1e7, 1e8), n_seeds=3, slope=3.0):
    x = np.repeat(np.array(sizes), n_seeds)
    score = 0.9 - slope * x**-0.35 + np.random.default_rng(seed).normal(0, sd, x.size)
    return pd.DataFrame({"cells": x, "seed": list(range(n_seeds)) * len(sizes), "f1": score})


def several(labels, column="label"):
    parts = [runs(seed=i).assign(**{column: label}) for i, label in enumerate(labels)]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    path = folder / "scores.csv"
    runs().to_csv(path, index=False)
    return sf.report(path, folder / "my report.md")


@pytest.fixture(scope="module")
def hostile():
    """Return the page and the JSON form of a report whose every text is hostile."""
    content = model.build(sf.fit(several(HOSTILE, "la|<b>el"), by="la|<b>el"), {}, [], "untested")
    return markdown.page(content, {}), json.loads(machine.as_json(machine.form(content)))


@pytest.fixture
def sketched(monkeypatch):
    """Replace the figures by files that cost nothing."""

    def draw_all(report, together, progress):
        names = [f"figure_{i + 1:03d}.png" for i in range(len(report.curves))]
        return {i: [(name, "")] for i, name in enumerate(names)}, dict.fromkeys(names, b"drawn")

    monkeypatch.setattr(writing, "draw_all", draw_all)


def tables(page):
    """Return the cells of every pipe table of a page."""
    blocks = re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE)
    split = re.compile(r"(?<!\\)\|")
    return [[split.split(line)[1:-1] for line in block.splitlines()] for block in blocks]


def test_the_page_answers_first_and_says_everything(one):
    page = one.read_text(encoding="utf-8")
    assert page.startswith(markdown.MARKER)
    headings = re.findall(r"^#+ (.*)$", page, flags=re.MULTILINE)
    assert headings == [
        "Scaling of f1 with cells", "Answer", "Curves", "1. All rows", "Backtest", "Table",
        "Methods", "Checklist", "Reproduce",
    ]  # fmt: skip
    fit = sf.fit(runs())
    for said in (
        fit.saturation().reason, "cannot tell", "scores.csv", "sha256", "15 rows given",
        "profile-likelihood", "variable projection", "seed 0", "doi:10.1137/0710036",
        sf.__version__, "table = sf.read_table('scores.csv')", *fit.laws["law"],
        *fit.saturation().tests["null"],
    ):  # fmt: skip
        assert said in page


def test_figures_are_beside_the_page_and_linked(one):
    links = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", one.read_text(encoding="utf-8"))
    names = ["figure_001.png", "figure_001_gain.png", "figure_backtest.png"]
    assert links == [f"my%20report_files/{name}" for name in names]
    folder = one.with_name("my report_files")
    assert sorted(f.name for f in folder.iterdir()) == names
    assert all(f.read_bytes().startswith(b"\x89PNG") for f in folder.iterdir())


def test_the_code_of_a_report_makes_the_same_fit(one, monkeypatch):
    code = re.search(r"```python\n(.*?)```", one.read_text(encoding="utf-8"), re.DOTALL)[1]
    monkeypatch.chdir(one.parent)
    names: dict[str, object] = {}
    exec(code.replace("print(fit)", ""), names)
    assert names["fit"].curve == sf.fit(runs()).curve


def test_a_report_says_the_same_twice(one, tmp_path):
    again = sf.report(one.with_name("scores.csv"), tmp_path / "my report.md")
    assert again.read_bytes() == one.read_bytes()
    for name in ("figure_001.png", "figure_001_gain.png"):
        first, second = (page.with_name("my report_files") / name for page in (one, again))
        assert first.read_bytes() == second.read_bytes()


def test_hostile_labels_break_no_table(hostile):
    page, _ = hostile
    found = tables(page)
    assert len(found[0]) == len(HOSTILE) + 2
    for rows in found:
        assert len({len(row) for row in rows}) == 1
        assert all(set(cell.strip()) == {"-"} for cell in rows[1])


def test_hostile_labels_start_nothing(hostile):
    page, _ = hostile
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\x00" not in page
    assert "\u202e" not in page
    assert "{{ 7 }}" in page, "a template in a label is text"
    assert len(re.findall(r"^### \d+\. ", page, flags=re.MULTILINE)) == len(HOSTILE)
    assert re.findall(r"(?<!\\)\]\(", page) == []
    assert "http://" not in page
    assert "日本語" in page
    assert max(map(len, re.findall("x+…?", page))) <= 100, "long labels are shortened"


def test_json_keeps_hostile_labels_as_they_are(hostile):
    _, content = hostile
    labels = [curve["key"]["la|<b>el"] for curve in content["curves"]]
    assert labels == HOSTILE


def test_json_has_every_number_or_says_why_not(tmp_path):
    table = pd.concat([runs().assign(k="a"), runs(seed=3, slope=0.0, sd=0.02).assign(k="b")])
    fits = sf.fit(table, by="k")
    content = json.loads(sf.report(fits, tmp_path / "r.json").read_text(encoding="utf-8"))
    assert content["schema"] == machine.SCHEMA
    for (key, fit), curve in zip(fits.items(), content["curves"], strict=True):
        gain = fit.gain()
        assert curve["key"] == {"k": key[0]}
        assert curve["gain"]["estimate"] == gain.estimate
        assert curve["verdict"] == fit.saturation().verdict
        assert (curve["gain"]["upper"] is None) == np.isinf(gain.upper)
        assert ("upper" in curve["gain"].get("open", [])) == np.isinf(gain.upper)
    assert content["counts"]["inconclusive"] >= 0


def test_values_that_json_lacks():
    values = {"a": np.inf, "b": -np.inf, "c": np.nan, "d": np.int64(3), "e": [np.float64(0.5)]}
    assert machine.plain_values(values) == {
        "a": None, "b": None, "c": None, "d": 3, "e": [0.5], "open": ["a", "b"],
    }  # fmt: skip


def test_many_curves_share_their_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "_PANELS", 8)
    fits = sf.fit(several([f"task {i}" for i in range(13)]), by="label")
    page = sf.report(fits, tmp_path / "many.md").read_text(encoding="utf-8")
    pictures = sorted(f.name for f in (tmp_path / "many_files").iterdir())
    assert pictures == [
        "figure_001.png", "figure_002.png", "figure_backtest.png", "figure_comparison.png",
    ]  # fmt: skip
    assert page.count("### ") == 13
    assert "13 curves: " in page


def test_signs_that_the_font_lacks_are_no_warning(tmp_path):
    fits = sf.fit(several(["日本語 $x"]), by="label")
    assert sf.report(fits, tmp_path / "r.md").with_name("r_files").is_dir()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "noise='gaussian',\n    variance='auto'"),
        ({"noise": Gaussian(seeds="crossed")}, "noise=Gaussian(variance='auto', seeds='crossed')"),
        ({"noise": Student(df=3.0)}, "noise=Student(variance='auto', link='auto', df=3.0)"),
        ({"inference": "bootstrap"}, "inference='bootstrap'"),
    ],
)
def test_the_code_names_every_setting_of_the_noise(options, line):
    fit = sf.fit(runs(), **options)
    said = methods.code(fit, {}, ["table = given"])
    assert line in said
    names: dict[str, object] = {"given": runs()}
    exec(said.replace("print(fit)", ""), names)
    assert names["fit"].settings == fit.settings
    assert names["fit"].curve == fit.curve


def test_the_methods_are_those_of_the_tables_where_a_union_was_asked_for():
    told = [methods.methods([sf.fit(runs(), inference=name)])[1] for name in ("union", "profile")]
    assert told[0] == told[1]
    assert "profile-likelihood intervals" in told[0]


@pytest.mark.parametrize(
    ("noise", "how"), [("gaussian", "in closed form"), ("student", "by Newton steps")]
)
def test_methods_and_checklist_say_alike_how_coefficients_are_found(noise, how):
    fit = sf.fit(runs(), noise=noise)
    assert f"coefficients were found {how}, as in" in methods.methods([fit])[0]
    answers = [row.answer for row in checklist([fit], "")]
    assert f"linear coefficients {how}, shape" in " ".join(answers)


def test_the_checklist_is_filled_in_and_says_what_only_authors_know(one):
    page = one.read_text(encoding="utf-8")
    part = page[page.index("## Checklist") : page.index("## Reproduce")]
    rows = tables(part)[0][2:]
    assert {row[0].strip() for row in rows} == {"Hypothesis", "Training", "Data", "Fit"}
    open_ones = [row for row in rows if "for the authors to say" in row[2]]
    assert 5 <= len(open_ones) < len(rows) / 2
    assert "15 rows in 1 curve; 5 sizes each, 10k to 100M cells" in part
    assert "profile" in part


def test_forecasts_of_hidden_sizes_are_part_of_the_report(one, tmp_path):
    page = one.read_text(encoding="utf-8")
    found = sf.backtest(runs())
    assert found.headline().split("\n")[0].split(";")[0] in page
    content = json.loads(sf.report(runs(), tmp_path / "r.json").read_text(encoding="utf-8"))
    assert content["backtest"]["coverage"][0]["coverage"] == found.coverage["coverage"].iloc[0]
    assert [rung["factor"] for rung in content["curves"][0]["gains"]] == [2.0, 10.0, 100.0]
    fit = sf.fit(runs())
    for rung in content["curves"][0]["gains"]:
        given, whichever = fit.gain(rung["factor"]), fit.gain(rung["factor"], inference="union")
        assert rung["given_law"]["upper"] == pytest.approx(given.upper, rel=1e-12)
        assert rung["whichever_law"]["lower"] == pytest.approx(whichever.lower, rel=1e-9)


def test_gains_name_the_law_of_their_own_curve():
    jump = runs(sizes=np.geomspace(1e4, 1e8, 7))
    jump["f1"] = np.where(jump["cells"] > 1e6, 0.9, 0.5) + jump["f1"] / 50
    table = pd.concat([runs(sizes=np.geomspace(1e4, 1e8, 7)).assign(k="a"), jump.assign(k="b")])
    fits = sf.fit(table, by="k")
    assert len({fit.law.name for fit in fits.values()}) == 2
    content = model.build(fits, {}, [], "untested")
    for curve in content.curves:
        for rung in curve.gains:
            told = curve.found.gain if rung.factor == 10 else curve.fit.gain(rung.factor)
            assert rung.given.estimate == pytest.approx(told.estimate, nan_ok=True)
            refused = rung.given.method.startswith("interval refused")
            assert refused or rung.given.method.endswith(f"given {curve.fit.law.name}")


def test_dropped_values_are_listed(tmp_path, sketched):
    table = runs().assign(f1=lambda rows: rows["f1"].where(rows.index != 3))
    page = sf.report(table, tmp_path / "r.md", on_bad="drop").read_text(encoding="utf-8")
    assert "15 rows given, 14 of them" in page
    assert re.search(r"\| 4 \| f1 \|", page)
    assert "on_bad='drop'" in page


def test_one_curve_of_several_is_looked_up_in_the_code(tmp_path, sketched):
    fits = sf.fit(several(["a", "b"]), by="label")
    page = sf.report(fits["b"], tmp_path / "r.md").read_text(encoding="utf-8")
    assert ")[('b',)]" in page


def test_a_refusal_can_be_reported(tmp_path):
    page = sf.report(runs(sizes=(1e4, 3e4)), tmp_path / "r.md").read_text(encoding="utf-8")
    assert "**refuse**" in page


def test_progress_is_told(tmp_path):
    told = []
    sf.report(runs(), tmp_path / "r.md", progress=lambda *step: told.append(step))
    whole = [(what, done) for what, done, total in told if done == total]
    assert whole == [("backtest", whole[0][1]), ("asking the curves", 1), ("drawing", 1)]


def test_reports_are_replaced_and_other_files_are_not(tmp_path, sketched):
    for name in ("r.md", "r.json"):
        target = tmp_path / name
        target.write_text("my own notes", encoding="utf-8")
        with pytest.raises(sf.FitError, match="not a report of scalefit"):
            sf.report(runs(), target)
        assert target.read_text(encoding="utf-8") == "my own notes"
        sf.report(runs(), target, force=True)
        sf.report(runs(), target)


def test_a_folder_of_others_is_left_alone(tmp_path):
    (tmp_path / "r_files").mkdir()
    (tmp_path / "r_files" / "thesis.tex").write_text("years", encoding="utf-8")
    with pytest.raises(sf.FitError, match=r"thesis\.tex"):
        sf.report(runs(), tmp_path / "r.md", force=True)
    assert (tmp_path / "r_files" / "thesis.tex").read_text(encoding="utf-8") == "years"


def test_figures_of_an_older_report_go(tmp_path, sketched):
    sf.report(sf.fit(several(["a", "b"]), by="label"), tmp_path / "r.md")
    assert len(list((tmp_path / "r_files").iterdir())) == 2
    sf.report(runs(), tmp_path / "r.md")
    assert len(list((tmp_path / "r_files").iterdir())) == 1
    assert sorted(f.name for f in tmp_path.iterdir()) == ["r.md", "r_files"]


@pytest.mark.parametrize("failing", ["write_whole", "page"])
def test_a_report_is_written_whole_or_not_at_all(tmp_path, monkeypatch, sketched, failing):
    target = sf.report(runs(), tmp_path / "r.md")
    before = {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files if failing == "write_whole" else writing, failing, fail)
    with pytest.raises((sf.FitError, OSError), match="No space"):
        sf.report(runs(seed=5), target)
    assert {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()} == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("r.docx", "use .html, .md, .json or .pdf"),
        ("r.mdd", "did you mean '.md'"),
        ("no/such/folder/r.md", "no such folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_fitting(tmp_path, name, says):
    with pytest.raises(sf.FitError, match=re.escape(says)):
        sf.report({"no": "table"}, tmp_path / name)


def test_a_format_is_not_offered_that_is_not_listed(tmp_path):
    with pytest.raises(sf.FitError, match=r"\.pdf$"):
        sf.report({"no": "table"}, tmp_path / "r.txt")


def test_options_cannot_change_a_finished_fit(tmp_path):
    with pytest.raises(sf.FitError, match="fitted already"):
        sf.report(sf.fit(runs()), tmp_path / "r.md", level=0.9)


@pytest.mark.skipif(os.name == "nt", reason="folders have no write bit there")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(sf.FitError, match="cannot be written"):
        sf.report(runs(), tmp_path / "r.md")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"), ("micro_f1", "micro_f1"), ("_x_", r"\_x\_"), ("<b>", "&lt;b&gt;"),
        ("[a](b)", r"\[a\](b)"), ("0.1 [0.05, 0.2]", "0.1 [0.05, 0.2]"), ("-1.5", "-1.5"),
        ("- x", r"\- x"), ("---", r"\---"), ("#x", r"\#x"), ("1) x", r"1\) x"), ("1.5", "1.5"),
        ("a\\", "a\\\\"), ("https://x.org", r"https:\//x.org"),
    ],
)  # fmt: skip
def test_escaped_text_shows_itself(text, shown):
    assert markdown.escape(text) == shown
    assert markdown.escape(markdown.escape(text)) == shown, "and is not escaped twice"


def test_a_fence_is_longer_than_any_in_the_code():
    assert markdown.code_block("x = '````'").startswith("`````python\n")


def test_several_curves_are_compared():
    table = pd.concat([runs().assign(k=k, f1=lambda t, k=k: t["f1"] - 0.01 * k) for k in range(3)])
    fits = sf.fit(table, by="k")
    compared = model.side_by_side(fits)
    content = model.build(fits, {}, [], "untested", compared=compared)
    names = [part.name for part in view.sections(content)]
    assert names == ["comparison", "backtest"]
    assert len(machine.form(content)["comparison"]) == 3
    assert model.side_by_side(fits[0]) == ""


def test_best_runs_that_are_left_out_are_explained():
    n, d = (x.ravel() for x in np.meshgrid([1e2, 1e3, 1e4], [1e9, 1e10, 1e11]))
    table = {"width": n, "tokens": d, "loss": 1.8 + 48 * n**-0.7 + 2100 * d**-0.37}
    fit = sf.fit(table, drivers=["width", "tokens"], law="additive", noise="gaussian")
    page = markdown.page(model.build(fit, {}, [], "untested"), {})
    assert "left out: what a run costs cannot be told from the names width and tokens" in page
