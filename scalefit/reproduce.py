"""Published constants beside ours, over a grid of error models, exclusions and laws."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ._columns import role_of
from ._format import interval_text, number, table_text
from .errors import FitError, LawError, ScalefitError
from .fit import Fit, fit
from .laws import Law, get_law
from .literature import PublishedFit
from .table import as_frame, make_table
from .work import Progress

__all__ = ["Reproduction", "reproduce"]

#: Rows to leave out: how many of the worst scores, or a function that marks them.
Exclusion = int | Callable[[pd.DataFrame], Any]

_FOR_LOSSES = ("student", "lognormal", "huber", "hoffmann", "lad", "gaussian")
_FOR_SCORES = ("gaussian", "student")
_READING = ("score", "drivers", "by", "better", "bounds", "se", "sd", "n", "items", "run", "on_bad")


def reproduce(
    data: Any,
    published: PublishedFit,
    *,
    noise: Sequence[str] | None = None,
    exclude: Mapping[str, Exclusion] | Sequence[int] = (0,),
    law: str | Law | Sequence[str | Law] | None = None,
    level: float = 0.95,
    inference: str = "profile",
    progress: Progress | None = None,
    **options: Any,
) -> Reproduction:
    """Fit a table in many defensible ways, and put what a paper published beside each.

    Parameters
    ----------
    data : anything that :func:`scalefit.fit` takes
        The table behind the published fit: one curve.
    published : PublishedFit
        What the paper states; see :func:`scalefit.datasets.published`.
    noise : sequence of str, optional
        Error models; by default all that suit a loss or a score. ``hoffmann`` and ``lad`` are the
        objectives of Hoffmann et al. 2022 and, in effect, Besiroglu et al. 2024.
    exclude : sequence of int, or mapping of str to int or callable
        How many of the worst scores to leave out, such as ``(0, 5)``; or by name what marks the
        rows to leave out, called with the table.
    law : str, Law or several, optional
        By default the published one.
    level : float
        Of our intervals.
    inference : {"profile", "wald"}
        What makes them.
    progress : callable, optional
        Called with what is being done, how much of it is done, and how much there is.
    **options
        Of :func:`scalefit.fit`: columns, direction, bounds. A law of parameters and data takes
        the columns that are called so, if ``drivers`` names no others.

    Returns
    -------
    Reproduction

    Raises
    ------
    FitError, LawError, TableError
        The table cannot be used, or no law of the grid has a published parameter.

    Examples
    --------
    >>> import scalefit as sf
    >>> cells = [1e4, 1e5, 1e6, 1e7, 1e8] * 2
    >>> f1 = [.60, .70, .755, .780, .793, .61, .71, .750, .783, .795]
    >>> paper = sf.PublishedFit("A paper", "saturating_power", {"asymptote": 0.81, "exponent": 0.3})
    >>> found = sf.reproduce({"cells": cells, "f1": f1}, paper, noise=["gaussian"])
    >>> found.table[["parameter", "published", "estimate"]].round(2)
       parameter  published  estimate
    0  asymptote       0.81      0.81
    1   exponent       0.30      0.29
    """
    if not isinstance(published, PublishedFit):
        raise FitError(
            f"published={published!r}; give a PublishedFit, such as "
            "sf.datasets.published('hoffmann_2022')"
        )
    frame = as_frame(data)
    asked = {key: value for key, value in options.items() if key in _READING}
    fitting = {key: value for key, value in options.items() if key not in _READING}
    laws = _laws(law or published.law, published)
    asked["drivers"] = asked.get("drivers") or _drivers(frame, laws[0], published.source)
    whole = make_table(frame, **asked)
    if whole.n_groups != 1:
        raise FitError("reproduce compares one curve with one published fit; leave by= out")
    losses = whole.metrics[0].better == "lower" and bool((whole.rows[whole.score] > 0).all())
    noises = tuple(noise) if noise is not None else (_FOR_LOSSES if losses else _FOR_SCORES)
    worst = whole.rows[whole.score].to_numpy() * -whole.metrics[0].sign
    masks = {name: _left_out(how, name, whole.rows, worst) for name, how in _named(exclude).items()}
    grid = list(itertools.product(laws, noises, masks))
    rows, failed = [], []
    for done, (one, name, left_out) in enumerate(grid):
        if progress is not None:
            progress("reproduce", done, len(grid))
        cell = {"law": one.name, "noise": name, "left_out": left_out}
        kept = frame.iloc[whole.rows.index[~masks[left_out]]]
        try:
            found = fit(
                kept, law=one, noise=name, level=level, inference=inference, **asked, **fitting
            )
            rows += _rows(found, published, cell | {"n": len(kept)})
        except ScalefitError as error:
            failed.append(cell | {"reason": str(error)})
    if not rows:
        raise FitError(f"nothing could be fitted: {failed[0]['reason']}")
    return Reproduction(
        published, pd.DataFrame(rows), pd.DataFrame(failed, columns=["law", "noise", "left_out",
                                                                     "reason"]), level,
    )  # fmt: skip


@dataclass(frozen=True)
class Reproduction:
    """Ours beside theirs; made by :func:`reproduce`.

    Parameters
    ----------
    published : PublishedFit
        What the paper states.
    table : DataFrame
        One row per law, noise, exclusion and published parameter: law, noise, left_out, n,
        parameter, published, published_error, estimate, std_error, lower, upper, inside (the
        published value is in our interval), distance (ours less theirs, in published standard
        errors, or as a share of theirs where none is stated), digits (ours is less than one unit
        of the last published digit away).
    failed : DataFrame
        Cells of the grid without a fit, and why.
    level : float
        Of our intervals.
    """

    published: PublishedFit
    table: pd.DataFrame
    failed: pd.DataFrame
    level: float

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell of the grid, the nearest first.

        Columns: law, noise, left_out, a column a parameter, digits, farthest, inside.

        ``digits`` is how many published numbers are met to less than a unit of the last digit,
        ``farthest`` the largest distance, ``inside`` how many of our intervals hold theirs.
        """
        keys = ["law", "noise", "left_out"]
        wide = self.table.pivot_table("estimate", keys, "parameter", sort=False)
        grouped = self.table.groupby(keys, sort=False)
        wide["digits"] = grouped["digits"].sum()
        wide["farthest"] = grouped["distance"].agg(lambda d: float(np.abs(d).max()))
        wide["inside"] = grouped["inside"].sum()
        return wide.reset_index().sort_values(
            ["farthest", "digits"], ascending=[True, False], ignore_index=True
        )

    @cached_property
    def spread(self) -> pd.DataFrame:
        """How far each parameter moves over the grid: parameter, published, least, greatest."""
        grouped = self.table.groupby("parameter", sort=False)
        return pd.DataFrame({
            "published": grouped["published"].first(), "least": grouped["estimate"].min(),
            "greatest": grouped["estimate"].max(),
        }).reset_index()  # fmt: skip

    def headline(self) -> str:
        """Return whether the published numbers were reproduced, and by what."""
        best, n = self.cells.iloc[0], len(self.published.stated)
        n = min(n, self.table["parameter"].nunique())
        how = f"{best['law']}, noise {best['noise']}, {best['left_out']} left out"
        if best["digits"] == n:
            source = self.published.source
            return f"{source}: all {n} numbers are reproduced to the last digit ({how})."
        inside = int(self.cells["inside"].max())
        said = (
            f"{self.published.source}: not reproduced to the last digit. Nearest: {how}, with "
            f"{int(best['digits'])} of {n} to the last digit and the farthest "
        )
        if self.table["published_error"].notna().all():
            said += f"{number(best['farthest'])} published standard errors away"
        else:
            said += f"{number(100 * best['farthest'])} % away"
        return f"{said}. Our intervals hold at most {inside} of the {n} published values at once."

    def summary(self) -> str:
        """Return the headline, the grid, and how far each parameter moves over it."""
        shown = self.cells.copy()
        for name in shown.columns:
            if shown[name].dtype.kind == "f":
                shown[name] = [number(v, 4) for v in shown[name]]
        lines = [self.headline(), "", table_text(shown), "", "over the grid"]
        for row in self.spread.to_dict("records"):
            theirs, least, greatest = (
                number(row[name], 4) for name in ("published", "least", "greatest")
            )
            lines.append(f"{row['parameter']}: published {theirs}, ours {least} to {greatest}")
        best = self.cells.iloc[0]
        mine = self.table[(self.table[["law", "noise", "left_out"]]
                           == best[["law", "noise", "left_out"]]).all(axis=1)]  # fmt: skip
        lines += ["", f"nearest cell, {100 * self.level:g} % intervals"]
        for row in mine.to_dict("records"):
            text = interval_text(row["estimate"], row["lower"], row["upper"])
            lines.append(f"{row['parameter']}: {text}, published {number(row['published'], 5)}")
        if len(self.failed):
            lines += ["", "not fitted", table_text(self.failed)]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"<Reproduction of {self.published.source}: {len(self.cells)} fits>"


def _laws(given: str | Law | Sequence[str | Law], published: PublishedFit) -> list[Law]:
    several = [given] if isinstance(given, (str, Law)) else list(given)
    laws = [get_law(one) for one in several]
    for one in laws:
        names = [parameter.name for parameter in one.parameters]
        if not set(names) & set(published.stated):
            raise LawError(
                f"{published.source} states {', '.join(published.stated)}, and the law {one.name} "
                f"has {', '.join(names)}; name the published numbers after the law's parameters"
            )
    return laws


def _drivers(frame: pd.DataFrame, law: Law, source: str) -> list[str] | None:
    """Return the columns of sizes that a law of several drivers takes; None for one of one."""
    if law.n_drivers == 1:
        return None
    roles = {str(name): role_of(str(name)) for name in frame.columns}
    params = [name for name, role in roles.items() if role == "params"]
    data = [name for name, role in roles.items() if role in ("cells", "data")]
    if law.n_drivers == 2 and len(params) == len(data) == 1:
        return [*params, *data]
    such = ["params", "tokens", "unique_tokens"][: law.n_drivers]
    raise FitError(
        f"{source}: the law {law.name} has {law.n_drivers} drivers; name their columns in its "
        f"order, as in drivers={such!r}; the columns are {', '.join(map(repr, roles))}"
    )


def _named(exclude: Mapping[str, Exclusion] | Sequence[int]) -> dict[str, Exclusion]:
    if isinstance(exclude, Mapping):
        return dict(exclude)
    return {"nothing" if m == 0 else f"the {m} worst": m for m in exclude}


def _left_out(how: Exclusion, name: str, rows: pd.DataFrame, worst: Any) -> Any:
    """Return which rows of a checked table an exclusion leaves out."""
    if callable(how):
        mask = np.asarray(how(rows))
        if mask.shape != (len(rows),) or mask.dtype != bool:
            raise FitError(
                f"exclude[{name!r}] gave an array of {mask.dtype} and shape {mask.shape}; return "
                f"True for the rows to leave out, {len(rows)} in all"
            )
        return mask
    if isinstance(how, bool) or not isinstance(how, (int, np.integer)) or not 0 <= how < len(rows):
        raise FitError(f"exclude={how!r}; give how many of the {len(rows)} rows to leave out")
    mask = np.zeros(len(rows), dtype=bool)
    mask[np.argsort(-worst, kind="stable")[:how]] = True
    return mask


def _rows(found: Fit, published: PublishedFit, cell: dict[str, Any]) -> list[dict[str, Any]]:
    params = found.params.to_dict("index")
    rows = []
    for name, item in published.stated.items():
        if name not in params:
            continue
        ours = params[name]
        below, above = item.errors
        theirs = above if ours["estimate"] > item.estimate else below
        known = np.isfinite(theirs) and theirs > 0
        scale = theirs if known else abs(item.estimate) or 1.0
        rows.append(cell | {
            "parameter": name, "published": item.estimate, "published_error": theirs,
            "estimate": ours["estimate"], "std_error": ours["std_error"], "lower": ours["lower"],
            "upper": ours["upper"],
            "inside": bool(ours["lower"] <= item.estimate <= ours["upper"]),
            "distance": (ours["estimate"] - item.estimate) / scale,
            "digits": _meets(ours["estimate"], item.estimate),
        })  # fmt: skip
    return rows


def _meets(ours: float, theirs: float) -> bool:
    """Return whether ours is less than one unit of the last digit of theirs away.

    Examples
    --------
    >>> [_meets(ours, 0.3658) for ours in (0.36585, 0.3660)]
    [True, False]
    >>> _meets(482.0057, 482.01), _meets(410.2, 410.0), _meets(8.7e13, 8.8e13)
    (True, True, False)
    """
    from decimal import Decimal

    exponent = Decimal(repr(theirs).removesuffix(".0")).as_tuple().exponent
    return bool(abs(ours - theirs) < 10.0 ** float(exponent))
