"""Checks of a surface: drivers with few values, and drivers that need each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import fdtrc, ndtr

from ..estimate import estimate
from ..findings import Finding
from ..laws import get_law
from ..refusals import refusal_findings
from ..selection import MIN_SIZES
from .case import Case

__all__ = ["alike_by_driver", "interaction", "levels", "repeats", "unfitted"]

#: Runs more than parameters from which a product of the drivers is looked for.
_MIN_DF = 10
_LEVEL = 0.01
#: Pairs of neighbouring rows that tell whether residuals go together, and the level of that test.
_PAIRS, _ALIKE = 12, 0.001


def unfitted(case: Case) -> Iterator[Finding]:
    """Yield whether no law fits, or the one that was asked for does not."""
    return refusal_findings(case.grounds, ("no_best", "no_law_fits", "law_rejected", "no_scatter"))


def levels(case: Case) -> Iterator[Finding]:
    """Yield which drivers have too few values for an exponent, or span too little alone."""
    sample = case.sample
    for d, name in enumerate(case.table.drivers):
        count, decades = int(sample.levels[0, d]), float(sample.decades_of_each[0, d])
        if count < MIN_SIZES:
            yield Finding(
                "few_levels", "warn", f"{name} has too few values for an exponent or a forecast",
                f"{count} values; {MIN_SIZES} are needed",
                "read Fit.contrasts, the gains between its values, or run more of them",
            )  # fmt: skip
        elif decades < 1.0:
            yield Finding(
                "narrow_driver", "warn", f"{name} spans less than one decade",
                f"{decades:.2g} decades", "run smaller or larger ones; forecasts are refused",
            )  # fmt: skip
        elif case.decades_alone[d] < 1.0 - 1e-9:
            yield Finding(
                "narrow_alone", "warn", f"{name} goes less than one decade with the others fixed",
                f"{case.decades_alone[d]:.2g} decades of {decades:.2g}",
                f"run several values of {name} at fixed others; what it does alone is refused",
            )  # fmt: skip


def repeats(case: Case) -> Iterator[Finding]:
    """Yield whether no run can have seen anything twice, so that the third driver has no say."""
    if case.chosen.law.name != "additive_repeat":
        return
    _, seen, unique = (case.table.rows[name].to_numpy(dtype=float) for name in case.table.drivers)
    if (unique >= seen).all():
        names = case.table.drivers
        yield Finding(
            "nothing_repeats", "warn",
            f"{names[2]} is never below {names[1]}, so nothing is seen twice and {names[2]} has "
            "no say",
            f"in all {len(seen)} runs",
            f"the drivers are given in the order params, tokens seen, unique tokens: is "
            f"{names[2]} the last?",
        )  # fmt: skip


def interaction(case: Case) -> Iterator[Finding]:
    """Yield whether the gain from one driver depends on the other: a product term helps."""
    chosen = case.chosen
    if chosen.law.name != "additive" or chosen.draws is not None:
        return
    wide = estimate(get_law("interaction"), chosen.sample)
    df = float(wide.residual_df[0])
    if df < _MIN_DF or not wide.applicable[0]:
        return
    less, more = float(chosen.total_ss[0]), float(wide.total_ss[0])
    # Rows of one run that are alike tell as much of the product as fewer independent ones.
    share = float(np.nan_to_num(wide.sample.errors.n_effective / wide.sample.n, nan=1.0)[0])
    ratio = share * max(less - more, 0.0) / max(more / df, 1e-300)
    p = float(fdtrc(1.0, max(share * df, 1.0), ratio))
    if p < _LEVEL:
        sign = float(chosen.sample.frame.sign[0])
        product = float(np.sign(wide.coefficients[0, -1]))
        with_more = "more" if product > 0 else "less"
        yield Finding(
            "drivers_interact", "warn",
            f"{case.table.drivers[0]} pays off {with_more} the more {case.table.drivers[1]} there "
            "is, which the additive law leaves out",
            f"product term F = {ratio:.3g}, p = {p:.2g}",
            "see law='interaction' and, for scores, law='additive_bounded'" if sign > 0
            else "see law='interaction'; forecasts far along one driver alone are biased",
        )  # fmt: skip


def alike_by_driver(case: Case) -> Iterator[Finding]:
    """Yield whether residuals go together along one driver at fixed others, as checkpoints' do.

    Products of neighbouring residuals are added up, and the sum is compared with the root of that
    of their squares, its standard deviation if their signs were independent.
    """
    if "run" in case.table.roles or np.isfinite(case.sample.errors.correlation).any():
        return
    log_sizes = np.log(case.table.rows[list(case.table.drivers)].to_numpy(dtype=float))
    residual = case.standard_residuals
    for d, name in enumerate(case.table.drivers):
        others = np.delete(log_sizes, d, axis=1)
        order = np.lexsort((log_sizes[:, d], *others.T))
        step = np.diff(log_sizes[order], axis=0)
        beside = (np.delete(step, d, axis=1) == 0).all(axis=1) & (step[:, d] > 0)
        product = (residual[order][1:] * residual[order][:-1])[beside]
        z = float(product.sum() / max(np.sqrt((product**2).sum()), 1e-300))
        if len(product) >= _PAIRS and ndtr(-z) < _ALIKE:
            fixed = " and ".join(other for other in case.table.drivers if other != name)
            yield Finding(
                "alike_by_driver", "warn",
                f"rows with the same {fixed} are alike at neighbouring {name}",
                f"{len(product)} pairs of residuals, p = {float(ndtr(-z)):.2g}",
                "if they are checkpoints of one run, name the runs (run=): rows that are taken as "
                "independent make intervals too narrow; else the law may miss a bend",
            )  # fmt: skip
            return
