"""How a report says what was done: a methods section to paste, and code that does it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._format import number
from ..bayes import Bayes
from ..fit import Fit, FitSet, Settings, table_of
from ..inference import Bootstrap
from ..laws import AUTO
from ..noise import NOISES, Noise, restored
from ..refusals import MIN_DECADES, MIN_DF
from ..saturation import ONE_SIDED
from ..selection import MIN_SIZES, REJECT
from ..storage import versions

__all__ = ["cited", "code", "how_eliminated", "methods"]

#: Cited in :func:`methods` by their place in this list.
REFERENCES = (
    "Golub G. H., Pereyra V. The differentiation of pseudo-inverses and nonlinear least squares "
    "problems whose variables separate. SIAM J. Numer. Anal. 10, 413-432 (1973), "
    "doi:10.1137/0710036",
    "Venzon D. J., Moolgavkar S. H. A method for computing profile-likelihood-based confidence "
    "intervals. Appl. Statist. 37, 87-94 (1988), doi:10.2307/2347496",
    "Bates D. M., Watts D. G. Nonlinear Regression Analysis and Its Applications, section 6.1. "
    "Wiley (1988), doi:10.1002/9780470316757",
    "Davies R. B. Hypothesis testing when a nuisance parameter is present only under the "
    "alternative. Biometrika 74, 33-43 (1987), doi:10.1093/biomet/74.1.33",
)

_PROFILE = (
    "profile-likelihood intervals [2], cut at the F critical value with 1 and the residual degrees "
    "of freedom [3]"
)
_INFERENCE = {
    "profile": f"{_PROFILE}, conditional on the named law",
    "wald": "Wald intervals from the curvature at the optimum, conditional on the named law",
    "posterior": "central posterior intervals, conditional on the named law",
}


def methods(fits: Sequence[Fit]) -> tuple[str, ...]:
    """Return paragraphs for the methods section of a paper, with every setting that was used."""
    judged = [_verdicts(fits)] if len(fits[0].table.drivers) == 1 else []
    return _fitting(fits), _uncertainty(fits[0]), *judged, _software(fits)


def cited(fits: Sequence[Fit]) -> tuple[str, ...]:
    """Return the references of the methods; only verdicts cite the last."""
    return REFERENCES if len(fits[0].table.drivers) == 1 else REFERENCES[:-1]


def _fitting(fits: Sequence[Fit]) -> str:
    fit = fits[0]
    laws = [estimate.law for estimate in fit.candidates.estimates]
    own = [law.name for law in laws if law.guesses]
    exact = fit.candidates.sample.kernel is None
    metrics = dict.fromkeys(each.table.metrics[0] for each in fits)
    scores = "; ".join(f"{m.name}: {m.better} is better, by {m.origin}" for m in metrics)
    return (
        f"Scaling laws ({', '.join(law.name for law in laws)}) were fitted to {fit.table.score} "
        f"({scores}) as a function of {' and '.join(fit.table.drivers)} by "
        f"{'weighted least squares' if exact else 'maximum likelihood'}. Given the shape "
        f"parameters, linear coefficients were found {how_eliminated(fit)}, as in variable "
        "projection [1]; the shape parameters were scanned over their whole range and every "
        "minimum was polished by Newton steps, so that no result depends on starting values. "
        + (f"{', '.join(own)}, given as functions, were fitted from given starts. " if own else "")
        + f"Errors were taken as {fit.settings.noise.words}."
    )


def how_eliminated(fit: Fit) -> str:
    """Return how the linear coefficients were found at given shapes."""
    kernel = fit.candidates.sample.kernel
    return "in closed form" if kernel is None else "by Newton steps"


def _uncertainty(fit: Fit) -> str:
    return (
        f"Uncertainty is given as {100 * fit.settings.level:g} % "
        f"{_intervals(fit.settings)}. A law was rejected if its lack of fit against the "
        f"replicates had p < {REJECT:g}. What is said to hold whichever law is true is the union "
        "of the intervals over the laws that were not rejected and that no other law contains."
        + _beliefs(fit)
    )


def _beliefs(fit: Fit) -> str:
    """Return how the posteriors were made, for a fit that has them."""
    draws = fit.estimate.draws
    if draws is None:
        return ""
    engine = {
        "collapsed": "by quadrature of the shapes and the noise, expected values integrated out",
        "weighted": "by quadrature of a normal likelihood, weighted to that of the errors",
        "nutpie": "by the No-U-Turn sampler of nutpie",
        "pymc": "by the No-U-Turn sampler of PyMC",
    }.get(str(draws.one("engine")[0]), "by no engine, for want of sizes")
    priors = "; ".join(f"{row.Index} ~ {row.prior}" for row in fit.priors.itertuples())
    return (
        f" The {draws.label} was drawn {engine} ({draws.n_draws} draws), from the priors {priors}."
    )


def _intervals(settings: Settings) -> str:
    method = settings.within_law
    if isinstance(method, Bootstrap):
        return (
            f"percentile intervals of a {method.label} (seed {method.rng}), conditional on the "
            "named law"
        )
    return _INFERENCE[str(settings.conditional)]  # what a union says stands beside it


def _verdicts(fits: Sequence[Fit]) -> str:
    found = fits[0].saturation()
    how = str(found.tests.set_index("test").loc["any scaling", "method"])
    margins = dict.fromkeys(number(fit.saturation().margin) for fit in fits)
    shown = ", ".join(margins) if len(margins) <= 5 else "1 % of the score at the largest size"
    return (
        "Scaling was taken as seen if the largest t statistic over all exponents exceeded its "
        f"null distribution at p <= {1 - ONE_SIDED:.2g} ({how}; seed {fits[0].settings.seed}); the "
        "exponent has no meaning under that null hypothesis [4]. "
        f"Where it was seen, a curve was called saturated if the upper one-sided "
        f"{100 * ONE_SIDED:g} % bound on the gain from {found.factor:g} times the largest size lay "
        f"below the margin ({shown}), and still scaling if the lower bound lay above it; where it "
        "was not, a curve was called no scaling if the gain over all observed sizes was bounded "
        "below the margin. All others are inconclusive, as are curves with fewer than "
        f"{MIN_SIZES} sizes, less than {MIN_DECADES:g} decade between them, or fewer than "
        f"{MIN_DF} runs more than parameters. A verdict is firm if there are replicates, rows of "
        "one seed are not alike from size to size, every law that was not rejected gives it, "
        "leaving out no single size turns it round, more than the margin is left up to the best "
        "score and, of a curve called saturated, the slope "
        "over the last decade of sizes (three sizes at least) says so without a law."
    )


def _software(fits: Sequence[Fit]) -> str:
    runs = int(sum(fit.candidates.sample.n[0] for fit in fits))
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    curves = "1 curve" if len(fits) == 1 else f"{len(fits)} curves"
    return f"{curves} with {runs} runs in all were analysed with {used}."


def code(fits: Fit | FitSet, given: Mapping[str, Any], preparation: Sequence[str]) -> str:
    """Return Python that makes the same fit, with every setting that a default could change.

    Parameters
    ----------
    fits : Fit or FitSet
        The results; a Fit of one of several curves is looked up in its set.
    given : mapping
        Options that the results do not remember.
    preparation : sequence of str
        Lines that make ``table``.
    """
    table = table_of(fits)
    settings = fits.settings
    one = len(table.drivers) == 1
    drivers = table.drivers[0] if one else list(table.drivers)
    options: dict[str, Any] = {"score": table.score, "drivers": drivers, **table.roles}
    laws = tuple(estimate.law for estimate in fits.candidates.estimates)
    if laws != AUTO:
        options["law"] = [law.name for law in laws]
    if any(metric.origin.startswith("better=") for metric in table.metrics):
        options["better"] = table.metrics[0].better
    if given.get("bounds") is not None:
        options["bounds"] = tuple(given["bounds"])
    options |= _noise_options(settings.noise)
    if table.by:
        options["by"] = list(table.by)
    if settings.bayes is not None:
        options |= {"method": settings.bayes, "pool": settings.pool}
    options |= {"inference": settings.inference, "level": settings.level}
    if len(table.dropped):
        options["on_bad"] = "drop"
    if settings.force:
        options["force"] = True
    options["rng"] = settings.seed
    imports = ["import scalefit as sf"]
    if isinstance(options["noise"], _Code):
        imports.append(f"from scalefit.noise import {type(settings.noise).__name__}")
    lines = ["sf.fit(", "    table,", *(f"    {k}={_python(v)}," for k, v in options.items()), ")"]
    call = "\n".join(lines)
    if isinstance(fits, FitSet):
        last = ["fits = " + call, "print(fits)"]
    else:
        key = f"[{table.keys[0]!r}]" if table.by else ""
        last = ["fit = " + call + key, "print(fit)"]
    return "\n".join([*imports, "", *preparation, *last])


class _Code(str):
    """Text that is Python already."""

    __slots__ = ()


def _noise_options(noise: Noise) -> dict[str, Any]:
    """Return an error model by name, or as a call where a name would not say all."""
    if noise.name in NOISES:
        asked = {} if noise.variance == "auto" else {"variance": noise.variance}
        if restored(noise.name, **asked) == noise:
            return {"noise": noise.name, "variance": noise.variance}
    return {"noise": _Code(repr(noise))}


def _python(value: Any) -> str:
    """Return an option as it is written in code."""
    if isinstance(value, _Code):
        return str(value)
    own = isinstance(value, (Bootstrap, Bayes))
    return f"sf.{value!r}".replace("Prior(", "sf.Prior(") if own else repr(value)
