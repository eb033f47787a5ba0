"""A truth stated by hand: a law with its parameters, the noise of a run, and runs to be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .curves import Curves
from .errors import FitError, LawError, ScalefitError
from .estimands import Parameter
from .estimate import estimate
from .laws import Frame, Law, get_law
from .metrics import Metric, lookup, resolve
from .noise import Noise
from .proposals import whole_number
from .results import sizes_from
from .sample import of_runs
from .truths import Truths

__all__ = ["Hypothesis"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Hypothesis:
    """What is expected of runs that nobody has made yet.

    Parameters
    ----------
    law : str or Law
        The law that is taken for true.
    params : mapping of str to float
        Its parameters as the field writes them, such as asymptote, coefficient and exponent; see
        :func:`scalefit.laws`. Scores at a few sizes are often easier to say: :meth:`through`.
    sd : float or two floats
        Standard deviation of one run; two numbers are those at the smallest and the largest of
        ``cells``, with a power of the size between. Of losses, whose errors are those of their
        logs, it is relative: 0.01 stands for 1 %. Of errors with long tails it is their scale.
    cells : sequence of float
        Sizes that are run in any case; none if the whole table is up to the plan.
    seeds : int
        Runs at each of them.
    score : str
        Name of the score, from which direction, range and margin follow.
    better, bounds : optional
        Where the name does not say it, as in :func:`scalefit.fit`.
    noise : str or Noise, optional
        Error model of the runs; by default that of :func:`scalefit.fit` for independent runs.
    driver : str
        What the sizes count.
    centre : float, optional
        The size at which the level of a log law is meant; by default the geometric mean of
        ``cells``, or 1 without any.

    Examples
    --------
    >>> import scalefit as sf
    >>> expected = sf.Hypothesis(
    ...     "saturating_power", {"asymptote": 0.9, "coefficient": 3.0, "exponent": 0.3},
    ...     sd=0.01, cells=[1e4, 1e5, 1e6], seeds=3, score="f1")
    >>> expected.mean([1e4, 1e6]).round(3)
    array([0.711, 0.852])
    """

    law: str | Law
    params: Mapping[str, float]
    sd: float | Sequence[float]
    cells: Sequence[float] = ()
    seeds: int = 1
    score: str = "score"
    better: str | None = None
    bounds: tuple[float | None, float | None] | None = None
    noise: str | Noise | None = None
    driver: str = "cells"
    centre: float | None = None

    def __post_init__(self) -> None:
        law = get_law(self.law)
        if law.n_drivers > 1:
            raise LawError(f"{law.name} is a law of two drivers, and a plan is made for one")
        for name in self.params:
            law.parameter(name)  # refuses what is none of the law's
        missing = [each.name for each in law.parameters if each.name not in self.params]
        if missing:
            raise LawError(f"law {law.name!r} needs {', '.join(missing)} as well")
        cells = tuple(np.unique(sizes_from(self.cells, [self.driver])).tolist())
        sd = np.atleast_1d(np.asarray(self.sd, dtype=float))
        if sd.ndim > 1 or sd.size > 2 or not np.all(np.isfinite(sd) & (sd > 0)):
            raise FitError(f"sd={self.sd!r}; give the standard deviation of a run, such as 0.01")
        if sd.size == 2 and len(cells) < 2:
            raise FitError("two values of sd belong to the first and the last of cells: give cells")
        if lookup(self.score) is None and self.better is None:
            raise ScalefitError(
                f"the score {self.score!r} is not known; say better='higher' or better='lower'"
            )
        object.__setattr__(self, "law", law)
        object.__setattr__(self, "params", {k: float(v) for k, v in self.params.items()})
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "seeds", whole_number("seeds", self.seeds))

    @classmethod
    def through(
        cls,
        scores: Mapping[Any, float],
        sd: float | Sequence[float],
        law: str | Law = "saturating_power",
        **options: Any,
    ) -> Hypothesis:
        """Return the hypothesis whose curve passes through scores at some sizes.

        Parameters
        ----------
        scores : mapping of size to float
            Size to expected score, as many as the law has parameters.
        sd : float or two floats
            Standard deviation of a run.
        law : str or Law
            Whose curve passes through the scores.
        **options
            Of :class:`Hypothesis`. Unless ``cells`` says otherwise, these sizes are run.

        Raises
        ------
        FitError
            No curve of the law passes through the scores.

        Examples
        --------
        >>> import scalefit as sf
        >>> expected = sf.Hypothesis.through({1e4: 0.6, 1e5: 0.75, 1e6: 0.825}, sd=0.01)
        >>> {name: round(value, 2) for name, value in expected.params.items()}
        {'asymptote': 0.9, 'coefficient': 4.8, 'exponent': 0.3}
        """
        found = get_law(law)
        given = sizes_from(list(scores), [str(options.get("driver", cls.driver))])
        rising = np.argsort(given)
        sizes = given[rising].tolist()
        if len(sizes) != found.n_params:
            raise FitError(
                f"law {found.name!r} has {found.n_params} parameters; give a score at as many "
                f"sizes, not {len(sizes)}"
            )
        x, y = np.array(sizes), np.array(list(scores.values()), dtype=float)[rising]
        about = {key: options[key] for key in ("better", "bounds") if key in options}
        metric = _metric(str(options.get("score", cls.score)), x, y, **about)
        curve = estimate(found, of_runs(x, y, np.zeros(len(x), dtype=np.intp), [metric]))
        params = {
            each.name: float(curve.curves.value(Parameter(each.name))[0])
            for each in found.parameters
        }
        misses = np.abs(curve.fitted()[0] - y).max() > 1e-6 * np.ptp(y)
        if misses or not np.isfinite(list(params.values())).all():
            raise FitError(
                f"no curve of {found.name} passes through these scores; see sf.laws() for one that "
                "can, such as log_linear for two sizes"
            )
        centre = float(curve.sample.frame.x0[0])
        return cls(found, params, sd, **({"cells": sizes, "centre": centre} | options))

    @property
    def form(self) -> Law:
        """The law as a record."""
        return cast("Law", self.law)

    def mean(self, sizes: Any) -> Floats:
        """Return the expected scores at sizes."""
        x = np.atleast_1d(np.asarray(sizes, dtype=float))
        found: Floats = self._curve(x).mean(np.log(x / self._middle)[None])[0]
        return found

    def metric(self, sizes: Any) -> Metric:
        """Return the metric, its unit told by the expected scores at sizes."""
        x = np.asarray(sizes, dtype=float)
        return _metric(self.score, x, self.mean(x), better=self.better, bounds=self.bounds)

    def truths(self, n: int, sizes: Floats, noise: Noise) -> Truths:
        """Return ``n`` times this truth, for tables with runs at ``sizes`` in all."""
        x = np.array(sorted(self.cells or sizes), dtype=float)
        sd = np.atleast_1d(np.asarray(self.sd, dtype=float))
        slope = 2.0 * np.log(sd[-1] / sd[0]) / np.log(x[-1] / x[0]) if sd.size == 2 else 0.0
        curve = self._curve(x)
        scale = sd[0] * np.exp(-0.5 * slope * curve.frame.z_min)
        one = of_runs(x, self.mean(x), np.zeros(len(x), dtype=np.intp), [self.metric(x)])
        rows = np.zeros(n, dtype=np.intp)
        kernel = noise.weigh(one).kernel
        stated = ", ".join(f"{name} {value:.4g}" for name, value in self.params.items())
        return Truths(
            curve.take(rows), np.repeat(scale, n), np.full(n, slope),
            None if kernel is None else kernel.take(rows),
            f"the hypothesis {self.form.name} with {stated}",
        )  # fmt: skip

    @property
    def _middle(self) -> float:
        if self.centre is not None:
            return float(self.centre)
        return float(np.exp(np.log(self.cells).mean())) if self.cells else 1.0

    def _curve(self, x: Floats) -> Curves:
        about = _metric(
            self.score, np.zeros(0), np.zeros(0), better=self.better, bounds=self.bounds
        )
        frame = Frame.of_sizes(np.array(self.cells or x), float(about.sign), about.best)
        middle = self._middle
        shift = np.log(frame.x0 / middle)
        frame = replace(frame, x0=np.float64(middle), z_min=frame.z_min + shift,
                        z_max=frame.z_max + shift)  # fmt: skip
        coefficients, theta = self.form.invert(self.params, frame, np)
        return Curves(
            self.form, frame.map(lambda value: np.array([value])),
            np.array([theta], dtype=float).reshape(1, -1),
            np.array([coefficients], dtype=float).reshape(1, -1),
        )  # fmt: skip


def _metric(name: str, x: Floats, y: Floats, **about: Any) -> Metric:
    return resolve(name, y, x, np.zeros(len(x), dtype=np.intp), **about)[0]
