"""Many curves: in blocks, at the same time, kept, told of; and the same as each curve alone."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields, is_dataclass
from importlib import import_module

import joblib
import numpy as np
import pandas as pd
import pytest

import scalefit as sf
from scalefit import work
from scalefit.errors import FitError
from scalefit.fit import set_of
from scalefit.stacked import stacked


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(work, "BLOCK", 3)
    monkeypatch.setattr(work, "SLOW_BLOCK", 3)


def table(n=6, loss=False):
    rng = np.random.default_rng(5)
    x = np.tile(np.repeat([1e4, 3e4, 1e5, 1e6, 1e7], 3), n)
    curve = np.repeat(np.arange(n), 15)
    mean = 0.3 * (x / 1e4) ** -rng.uniform(0.05, 1.0, n)[curve]
    mean = 1.0 + mean if loss else 0.9 - mean
    sizes = mean + 0.01 * rng.standard_normal(x.size)
    return pd.DataFrame({"cells": x, "loss" if loss else "f1": sizes, "curve": curve})


def same(one, other):
    """Compare records of the same kind, array by array."""
    if isinstance(one, np.ndarray) and one.dtype.kind == "f":
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-12)
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, tuple):
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif is_dataclass(one) and not isinstance(one, sf.Law):
        for field in fields(one):
            same(getattr(one, field.name), getattr(other, field.name))
    else:
        assert one is other or one == other


@pytest.mark.parametrize("options", [{}, {"noise": "student"}, {"loss": True}], ids=str)
def test_blocks_make_no_difference(options, monkeypatch):
    rows, law = table(loss=options.pop("loss", False)), ["power", "saturating_power"]
    parts = sf.fit(rows, by="curve", law=law, **options)
    monkeypatch.setattr(work, "BLOCK", 1000)
    monkeypatch.setattr(work, "SLOW_BLOCK", 1000)
    whole = sf.fit(rows, by="curve", law=law, **options)
    same(parts.candidates, whole.candidates)


def test_verdicts_in_blocks_are_those_of_one_batch(monkeypatch):
    parts = sf.fit(table(), by="curve").saturation()
    monkeypatch.setattr(work, "BLOCK", 1000)
    pd.testing.assert_frame_equal(parts, sf.fit(table(), by="curve").saturation(), rtol=1e-9)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_blocks_run_at_the_same_time(backend):
    here = sf.fit(table(), by="curve")
    with joblib.parallel_config(backend, n_jobs=2):
        there = sf.fit(table(), by="curve", n_jobs=None)
        verdicts = there.saturation()
    same(there.candidates, here.candidates)
    assert [e.law for e in there.candidates.estimates] == [e.law for e in here.candidates.estimates]
    pd.testing.assert_frame_equal(verdicts, here.saturation())


def test_blocks_run_on_a_cluster():
    pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    here = sf.fit(table(), by="curve").saturation()
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
        there = sf.fit(table(), by="curve", n_jobs=-1).saturation()
    pd.testing.assert_frame_equal(there, here)


def test_interrupting_loses_nothing_finished(tmp_path, monkeypatch):
    worked = []

    def stop(what, done, total):
        worked.append((what, done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sf.fit(table(), by="curve", cache=tmp_path, progress=stop)
    assert worked == [("fits", 3, 6)]
    memory = joblib.Memory(tmp_path, verbose=0)
    assert len(list(tmp_path.rglob("output.pkl"))) == 1
    again = sf.fit(table(), by="curve", cache=memory)
    assert len(list(tmp_path.rglob("output.pkl"))) == 2
    expected = sf.fit(table(), by="curve")
    same(again.candidates, expected.candidates)
    pd.testing.assert_frame_equal(again.saturation(), expected.saturation())
    # All is kept by now: nothing is fitted or judged any more.
    monkeypatch.setattr("scalefit.selection.estimate", None)
    monkeypatch.setattr("scalefit.checked.assess", None)
    kept = sf.fit(table(), by="curve", cache=tmp_path)
    pd.testing.assert_frame_equal(kept.saturation(), expected.saturation())


@pytest.mark.parametrize("loss", [False, True])
@pytest.mark.parametrize("block", [3, 1000])
def test_what_fits_just_made_were_asked_is_kept_for_fits_read_back(
    tmp_path, monkeypatch, loss, block
):
    monkeypatch.setattr(work, "BLOCK", block)
    monkeypatch.setattr(work, "SLOW_BLOCK", block)
    rows, laws = table(4, loss), ["log_linear", "power", "saturating_power"]
    expected = sf.fit(rows, by="curve", law=laws, cache=tmp_path).saturation()
    monkeypatch.setattr("scalefit.checked.assess", None)
    again = sf.fit(rows, by="curve", law=laws, cache=tmp_path)
    pd.testing.assert_frame_equal(again.saturation(), expected)


def leaves(content):
    """Yield the numbers and texts of a JSON file."""
    if isinstance(content, dict):
        content = [part for pair in content.items() for part in pair]
    if not isinstance(content, list):
        yield content
        return
    for part in content:
        yield from leaves(part)


def test_reports_are_divided_and_kept(tmp_path, monkeypatch):
    rows, kept = table(4), tmp_path / "kept"
    options = {"by": "curve", "law": ["log_linear", "saturating_power"]}
    written = [
        sf.report(rows, tmp_path / f"{n_jobs}.json", n_jobs=n_jobs, cache=cache, **options)
        for n_jobs, cache in ((1, None), (2, kept))
    ]
    alone, together = (list(leaves(json.loads(path.read_bytes()))) for path in written)
    assert [type(part) for part in alone] == [type(part) for part in together]
    for one, other in zip(alone, together, strict=True):
        assert one == (pytest.approx(other, rel=1e-6) if isinstance(one, float) else other)
    monkeypatch.setattr(import_module("scalefit.report.model"), "size_grid", None)
    monkeypatch.setattr("scalefit.holdout.candidates", None)
    again = sf.report(rows, tmp_path / "again.json", n_jobs=2, cache=kept, **options)
    assert again.read_bytes() == written[1].read_bytes()


def test_backtests_of_one_curve_are_kept(tmp_path, monkeypatch):
    first = sf.backtest(table(1), law="log_linear", cache=tmp_path)
    monkeypatch.setattr("scalefit.holdout.candidates", None)
    again = sf.backtest(table(1), law="log_linear", cache=tmp_path)
    pd.testing.assert_frame_equal(again.rows, first.rows)


def test_a_single_fit_knows_how_its_work_is_divided(tmp_path):
    fit = sf.fit(table(1), law="log_linear", n_jobs=2, cache=tmp_path, progress=work.silent)
    assert set_of(fit).work == work.Work(2, tmp_path)
    assert set_of(fit.without([1])).work == work.Work(2, tmp_path)
    assert pickle.loads(pickle.dumps(fit)).work == work.Work(2, tmp_path)


def test_gains_of_surfaces_are_divided_and_kept(tmp_path):
    rng = np.random.default_rng(2)
    params, tokens = (
        x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 4), np.geomspace(1e9, 1e11, 4))
    )
    loss = 1.7 + 400 / params**0.34 + 400 / tokens**0.28
    rows = pd.concat([
        pd.DataFrame({"params": params, "tokens": tokens, "model": model,
                      "loss": loss * np.exp(0.003 * rng.standard_normal(loss.size))})
        for model in "ab"
    ])  # fmt: skip
    options = {
        "by": "model",
        "drivers": ["params", "tokens"],
        "law": "additive",
        "noise": "lognormal",
        "cache": tmp_path,
    }
    alone, together = (sf.fit(rows, n_jobs=n_jobs, **options) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(together.gains(), alone.gains())
    made = len(list(tmp_path.rglob("output.pkl")))
    sf.fit(rows, **options).gains()
    assert len(list(tmp_path.rglob("output.pkl"))) == made


def test_another_question_is_not_answered_by_what_was_kept(tmp_path):
    rows = table()
    first = sf.fit(rows, by="curve", cache=tmp_path)
    narrow = sf.fit(rows, by="curve", cache=tmp_path, level=0.5)
    assert (narrow.saturation().upper <= first.saturation().upper).all()
    assert (narrow.saturation().upper < first.saturation().upper).any()
    rows.loc[0, "f1"] += 0.01
    changed = sf.fit(rows, by="curve", cache=tmp_path)
    assert changed[0].params.estimate.iloc[0] != first[0].params.estimate.iloc[0]


def test_progress_is_told():
    told = []
    fits = sf.fit(table(), by="curve", progress=lambda *news: told.append(news))
    fits.saturation()
    assert told[:2] == [("fits", 3, 6), ("fits", 6, 6)]
    assert told[2:] == [("verdicts", 3, 6), ("verdicts", 6, 6)]


def test_slow_work_is_told_of_at_its_start_and_kept_in_smaller_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "BLOCK", 1000)
    told = []
    fits = sf.fit(
        table(4, loss=True), by="curve", law="log_linear", cache=tmp_path,
        progress=lambda *news: told.append(news),
    )  # fmt: skip
    assert told == [("fits", 0, 4), ("fits", 3, 4), ("fits", 4, 4)]
    assert len(list(tmp_path.rglob("output.pkl"))) == 2
    told.clear()
    fits.saturation()
    assert told == [("verdicts", 0, 4), ("verdicts", 3, 4), ("verdicts", 4, 4)]


def test_verdicts_from_draws_are_slow_work(monkeypatch):
    monkeypatch.setattr(work, "BLOCK", 1000)
    told = []
    fits = sf.fit(
        table(4), by="curve", law="log_linear", inference=sf.Bootstrap(draws=200),
        progress=lambda *news: told.append(news),
    )  # fmt: skip
    assert told == [("fits", 4, 4)]
    fits.saturation()
    assert told[1:] == [("verdicts", 0, 4), ("verdicts", 3, 4), ("verdicts", 4, 4)]


@pytest.mark.parametrize("n_jobs", [0, 1.5, "all", True])
def test_a_wrong_number_of_jobs_is_refused(n_jobs):
    with pytest.raises(FitError, match="n_jobs"):
        sf.fit(table(), by="curve", n_jobs=n_jobs)


def test_a_function_is_not_kept(tmp_path):
    law = sf.Law.from_function("line", lambda x, a, b: a + b * np.log(x), start={"a": 0, "b": 0.1})
    with pytest.raises(FitError, match="cache="):
        sf.fit(table(), by="curve", law=law, cache=tmp_path)


def test_what_holds_no_arrays_stays_itself():
    law = sf.fit(table(1)).law
    assert stacked([law, law]) is law
