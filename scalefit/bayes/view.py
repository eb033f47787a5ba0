"""What a Bayesian fit can tell beside the answers that every fit gives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..errors import FitError
from ..estimands import Parameter
from ..estimate import Estimate
from ..inference import Posterior
from .checks import law_comparison, predictive_check, prior_sensitivity
from .method import Bayes
from .models import has_model
from .record import idata_of

__all__ = ["PosteriorView"]


@dataclass(frozen=True)
class PosteriorView:
    """The posterior of one law for G curves, with its checks; ``fit.posterior``.

    Parameters
    ----------
    fitted : Estimate
        The reported law, with draws.
    others : tuple of Estimate
        All laws fitted to the same curves.
    labels : tuple of str
        The curves in words.
    bayes : Bayes
        How it was drawn.
    seed : int
        Of everything that is drawn.
    """

    fitted: Estimate
    others: tuple[Estimate, ...] = field(repr=False)
    labels: tuple[str, ...]
    bayes: Bayes
    seed: int

    @property
    def priors(self) -> pd.DataFrame:
        """The priors: one row a parameter, with the prior in words and its central 95 % range.

        Of several curves, the ranges are those of the first.
        """
        return self.bayes.priors_of(self.fitted).table(gains=self.fitted.law.n_columns > 1)

    @property
    def convergence(self) -> pd.DataFrame:
        """One row a curve: engine, draws, rhat, ess_bulk, ess_tail, divergences, khat, trusted."""
        draws = self.fitted.draws
        assert draws is not None
        names = ("rhat", "ess_bulk", "ess_tail", "divergences", "energy", "khat")
        table = pd.DataFrame({name: draws.one(name) for name in names}, index=list(self.labels))
        table.insert(0, "engine", draws.one("engine"))
        table.insert(1, "draws", draws.n_draws)
        table["trusted"] = draws.trusted
        table.index.name = "curve"
        return table

    @property
    def population(self) -> pd.DataFrame:
        """What pooled curves share: mean, sd, lower, upper (95 %); empty without pooling."""
        draws = self.fitted.draws
        assert draws is not None
        rows = {
            name: (v.mean(), v.std(), *np.quantile(v, [0.025, 0.975]))
            for name, v in draws.population.items()
        }
        table = pd.DataFrame.from_dict(
            rows, orient="index", columns=["mean", "sd", "lower", "upper"]
        )
        table.index.name = "parameter"
        return table

    @cached_property
    def idata(self) -> Any:
        """The draws as the ArviZ object of the installed version; with all groups."""
        return idata_of(self.fitted, self.labels, self.bayes, self.seed)

    @cached_property
    def shrinkage(self) -> pd.DataFrame:
        """Exponent of each curve alone and pooled: estimate, lower, upper of both, and the ratio.

        ``width`` is that of the pooled 95 % interval over that of the curve alone.
        """
        names = [p.name for p in self.fitted.law.parameters if p.shape == 0]
        if not names:
            raise FitError(f"law {self.fitted.law.name!r} has no exponent that is pooled")
        question = Parameter(names[0])
        ask = Posterior(draws=self.bayes.draws * self.bayes.chains)
        alone = replace(self.fitted, draws=self.bayes.draw(self.fitted, self.seed))
        single, pooled = ask(alone, question, 0.95), ask(self.fitted, question, 0.95)
        return pd.DataFrame(
            {
                "alone": single.estimate, "alone_lower": single.lower, "alone_upper": single.upper,
                "pooled": pooled.estimate, "pooled_lower": pooled.lower,
                "pooled_upper": pooled.upper,
                "width": (pooled.upper - pooled.lower) / (single.upper - single.lower),
            },
            index=pd.Index(self.labels, name="curve"),
        )  # fmt: skip

    def sensitivity(self) -> pd.DataFrame:
        """Return what other priors of the exponent would change; of a single curve."""
        return prior_sensitivity(self._single(), self.bayes, self.seed)

    def check(self) -> pd.DataFrame:
        """Return posterior predictive checks of a single curve."""
        return predictive_check(self._single(), self.seed)

    def compare(self, largest: int | None = None) -> pd.DataFrame:
        """Return the laws compared by left-out sizes and by forecasts, with stacking weights.

        Each law is drawn again for every left-out size; ``largest`` sizes are hidden for forecasts.
        """
        self._single()
        able = [item for item in self.others if has_model(item) == "" and item.applicable[0]]
        return law_comparison(able, self.bayes, self.seed, largest)

    def _single(self) -> Estimate:
        if len(self.fitted) != 1:
            raise FitError(f"{len(self.fitted)} curves here; take one, as in fits[key].posterior")
        return self.fitted
