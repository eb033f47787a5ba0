"""HTML reports: self-contained, complete, and harmless whatever a table's texts are."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.report import browser, downloads, html, model

from .test_report import runs, several

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)",
    "</style><script>x</script>", "</svg></table></details>", "{{ 7*7 }}{% raw %}",
    "=HYPERLINK(\"http://evil\")", "@SUM(1)", "\x1b[31mred\x00\x07", "\u202egnp.exe",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629", "日本語", "z" * 10_000, "&lt;b&gt;",
    "javascript:alert(1)", "a\nb\r\nc\td",
]  # fmt: skip
#: Elements that HTML closes by itself.
VOID = {"meta", "input", "img", "br"}


class Reader(HTMLParser):
    """Reads a page as a browser would: elements, attributes, texts, and whether all is closed."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "elements are nested"

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("html")
    runs().to_csv(folder / "scores.csv", index=False)
    return sf.report(folder / "scores.csv", folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile():
    column = "la<script>bel"
    table = several(HOSTILE, column).rename(columns={"f1": "<b>score</b>"})
    fits = sf.fit(table, score="<b>score</b>", by=column, better="higher", bounds=(0, 1))
    return html.html_page(model.build(fits, {}, [], sf.backtest(fits)))


def test_the_page_needs_nothing_else(page):
    read = Reader(page)
    assert read.open == []
    addresses = [v for _, name, v in read.attributes if name in ("src", "href", "srcset", "action")]
    assert addresses
    assert all(value.startswith(("#", "data:")) for value in addresses)
    assert "@import" not in page
    assert "url(" not in page
    assert "http-equiv" in page


def test_only_the_pages_own_script_may_run(page):
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(v for _, name, v in Reader(page).attributes if v and "default-src" in v)
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert page.count("<script>") == 1


def test_the_page_says_what_a_paper_needs(page):
    text = " ".join("".join(Reader(page).texts).split())
    fit = sf.fit(runs())
    for said in (
        fit.saturation().reason, "scores.csv", "15 rows", "whichever law is true", fit.curve,
        "asymptote", "profile-likelihood", "seed 0", "doi:10.1137/0710036", sf.__version__,
        "table = sf.read_table('scores.csv')", "for the authors to say", "arXiv:2502.18969",
        "hidden", *fit.laws["law"], *fit.saturation().tests["null"],
    ):  # fmt: skip
        assert " ".join(said.split()) in text


def test_every_picture_says_what_it_shows(page):
    read = Reader(page)
    about = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(about) == 5, "curve, gains, margins, laws, residuals"
    assert all(len(text) > 40 for text in about)
    assert len([tag for tag in read.tags if tag == "svg"]) - len(about) == 6, "keys of the laws"
    alts = [value for tag, name, value in read.attributes if (tag, name) == ("img", "alt")]
    assert len(alts) == 1
    assert alts[0]


def test_hover_values_are_those_of_predict(page):
    tips = [v for _, name, v in Reader(page).attributes if name == "data-tip"]
    fit = sf.fit(runs())
    top = fit.predict([1e8]).iloc[0]
    gain = sf._format.interval_text(top["estimate"], top["lower"], top["upper"])
    assert any(tip.startswith(f"100M: mean {gain}, one run [") for tip in tips)
    rows = fit.table.rows
    assert f"100M: {rows['f1'].iloc[-1]:.5g}" in tips


def test_hostile_texts_are_data(hostile):
    read = Reader(hostile)
    assert read.open == []
    assert hostile.count("<script") == 1
    assert read.tags.count("img") == 1, "the backtest's"
    names = {name for _, name, _ in read.attributes}
    assert not [name for name in names if name.startswith("on")]
    for sign in ("\x1b", "\x00", "\x07", "\u202e"):
        assert sign not in hostile
    text = "".join(read.texts)
    assert "<script>alert(1)</script>" in text, "shown as it is"
    assert "{{ 7*7 }}{% raw %}" in text
    assert "日本語" in text
    assert "\u0627\u0644\u0639\u0631\u0628\u064a\u0629" in text


def test_long_labels_are_shortened_on_the_page_only(hostile):
    told = re.sub(r'href="data:[^"]*"', "", hostile)
    longest = max(map(len, re.findall(r"z+", told)))
    assert longest <= 120
    assert "z" * 10_000 in hostile, "the files have it in full"


def test_right_to_left_labels_cannot_turn_their_neighbours(hostile):
    assert re.search("<bdi>[^<]*\u0627", hostile)
    assert "unicode-bidi: isolate" in hostile


def files_of(page):
    links = re.findall(r'<a download="([^"]*)" href="data:text/csv;charset=utf-8,([^"]*)"', page)
    return {name: list(csv.reader(io.StringIO(unquote(text)))) for name, text in links}


def test_tables_come_along_as_csv(page):
    files = files_of(page)
    assert set(files) == {
        "curves.csv", "parameters.csv", "laws.csv", "gains.csv", "forecasts.csv", "tests.csv",
        "findings.csv", "backtest.csv", "backtest_forecasts.csv", "runs.csv",
    }  # fmt: skip
    assert len(files["runs.csv"]) == 16
    header, row = files["curves.csv"]
    fit = sf.fit(runs())
    assert float(row[header.index("gain")]) == pytest.approx(fit.gain().estimate, rel=1e-9)
    assert row[header.index("verdict")] == fit.saturation().verdict


def test_no_cell_of_a_csv_is_a_formula(hostile):
    files = files_of(hostile)
    number = re.compile(r"-?(\d+\.?\d*(e[-+]?\d+)?|inf)$")
    cells = [cell for rows in files.values() for row in rows for cell in row if cell]
    risky = [cell for cell in cells if cell[0] in "=+-@\t\r\n" and not number.match(cell)]
    assert risky == []
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert downloads.csv_text(pd.DataFrame({"=x": ["=1"]})) == "'=x\n'=1\n"


def test_tables_carry_the_numbers_they_are_sorted_by(hostile):
    table = re.search(r'<table class="sortable verdicts.*?</table>', hostile, re.DOTALL)[0]
    rows = re.findall(r"<tr><td.*?</tr>", table, re.DOTALL)
    assert len(rows) == len(HOSTILE)
    for row in rows:
        keys = re.findall(r'data-key="([^"]*)"', row)
        assert len(keys) >= 6
        assert all(float(key) is not None for key in keys)


def test_many_curves_are_folded_and_shown_at_a_glance(tmp_path):
    fits = sf.fit(several([f"task {i}" for i in range(8)]), by="label")
    page = sf.report(fits, tmp_path / "many.html").read_text(encoding="utf-8")
    assert page.count('<details class="curve"') == 8
    assert '<details class="curve" id="curve-1">' in page
    gallery = re.search(r'<div class="gallery">(.*?)</div>', page, re.DOTALL)[1]
    assert gallery.count("<svg") == 8
    links = set(re.findall(r'href="#(curve-\d+)"', page))
    assert links == set(re.findall(r'id="(curve-\d+)"', page))


def test_two_drivers_have_parameters_and_no_verdict(tmp_path):
    size, data = (
        g.ravel() for g in np.meshgrid(np.geomspace(1e6, 1e9, 6), np.geomspace(1e8, 1e11, 6))
    )
    noise = np.random.default_rng(0).normal(0, 0.002, size.size)
    loss = (1.7 + 400 * size**-0.34 + 400 * data**-0.28) * np.exp(noise)
    table = pd.DataFrame({"params": size, "tokens": data, "loss": loss})
    for name in ("two.html", "two.md", "two.json"):
        written = sf.report(table, tmp_path / name, drivers=["params", "tokens"])
        text = written.read_text(encoding="utf-8")
        assert "params and tokens" in text
        assert "maximum likelihood" in text
        for parameter in ("alpha", "beta"):
            assert parameter in text
    assert 'verdicts": {' not in text


def test_a_table_that_cannot_answer_has_a_page(tmp_path):
    page = sf.report(runs(sizes=(1e4, 3e4)), tmp_path / "r.html").read_text(encoding="utf-8")
    assert '<li class="refuse">' in page
    assert "No size was hidden" in page


def test_open_ends_and_flat_curves_are_drawn_without_a_warning(tmp_path):
    flat = runs(slope=0.0, sd=0.0)
    page = sf.report(flat, tmp_path / "flat.html").read_text(encoding="utf-8")
    places = re.findall(r' (?:d|cx|cy|x|y|x1|x2|y1|y2|width|height)="([^"]*)"', page)
    assert len(places) > 100
    assert not [place for place in places if "nan" in place or "inf" in place]


def test_the_same_page_twice(page, tmp_path):
    runs().to_csv(tmp_path / "scores.csv", index=False)
    again = sf.report(tmp_path / "scores.csv", tmp_path / "report.html")
    assert again.read_text(encoding="utf-8") == page


def test_pages_are_replaced_and_other_pages_are_not(tmp_path):
    target = tmp_path / "r.html"
    target.write_text("<!DOCTYPE html><title>mine</title>", encoding="utf-8")
    with pytest.raises(sf.FitError, match="not a report of scalefit"):
        sf.report(runs(), target)
    sf.report(runs(), target, force=True)
    sf.report(runs(), target)


def test_a_pdf_without_a_browser_is_refused_before_fitting(tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    with pytest.raises(sf.FitError, match="printed by a browser"):
        sf.report({"no": "table"}, tmp_path / "r.pdf")


@pytest.mark.slow
def test_two_hundred_curves_stay_small(tmp_path):
    """6,400 rows: 9.2 MB, and 50 s of one core where it was measured."""
    parts = []
    rng = np.random.default_rng(0)
    for i in range(200):
        x = np.repeat(np.geomspace(1e4, 1e7, 8), 4)
        score = rng.uniform(0.6, 0.95) - rng.uniform(0.2, 0.5) * (x / 100) ** -rng.uniform(0.1, 0.8)
        parts.append(pd.DataFrame({
            "model": f"model {i // 10}", "task": f"task {i % 10}", "cells": x,
            "seed": [0, 1, 2, 3] * 8, "f1": score + rng.normal(0, 0.01, x.size),
        }))  # fmt: skip
    written = sf.report(pd.concat(parts), tmp_path / "r.html", by=["model", "task"])
    assert written.stat().st_size < 10e6
