"""How a table was fitted, and what follows from that for every answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .alignment import is_compute
from .bayes import Bayes, PosteriorView
from .errors import FitError, ScalefitError, TableError, nearest
from .estimands import Cost
from .inference import Bootstrap, Inference, check_level, get_inference
from .laws import Law
from .noise import Noise
from .pool import competing
from .selection import Candidates

if TYPE_CHECKING:
    from .fit import Fit

__all__ = [
    "Settings", "WithPosterior", "check_inference", "check_pool", "need_cost",
    "need_one_curve", "need_two_drivers", "one_level",
]  # fmt: skip

_POOLS = ("none", "partial", "complete")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a table was fitted.

    Parameters
    ----------
    noise : Noise
        Error model.
    inference : str or Bootstrap
        The inference used where none is named.
    level : float
        Level used where none is named.
    seed : int
        Seed of every Monte-Carlo step.
    bayes : Bayes or None
        How posteriors are drawn, where there are any.
    pool : {"none", "partial", "complete"}
        What curves tell each other.
    force : bool
        Whether to show forecasts that are refused but exist.
    """

    noise: Noise
    inference: str | Bootstrap
    level: float
    seed: int
    bayes: Bayes | None = None
    pool: str = "none"
    force: bool = False

    @property
    def conditional(self) -> str | Bootstrap:
        """What is used within a law: a union is made of profiles, or of posteriors."""
        usual = "profile" if self.bayes is None else "posterior"
        return usual if self.inference == "union" else self.inference

    @property
    def within_law(self) -> Inference:
        """The inference used within a law."""
        return self.named(self.conditional)

    @property
    def draws(self) -> bool:
        """Whether intervals are made of draws, which takes longer."""
        return self.bayes is not None or isinstance(self.within_law, Bootstrap)

    def slow(self, candidates: Candidates) -> bool:
        """Return whether answers about a curve may take as long as many by least squares."""
        return candidates.sample.kernel is not None or self.draws

    def rivals(self, laws: Sequence[Law]) -> tuple[Law, ...]:
        """Return the laws over which forecasts are pooled; none if a posterior makes them."""
        return competing(laws) if self.bayes is None else ()

    def named(self, inference: str | Bootstrap) -> Inference:
        """Return the inference called by a name."""
        if self.bayes is not None and inference == "posterior":
            return self.bayes.inference(self.seed)
        return get_inference(inference, self.seed)


def check_pool(pool: str, bayes: Bayes | None) -> None:
    """Raise an error if curves cannot be pooled as asked."""
    if pool not in _POOLS:
        raise ScalefitError(
            f"pool={pool!r} is not available; use {' or '.join(map(repr, _POOLS))}"
            + nearest(str(pool), _POOLS)
        )
    if pool != "none" and bayes is None:
        raise ScalefitError(f"pool={pool!r} is not available by least squares; use method='bayes'")


def check_inference(inference: str | Bootstrap, bayes: Bayes | None) -> None:
    """Raise an error if intervals cannot be made as asked."""
    if inference == "union":
        return
    get_inference(inference)
    if inference == "posterior" and bayes is None:
        raise ScalefitError(
            "inference='posterior' needs draws; fit with method='bayes', or use inference='profile'"
        )


def need_one_curve(fit: object, name: str) -> None:
    """Raise an error where the function ``name`` of one fit is given a set of them, or none."""
    if not hasattr(fit, "candidates"):
        raise FitError(f"{name} takes a fit, and this is {type(fit).__name__!r}: pass sf.fit(...)")
    if isinstance(fit, Mapping):
        raise FitError(
            f"{name} takes one curve, and there are {len(fit)}; name one, as in "
            f"{name}(fits[{next(iter(fit))!r}])"
        )


def need_two_drivers(fit: Fit) -> None:
    """Raise TableError where a budget has nothing to be divided between."""
    drivers = fit.table.drivers
    if len(drivers) != 2 or fit.law.n_drivers != 2:
        raise TableError(
            f"a budget is divided between two drivers; this fit has {' and '.join(drivers)} and "
            f"law {fit.law.name!r}: name both, as in drivers=['params', 'tokens']"
        )


def need_cost(fit: Fit, cost: Cost) -> None:
    """Raise FitError where 6 N D would multiply a driver that is compute already."""
    for name in fit.table.drivers if cost == Cost() else ():
        if is_compute(name):
            raise FitError(
                f"{name!r} is what a run costs, so that cost='6ND', the cost of parameters and "
                "tokens, is not that of these drivers: fit parameters and tokens, where tokens are "
                f"{name} / (6 params), or pass another cost="
            )


def one_level(level: float) -> float:
    """Return the level of a call, one number; FitError if it is none."""
    if np.ndim(level):
        raise FitError(f"level={level!r}; give one number, such as 0.95")
    return float(check_level(level))


class WithPosterior:
    """What fits and sets of fits tell of their draws; refused by fits that have none."""

    if TYPE_CHECKING:
        candidates: Candidates
        settings: Settings

        @property
        def labels(self) -> Sequence[str]:
            """The curves in words."""

    @property
    def posterior(self) -> PosteriorView:
        """Priors, ArviZ object, population, checks and comparisons of a Bayesian fit."""
        found = self.candidates.estimates[int(self.candidates.chosen[0])]
        bayes, seed = self.settings.bayes, self.settings.seed
        if bayes is None or found.draws is None:
            raise FitError("a fit by least squares has no posterior; fit with method='bayes'")
        if len(set(self.candidates.chosen.tolist())) > 1:
            raise FitError("these curves have several laws; take one curve, or name one law")
        return PosteriorView(found, self.candidates.estimates, tuple(self.labels), bayes, seed)

    @property
    def priors(self) -> pd.DataFrame:
        """The priors of a Bayesian fit, in words and as ranges."""
        return self.posterior.priors

    @property
    def idata(self) -> Any:
        """The draws of a Bayesian fit, as the ArviZ object of the installed version."""
        return self.posterior.idata

    @property
    def trustworthy(self) -> bool:
        """Whether the draws of every curve passed every check; without draws none can fail."""
        chosen = self.candidates.chosen
        drawn = [(g, self.candidates.estimates[i].draws) for g, i in enumerate(chosen)]
        return all(draws is None or bool(draws.take([g]).trusted[0]) for g, draws in drawn)
