"""HTML reports in a real browser: no errors, tables that sort and filter, pages that print."""

from __future__ import annotations

import html
import json
import re

import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit.report import browser
from scalefit.report.browser import PDF_END, find_browser, headless, print_pdf

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="no browser of the Chromium family is installed"
)
#: Runs before the page's own script and notes what goes wrong there.
WATCH = """
window.wrong = [];
const note = (said) => window.wrong.push(String(said));
window.addEventListener("error", (e) => note(e.message || e.target.tagName), true);
document.addEventListener("securitypolicyviolation", (e) => note(e.violatedDirective));
for (const name of ["error", "warn"]) {
  console[name] = (...said) => window.wrong.push(said.join(" "));
}
"""
#: Does what a reader does, and leaves what it saw in the page.
READ = """
const seen = {};
const table = document.querySelector("#verdicts table");
const heads = table.tHead.rows[0].cells;
const names = Array.from(heads, (cell) => cell.textContent.trim());
const head = (name) => heads[names.indexOf(name)];
const column = (name) => Array.from(table.tBodies[0].rows, (row) => row.cells[names.indexOf(name)]);
const click = (name) => head(name).querySelector("button").click();
const shown = (cell) => cell.offsetParent !== null;
seen.names = names;
for (const name of ["label", "gain at 10x", "published rule"]) {
  click(name);
  seen[name] = column(name).map((cell) => cell.dataset.key ?? cell.textContent);
  seen[name + " is sorted"] = head(name).getAttribute("aria-sort");
  click(name);
  seen[name + " down"] = column(name).map((cell) => cell.dataset.key ?? cell.textContent);
}
const field = document.querySelector("input[data-filter]");
field.value = "TASK 1";
field.dispatchEvent(new Event("input"));
seen.filtered = column("label").filter(shown).map((cell) => cell.textContent);
seen.count = document.querySelector("output").textContent;
const mark = document.querySelector(".hits path[data-tip]");
mark.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: 90, clientY: 90 }));
seen.tip = document.getElementById("tip").textContent;
seen.tip_is_shown = !document.getElementById("tip").hidden;
location.hash = "#curve-7";
window.dispatchEvent(new Event("hashchange"));
seen.unfolded = document.getElementById("curve-7").open;
seen.folded = document.getElementById("curve-6").open;
window.dispatchEvent(new Event("beforeprint"));
seen.all_open = document.querySelectorAll("details:not([open])").length;
window.dispatchEvent(new Event("afterprint"));
seen.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
seen.wrong = window.wrong;
const out = document.createElement("pre");
out.id = "seen";
out.textContent = JSON.stringify(seen);
document.body.append(out);
"""


def runs(seed=0, slope=3.0):
    x = np.repeat(np.geomspace(1e4, 1e8, 5), 3)
    score = 0.9 - slope * x**-0.35 + np.random.default_rng(seed).normal(0, 0.005, x.size)
    return pd.DataFrame({"cells": x, "seed": [0, 1, 2] * 5, "f1": score})


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    parts = [runs(i, 0.4 * i).assign(label=f"task {i}") for i in range(8)]
    parts.append(runs(9).assign(label="<script>document.title = 'broken'</script>"))
    target = tmp_path_factory.mktemp("browser") / "report.html"
    return sf.report(pd.concat(parts), target, by="label").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def seen(page, tmp_path_factory):
    """Return what a script saw that was put into the page, and allowed, for this test alone."""
    watched = page.replace("script-src ", "script-src 'unsafe-inline' ", 1)
    # A policy with a hash ignores 'unsafe-inline', so the hash has to go.
    watched = re.sub(r"&#39;sha256-[^;]*&#39;|'sha256-[^;]*'", "", watched, count=1)
    watched = watched.replace("<style>", f"<script>{WATCH}</script><style>", 1)
    watched = watched.replace("</body>", f"<script>{READ}</script></body>")
    target = tmp_path_factory.mktemp("watched") / "report.html"
    target.write_text(watched, encoding="utf-8")
    done = headless("--window-size=390,800", "--dump-dom", target.as_uri())
    text = done.stdout.decode("utf-8")
    found = re.search(r'<pre id="seen">(.*?)</pre>', text, re.DOTALL)
    assert found, done.stderr.decode(errors="replace")[-2000:]
    return json.loads(html.unescape(found[1]))


def numbers(keys):
    return [float(key) for key in keys]


def ordered(keys, sign=1):
    """Say whether numbers are in order, those that are not known at the end."""
    values = numbers(keys)
    known = [value for value in values if value == value]
    return values[: len(known)] == known == sorted(known, reverse=sign < 0)


def test_no_errors_in_the_console(seen):
    assert seen["wrong"] == []


def test_a_click_on_a_name_sorts_by_the_number_behind_the_text(seen):
    for name in ("gain at 10x", "published rule"):
        assert len(seen[name]) == 9
        assert ordered(seen[name]), seen[name]
        assert ordered(seen[name + " down"], -1)
        assert seen[name + " is sorted"] == "ascending"
    assert seen["gain at 10x"] != seen["gain at 10x down"]
    assert seen["label"] == sorted(seen["label"], key=str.lower)
    assert seen["label down"] == seen["label"][::-1]


def test_the_order_test_can_fail():
    assert not ordered(["1", "nan", "2"])
    assert not ordered(["10", "9"])


def test_the_filter_keeps_what_it_is_asked_for(seen):
    assert seen["filtered"] == ["task 1"]
    assert seen["count"] == "1 of 9"


def test_values_are_told_under_the_pointer(seen):
    assert seen["tip_is_shown"]
    assert re.match(r"10k: mean ", seen["tip"])


def test_links_unfold_curves_and_printing_all_of_them(seen):
    assert seen["unfolded"]
    assert not seen["folded"]
    assert seen["all_open"] == 0


def test_a_phone_need_not_scroll_sideways(seen):
    assert seen["wide"] <= 0


def test_the_pages_own_policy_lets_its_script_run_and_no_other(page, tmp_path):
    """Nothing is changed here but an addition that the policy must stop."""
    target = tmp_path / "report.html"
    target.write_text(page.replace("</body>", "<script>document.title = 'let in'</script></body>"))
    text = headless("--dump-dom", target.as_uri()).stdout.decode("utf-8")
    assert "<title>Scaling of f1 with cells</title>" in text
    assert '<a href="#curve-1">1</a>' in text, "the page's own script has made the links"


def test_a_page_is_printed_as_pdf(page, tmp_path):
    content = print_pdf(page)
    assert content.startswith(b"%PDF-")
    assert content.endswith(PDF_END)
    target = tmp_path / "report.pdf"
    target.write_bytes(content)
    sf.report(runs(), target)  # ours, and so replaced
    target.write_bytes(b"%PDF-1.4 mine")
    with pytest.raises(sf.FitError, match="not a report"):
        sf.report(runs(), target)


def test_a_browser_that_prints_nothing_is_an_error(page, monkeypatch):
    monkeypatch.setattr(browser, "_NAMES", ("true",))
    with pytest.raises(sf.FitError, match="printed nothing"):
        print_pdf(page)
