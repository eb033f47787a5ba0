"""The command line: what is said where, with which exit code, and to whom."""

from __future__ import annotations

import ast
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import scalefit as sf
from scalefit import _terminal
from scalefit._filters import kept_rows
from scalefit.cli import cli
from scalefit.report import browser, files, writing


def runs(sizes=(1e4, 1e5, 1e6, 1e7, 1e8), **columns):
    x = np.repeat(np.array(sizes), 3)
    score = 0.9 - 3.0 * x**-0.35 + np.random.default_rng(0).normal(0, 0.005, x.size)
    return pd.DataFrame({"cells": x, "seed": [0, 1, 2] * len(sizes), "f1": score, **columns})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    runs().to_csv(folder / "scores.csv", index=False)
    runs().to_csv(folder / "comma.csv", index=False, sep=";", decimal=",")
    parts = [
        runs().assign(model=m, task=t, width=w)
        for m, t, w in [
            ("a", "[red]x[/red]", 128),
            ("b", "\x1b[31mlung", 256),
            ("a", "y" * 300, 256),
        ]
    ]
    pd.concat(parts).to_csv(folder / "several.csv", index=False)
    runs(sizes=(1e4, 3e4)).to_csv(folder / "small.csv", index=False)
    return folder


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.chdir(folder)

    def run(*arguments, code=0, given=None):
        result = CliRunner().invoke(cli, [str(a) for a in arguments], input=given)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


def test_fit_prints_the_answer_the_law_and_the_cautions(run):
    said = run("fit", "scores.csv").stdout
    fit = sf.fit("scores.csv")
    assert fit.saturation().reason in said
    for part in ("asymptote", "laws tried", "saturating_power", fit.curve):
        assert part in said


def test_a_caution_names_the_option_of_the_shell(run, folder):
    runs(sizes=(1e4, 2e4, 3e4, 5e4)).to_csv(folder / "narrow.csv", index=False)
    said = " ".join(run("fit", "narrow.csv", code=1).stdout.split())
    assert "--show-refused shows the numbers anyway" in said
    assert "force=True" not in said


def test_fit_reads_standard_input(run, folder):
    text = (folder / "scores.csv").read_text()
    said = run("fit", "-", given=text).stdout
    assert "standard input" in said


def test_fit_of_several_curves_counts_the_inconclusive(run):
    said = run("fit", "several.csv", "--by", "model,task").stdout
    assert "3 curves: " in said
    assert "inconclusive" in said


@pytest.mark.parametrize("by", [["--by", "model,task"], ["--by", "model", "--by", "task"]])
def test_by_is_repeated_or_separated_by_commas(run, by):
    assert "3 curves" in run("saturation", "several.csv", *by).stdout


def test_labels_are_printed_sign_by_sign(run):
    result = run("fit", "several.csv", "--by", "model,task")
    assert "[red]x[/red]" in result.output
    assert "\x1b" not in result.output
    assert "[31mlung" in result.output
    assert "y" * 200 not in result.output, "long labels are shortened"
    assert "y" * 300 in run("fit", "several.csv", "--by", "model,task", "--json").stdout


def test_json_is_json_and_alone_on_standard_output(run):
    one = json.loads(run("fit", "scores.csv", "--json").stdout)
    assert one["schema"] == "scalefit report 1"
    assert one["curves"][0]["law"] == "saturating_power"
    assert "\x1b" not in run("fit", "several.csv", "--by", "task", "--json").stdout
    few = json.loads(run("saturation", "several.csv", "--by", "task", "--json").stdout)
    assert len(few["curves"]) == 3
    assert few["inconclusive"] == sum(c["verdict"] == "inconclusive" for c in few["curves"])
    assert {row["law"] for row in json.loads(run("laws", "--json").stdout)} == set(sf.laws().index)


def test_saturation_asks_what_it_is_told(run):
    said = run("saturation", "scores.csv", "--factor", "100", "--margin", "0.1").stdout
    assert sf.fit("scores.csv").saturation(100, 0.1).explain() == said.strip()
    one = json.loads(run("saturation", "scores.csv", "--margin", "0.1", "--json").stdout)
    assert one["curves"][0]["margin"] == 0.1
    assert one["curves"][0]["verdict"] == "saturated"
    said = run("saturation", "scores.csv", "--margin", "0.5").stdout
    assert said.strip().endswith("give a margin below what is left, --margin")


def test_options_reach_the_fit(run):
    options = (
        "--score", "f1", "--cells", "cells", "--law", "power", "--law", "hill,constant",
        "--better", "higher", "--bounds", "0,1", "--variance", "constant", "--inference", "wald",
        "--level", "0.9", "--seed", "7",
    )  # fmt: skip
    content = json.loads(run("fit", "scores.csv", *options, "--json").stdout)
    settings = content["settings"]
    assert settings["inference"] == "wald"
    assert settings["level"] == 0.9
    assert settings["seed"] == 7
    assert settings["noise"] == {"variance": "constant", "seeds": "nested"}
    assert sorted(law["law"] for law in content["curves"][0]["laws"]) == [
        "constant", "hill", "power",
    ]  # fmt: skip
    assert "bounds=(0.0, 1.0)" in content["code"]


def test_drivers_are_one_name_or_two():
    def drivers(*words):
        return cli.commands["fit"].make_context("fit", ["t.csv", *words]).params["drivers"]

    assert drivers() == []
    assert drivers("--cells", "tokens") == ["tokens"]
    assert drivers("--drivers", "params, tokens") == ["params", "tokens"]
    assert drivers("--drivers", "params", "--drivers", "tokens") == ["params", "tokens"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--se", "f1_se"), "se='f1_se'"),
        (("--sd", "f1_se", "--n", "k"), "sd='f1_se',\n    n='k'"),
        (("--items", "k"), "items='k'"),
        (("--run", "job"), "run='job'"),
    ],
)
def test_columns_of_errors_items_and_runs_are_named(run, folder, options, code):
    runs(f1_se=0.005, k=3, job=[0, 1, 2] * 5).to_csv(folder / "errors.csv", index=False)
    content = json.loads(run("fit", "errors.csv", *options, "--json").stdout)
    assert code in content["code"]
    wrong = run("fit", "errors.csv", "--se", "f1_es", code=2)
    assert "no column 'f1_es' (given as --se)" in wrong.stderr


@pytest.mark.parametrize("value", ["128", "128.0"])
def test_filter_keeps_rows_and_says_how_many(run, value):
    result = run("saturation", "several.csv", "--by", "model", "--filter", f"width={value}")
    assert f"kept 15 of 45 rows with width={value}" in result.stderr
    assert "1 curve: " in result.stdout


@pytest.mark.parametrize("value", ["10k", "1e4", "10,000"])
def test_a_filter_reads_numbers_as_tables_do(value):
    rows = pd.DataFrame({"cells": [1e4, 2e4], "f1": [0.5, 0.6]})
    kept, code = kept_rows(rows, [("cells", value)])
    assert kept["f1"].tolist() == [0.5]
    assert code == ["table = table[table['cells'].eq(10000.0)]"]


def test_a_filter_repeated_for_a_column_keeps_either_value(run):
    result = run("saturation", "several.csv", "--by", "model", "--filter", "width=128",
                 "--filter", "model=a", "--filter", "model=b")  # fmt: skip
    assert "kept 15 of 45 rows with width=128" in result.stderr
    assert "with model=a or b" in result.stderr


def test_a_table_of_another_country_is_read_as_it_was_written(run):
    content = json.loads(run("fit", "comma.csv", "--decimal", ",", "--json").stdout)
    assert content["curves"][0]["law"] == "saturating_power"
    assert "table = sf.read_table('comma.csv', decimal=',')" in content["code"]


def test_a_dot_is_no_decimal_where_the_comma_is(run, folder):
    """In 500, 1.000, 5.000 the dots stand between thousands, and a comma is said to be decimal."""
    (folder / "dots.csv").write_text(
        "cells;f1\n500;0,52\n1.000;0,58\n5.000;0,66\n10.000;0,69\n50 k;0,73\n1,5 M;0,75\n"
    )
    result = run("fit", "dots.csv", "--decimal", ",", code=2)
    assert "dots between thousands: read the file with --thousands . as well: row 2 ('1.000')" in (
        " ".join(result.stderr.split())
    )
    said = run("fit", "dots.csv", "--decimal", ",", "--thousands", ".").stdout
    assert "6 runs at 6 sizes, 500 to 1.5M cells" in said
    (folder / "groups.csv").write_text("cells,f1\n1.000.000,0.5\n2.000.000,0.6\n")
    result = run("fit", "groups.csv", code=2)
    assert "the file with --decimal , and --thousands . if" in " ".join(result.stderr.split())


def test_published_estimates_are_compared_without_a_table_to_fit(run, folder):
    (folder / "told.csv").write_text("model,estimate,std_error\nA,0.31,0.05\nB,0.18,0.02\n")
    assert "A    B     0.130" in run("compare", "told.csv", "--what", "exponent").stdout
    result = run("compare", "told.csv", "--what", "exponent", "--law", "hill", code=1)
    assert "law: there is no table to fit" in result.stderr


def test_options_that_may_repeat_are_one_text_or_a_list_in_a_file(run, folder):
    (folder / "one.toml").write_text('by = "model,task"\nfilter = "width=256"\ncells = "cells"\n')
    told = json.loads(run("saturation", "several.csv", "--config", "one.toml", "--json").stdout)
    assert [curve["model"] for curve in told["curves"]] == ["b", "a"]
    (folder / "plan.toml").write_text("[plan]\nsizes = [1e9, 1e10]\ntables = 5\n")
    told = json.loads(run("plan", "scores.csv", "--config", "plan.toml", "--json").stdout)
    sizes = [proposal["sizes"] for proposal in told["curves"][0]["proposals"]]
    assert sizes == [[], [1e9], [1e10]]
    (folder / "half.toml").write_text("seed = 1.5\n")
    assert "1.5" in run("saturation", "scores.csv", "--config", "half.toml", code=2).stderr


def test_filters_keep_missing_values_and_say_so_in_code():
    rows = pd.DataFrame({"model": ["a", None, "b", "c"], "width": [1, 2, 2, np.nan]})
    asked = [("model", "a"), ("model", ""), ("width", "2"), ("width", "1e0")]
    kept, lines = kept_rows(rows, asked)
    names = {"table": rows}
    exec("\n".join(lines), names)
    assert kept.index.tolist() == names["table"].index.tolist() == [0, 1]


def test_filters_are_part_of_the_code_of_a_report(run, folder):
    run("report", "several.csv", "--filter", "model=b", "--filter", "width=256", "-o", "f.json")
    code = json.loads((folder / "f.json").read_text())["code"]
    assert "table = table[table['model'].astype(str).eq('b')]" in code
    names: dict[str, object] = {}
    exec(code, names)
    assert len(names["table"]) == 15


@pytest.mark.parametrize(
    ("given", "says"),
    [("modle=a", "did you mean 'model'"), ("model=c", "there are a, b"), ("width=x", "numbers")],
)
def test_a_filter_that_keeps_nothing_says_why(run, given, says):
    assert says in run("fit", "several.csv", "--filter", given, code=2).stderr


def test_a_report_is_written_and_its_place_printed(run, folder):
    result = run("report", "dataset:denadel_2026", "--by", "model,dataset", "--on-bad", "drop",
                 "--filter", "downsampling=random", "--filter", "model=SCimilarity",
                 "--filter", "dataset=intestine", "-o", "out.md")  # fmt: skip
    assert result.stdout == "out.md\n"
    page = (folder / "out.md").read_text(encoding="utf-8")
    assert "table = sf.datasets.load('denadel_2026')" in page
    assert str(folder) not in page
    assert len(list((folder / "out_files").iterdir())) == 3


def test_a_file_that_is_not_a_report_is_kept_unless_forced(run, folder):
    (folder / "mine.json").write_text("{}")
    said = run("report", "scores.csv", "-o", "mine.json", code=2).stderr
    assert "--force" in said
    assert (folder / "mine.json").read_text() == "{}"
    run("report", "scores.csv", "-o", "mine.json", "--force")
    run("report", "scores.csv", "-o", "mine.json")


def test_what_cannot_be_written_is_refused_before_any_work(run):
    assert "use .html" in run("report", "nothing.csv", "-o", "r.docx", code=2).stderr


def test_a_page_and_its_pdf_are_written_together(run, folder, monkeypatch):
    monkeypatch.setattr(writing, "print_pdf", lambda page: b"%PDF " + page[:15].encode())
    monkeypatch.setattr(files, "need_browser", lambda: "a browser")
    said = run("report", "scores.csv", "-o", "both.html", "--pdf").stdout
    assert said == "both.html\nboth.pdf\n"
    assert (folder / "both.pdf").read_bytes() == b"%PDF <!DOCTYPE html>"
    assert (folder / "both.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_without_a_browser_a_pdf_is_bad_usage(run, folder, monkeypatch):
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    said = run("report", "scores.csv", "-o", "no.html", "--pdf", code=2).stderr
    assert "printed by a browser" in said
    assert not (folder / "no.html").exists()


def test_the_terminal_is_told_nothing_hostile(run, folder):
    labels = ["<script>", "=1+1", "\x1b]0;title\x07", "\u202egnp.exe", "q" * 10_000, "\u0639\u0631"]
    parts = [runs().assign(**{"la\x1bbel": label}) for label in labels]
    pd.concat(parts).to_csv(folder / "hostile.csv", index=False)
    for command in ("fit", "saturation", "backtest"):
        said = run(command, "hostile.csv", "--by", "la\x1bbel").output
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)
        assert "q" * 200 not in said
    said = run("fit", "hostile.csv", "--by", "no\x1b[2Jwhere", code=2).output
    assert "\x1b" not in said


def test_noises_and_inferences_are_those_of_the_package(run):
    from scalefit import _options, noise
    from scalefit.inference import INFERENCES

    assert set(_options.NOISES) == set(noise.NOISES)
    offered = {
        name: set(option.type.choices)
        for name, command in cli.commands.items()
        for option in command.params if option.name == "inference"
    }  # fmt: skip
    assert offered.pop("optimum") == {*INFERENCES, "posterior", "union"}
    assert offered
    assert all(choices == {*INFERENCES, "posterior"} for choices in offered.values()), offered
    content = json.loads(run("fit", "scores.csv", "--noise", "student", "--json").stdout)
    assert "noise='student'" in content["code"]


def test_two_drivers_are_fitted_printed_and_reported(run, folder, monkeypatch):
    told = []
    monkeypatch.setattr("scalefit._printed.note", told.append)
    params, tokens = (
        g.ravel() for g in np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(1e8, 1e11, 5))
    )
    noise = np.random.default_rng(0).normal(0, 0.002, params.size)
    loss = (1.7 + 400 * params**-0.34 + 400 * tokens**-0.28) * np.exp(noise)
    pd.DataFrame({"params": params, "tokens": tokens, "loss": loss, "set": "a"}).to_csv(
        folder / "two.csv", index=False
    )
    said = run("fit", "two.csv", "--drivers", "params,tokens").stdout
    assert "alpha" in said
    assert told == ["asking every law that fits what more of each driver buys"]
    assert run("fit", "two.csv", "--cells", "tokens", "--params", "params").stdout == said
    said = run("fit", "two.csv", "--drivers", "params,tokens", "--by", "set").stdout
    assert said.splitlines()[0].split()[:4] == ["set", "runs", "sizes", "law"]
    assert "10x tokens" in said
    content = json.loads(run("fit", "two.csv", "--drivers", "params,tokens", "--json").stdout)
    assert "verdict" not in content["curves"][0]
    run("report", "two.csv", "--drivers", "params,tokens", "-o", "two.html")


def test_options_come_from_a_file_and_the_command_line_goes_before(run, folder):
    (folder / "options.toml").write_text(
        'table = "scores.csv"\nlevel = 0.8\nlaw = ["power", "hill"]\nbounds = [0, 1]\n'
        "holdout = 0.4\n[saturation]\nmargin = 0.5\njson = true\n[report]\noutput = 'c.json'\n"
    )
    content = json.loads(run("fit", "--config", "options.toml", "--json").stdout)
    assert content["settings"]["level"] == 0.8
    assert "bounds=(0.0, 1.0)" in content["code"]
    assert {law["law"] for law in content["curves"][0]["laws"]} == {"power", "hill"}
    content = json.loads(run("fit", "--config", "options.toml", "--level", "0.9", "--json").stdout)
    assert content["settings"]["level"] == 0.9
    content = json.loads(run("saturation", "--config", "options.toml").stdout)
    assert content["curves"][0]["margin"] == 0.5
    assert run("report", "--config", "options.toml").stdout == "c.json\n"


def test_no_file_is_unpickled_or_evaluated(folder):
    class Bomb:
        def __reduce__(self):
            return (open, (str(folder / "exploded"), "w"))

    for name in ("bomb.json", "bomb.csv", "bomb.pkl"):
        (folder / name).write_bytes(pickle.dumps(Bomb()))
        for reader in (sf.load, sf.read_table, sf.fit):
            with pytest.raises(sf.ScalefitError):
                reader(folder / name)
    assert not (folder / "exploded").exists()
    for path in Path(sf.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {getattr(node, "module", None), *(alias.name for alias in node.names)}
                assert not names & {"pickle", "marshal", "shelve", "dill"}, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile"), path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("levle = 0.9", "did you mean 'level'"),
        ("[report]\nmargin = 1", "no option 'report.margin'"),
        ("[reprot]\nforce = true", "did you mean 'report'"),
        ("level = ", "not a TOML file"),
        ("level = 95", "0<x<1"),
    ],
)
def test_a_wrong_file_of_options_is_bad_usage(run, folder, content, says):
    (folder / "wrong.toml").write_text(content)
    result = run("fit", "scores.csv", "--config", "wrong.toml", code=2)
    assert says in result.stderr
    assert result.stdout == ""


def test_shells_complete_tables_and_laws():
    from click.shell_completion import BashComplete

    complete = BashComplete(cli, {}, "scalefit", "_SCALEFIT_COMPLETE")
    found = [item.value for item in complete.get_completions(["fit"], "dataset:denadel_2026_b")]
    assert "dataset:denadel_2026_baselines" in found
    found = [i.value for i in complete.get_completions(["fit", "t.csv", "--law"], "hill,satur")]
    assert found == ["hill,saturating_power"]
    assert "saturation" in [item.value for item in complete.get_completions([], "sat")]


@pytest.mark.parametrize("command", ["fit", "saturation"])
def test_data_that_cannot_answer_end_with_one(run, command):
    result = run(command, "small.csv", code=1)
    assert "4 distinct sizes" in result.stderr
    assert result.stdout, "what can be said is said"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_budgets_that_no_curve_answers_end_with_one(run, tmp_path, form):
    rows = [(n, d, 1.7 + 400 / n**0.34 + 410 / d**0.28)
            for n in (1e7, 3e7, 1e8, 3e8, 1e9) for d in (1e9, 1e10, 1e11)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["params", "tokens", "loss"])
    table["loss"] += np.random.default_rng(0).normal(0, 0.005, len(table))
    table.to_csv(tmp_path / "two.csv", index=False)
    asked = ["optimum", tmp_path / "two.csv", "--drivers", "params,tokens", *form, "--compute"]
    result = run(*asked, "1e22", code=1)
    assert "3 sizes of tokens); add runs at other sizes" in result.stderr
    assert result.stdout, "what can be said is said"
    assert "cannot answer" not in run(*asked, "1e19,1e22").stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fit", "missing.csv"], "missing.csv"),
        (["fit", "scores.csv", "--law", "sigmoid"], "no law named 'sigmoid'"),
        (["fit", "scores.csv", "--law", "sat_power"], "did you mean 'saturating_power'?"),
        (["fit", "scores.csv", "--level", "95"], "--level"),
        (["fit", "scores.csv", "--bounds", "0"], "two numbers"),
        (["fit", "scores.csv", "--bounds", "1,0"], "'1,0': give two numbers, the lowest score"),
        (["fit", "scores.csv", "--jobs", "0"], "-1 for all cores"),
        (["fit", "scores.csv", "--jobs", "-5"], "-1 for all cores"),
        (["report", "scores.csv", "-o", "."], ".: is a folder; name a file in it"),
        (["fit", "scores.csv", "--inference", "posterior"], "fit with --method bayes"),
        (["optimum", "scores.csv", "--compute", "1e22,-5"], "positive numbers such as"),
        (["optimum", "scores.csv", "--compute", "1e22"], "this fit has cells"),
        (["compare", "scores.csv", "--at", "-1"], "'-1': give a size"),
        *(
            ([name, "scores.csv", "--inference", "union"], "'union' is not one of 'profile', ")
            for name in ("fit", "saturation", "backtest", "compare", "plan")
        ),
        (["fit", "scores.csv", "--by", "nothing"], "nothing"),
        (["fit", "scores.csv", "--filter", "model"], "column=value"),
        (["saturation", "scores.csv", "--factor", "1"], "--factor"),
        (["fit", "dataset:denadel"], "no dataset named 'denadel'"),
        (["report", "scores.csv"], "--output"),
        (["optimum", "scores.csv", "--compute", "1e9", "--cost", "6DN"], "N for the first driver"),
        (["plan", "scores.csv", "--plot", "nowhere/plan.png"], "no such folder"),
        (["plan", "scores.csv", "--plot", "plan.doc"], "kind of picture"),
        (["plan", "scores.csv", "--sizes", ","], "sizes such as"),
        (["datasets", "denadel_2026", "--out", "."], "is a folder"),
        (["fit", "comma.csv"], "read the file with --decimal ,"),
        (["fit", "comma.csv"], "pass --on-bad drop to leave them out"),
        (["fit", "scores.csv", "--by", "cells"], "leave --by out, or pass --drivers"),
        (["fit", "scores.csv", "--pool", "partial"], "use --method bayes"),
        (["compare", "scores.csv", "./scores.csv"], "two tables are called 'scores'"),
        (["datasets", "--out", "x.csv"], "NAME"),
        (["fti", "scores.csv"], "fti"),
    ],
)
def test_bad_usage_ends_with_two(run, arguments, says):
    result = run(*arguments, code=2)
    assert says in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "n, said", [(1, "left out 1 row, for 1 value\n"), (2, "left out 2 rows, for 2 values\n")]
)
def test_values_left_out_are_counted(run, tmp_path, n, said):
    table = runs()
    table.loc[: n - 1, "f1"] = np.nan
    table.to_csv(tmp_path / "gaps.csv", index=False)
    assert said in run("saturation", str(tmp_path / "gaps.csv"), "--on-bad", "drop").stderr


def test_whole_numbers_in_labels_look_alike_in_every_command(run, tmp_path):
    both = [runs(width=256.0), runs(width=512.0)]
    pd.concat(both).to_csv(tmp_path / "widths.csv", index=False)
    for command in ("fit", "saturation", "compare"):
        printed = run(command, str(tmp_path / "widths.csv"), "--by", "width").stdout
        assert "256" in printed
        assert "256.0" not in printed


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "Interrupted\n"),
     (("--cache", "kept"), "Interrupted; finished blocks of curves are kept in kept\n")],
)  # fmt: skip
def test_an_interruption_is_no_answer_of_the_data(run, monkeypatch, options, said):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("scalefit.checked.assess", stop)
    assert run("saturation", "several.csv", "--by", "model,task", *options, code=130).stderr == said


def test_a_bug_is_called_one(run, monkeypatch):
    monkeypatch.setattr(sys.modules["scalefit.laws"], "laws", lambda: 1 / 0)
    assert "this is a bug (ZeroDivisionError" in run("laws", code=3).stderr


def test_debug_shows_where_an_error_comes_from(folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(cli, ["fit", "missing.csv", "--debug"])
    assert "Traceback" in result.stderr
    assert result.exit_code == 2


def test_datasets_are_listed_printed_and_copied(run, folder):
    assert "denadel_2026_saturation" in run("datasets").stdout
    assert run("datasets", "denadel_2026").stdout.strip().endswith("denadel_2026.csv")
    run("datasets", "denadel_2026_baselines", "--out", "copy.csv")
    original = sf.datasets.path("denadel_2026_baselines").read_text(encoding="utf-8")
    assert (folder / "copy.csv").read_text(encoding="utf-8") == original
    assert "--force" in run("datasets", "denadel_2026", "--out", "copy.csv", code=2).stderr


def test_version(run):
    assert run("--version").stdout.strip() == f"scalefit, version {sf.__version__}"


@pytest.mark.parametrize("command", [None, *cli.commands])
def test_every_help_has_examples(run, command):
    said = run(*([command] if command else []), "--help").stdout
    assert "Examples:\n    scalefit" in said
    assert "Exit codes: 0 done" in said
    assert "130 interrupted" in said


def test_tables_fit_the_terminal(monkeypatch, capsys):
    rows = pd.DataFrame({"name": ["n" * 30] * 2, "spare": ["s" * 30] * 2, "gain": ["0.1"] * 2})
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    _terminal.print_table(rows, ["spare"])
    said = capsys.readouterr().out
    styles = set(re.findall("\x1b\\[([0-9;]*)m", said))
    assert styles <= {"0", "1"}, "bold at most where colours are not wanted"
    said = re.sub("\x1b\\[[0-9;]*m", "", said)
    assert "n" * 30 in said
    assert "sss" not in said
    assert max(map(len, said.splitlines())) <= 50


def test_the_module_runs_and_a_closed_pipe_is_no_error(folder):
    environment = os.environ | {"PYTHONPATH": str(sf.datasets.path("denadel_2026").parents[2])}
    command = [sys.executable, "-m", "scalefit", "fit", "several.csv", "--by", "task", "--json"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read().decode()
    process.stderr.close()
    process.wait(timeout=60)
    assert "Traceback" not in error
    assert "BrokenPipe" not in error


def test_a_gain_that_no_verdict_is_given_on_ends_with_one(run):
    one = run("saturation", "scores.csv", "--factor", 100000, code=1)
    assert "farther beyond the sizes" in one.stderr
    every = run("saturation", "several.csv", "--by", "task", "--factor", 100000, code=1)
    assert "farther beyond the sizes" in every.stderr
    run("saturation", "scores.csv", "--factor", 100)
