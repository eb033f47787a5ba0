"""Fit scaling laws to tables of (cells, params, score), test for saturation, forecast honestly.

>>> import scalefit as sf
>>> fits = sf.fit(sf.datasets.load("denadel_2026"), by=["model", "size_label", "dataset",
...               "downsampling"], on_bad="drop")
>>> fits["SCimilarity", None, "hematopoiesis", "random"].saturation().verdict
'saturated'
"""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import datasets
    from .backtest import Backtest, backtest
    from .bayes import Bayes, PosteriorView, Prior
    from .compare import compare
    from .comparison import Comparison
    from .errors import FitError, LawError, ScalefitError, ScalefitWarning, TableError
    from .estimands import (
        BestScore,
        BestSize,
        Cost,
        Difference,
        Gain,
        GainBetween,
        MarginalGain,
        ObservedGain,
        Parameter,
        SharePower,
        SizeReaching,
        Value,
    )
    from .fit import Fit, FitSet, fit
    from .inference import Bootstrap, Crossing, Interval
    from .isoflop import IsoFlop, isoflop
    from .laws import Law, laws
    from .literature import PublishedFit
    from .optimum import optimum
    from .planning import Plan, plan
    from .power import Power, power
    from .published import published_saturation
    from .reading import read_table
    from .report import report
    from .reproduce import Reproduction, reproduce
    from .seeds_needed import SeedsNeeded, seeds_needed
    from .stated import Hypothesis
    from .storage import load
    from .verdict import Saturation

__all__ = [
    "Backtest",
    "Bayes",
    "BestScore",
    "BestSize",
    "Bootstrap",
    "Comparison",
    "Cost",
    "Crossing",
    "Difference",
    "Fit",
    "FitError",
    "FitSet",
    "Gain",
    "GainBetween",
    "Hypothesis",
    "Interval",
    "IsoFlop",
    "Law",
    "LawError",
    "MarginalGain",
    "ObservedGain",
    "Parameter",
    "Plan",
    "PosteriorView",
    "Power",
    "Prior",
    "PublishedFit",
    "Reproduction",
    "Saturation",
    "ScalefitError",
    "ScalefitWarning",
    "SeedsNeeded",
    "SharePower",
    "SizeReaching",
    "TableError",
    "Value",
    "backtest",
    "compare",
    "datasets",
    "fit",
    "isoflop",
    "laws",
    "load",
    "optimum",
    "plan",
    "power",
    "published_saturation",
    "read_table",
    "report",
    "reproduce",
    "seeds_needed",
]

__version__ = "0.1.0"

#: The module that holds each public name. It is imported when the name is first asked for, as any
#: other module of the package is.
_HOMES = {
    "Backtest": "backtest",
    "Bayes": "bayes",
    "BestScore": "estimands",
    "BestSize": "estimands",
    "Bootstrap": "inference",
    "Comparison": "comparison",
    "Cost": "estimands",
    "Crossing": "inference",
    "Difference": "estimands",
    "Fit": "fit",
    "FitError": "errors",
    "FitSet": "fit",
    "Gain": "estimands",
    "GainBetween": "estimands",
    "Hypothesis": "stated",
    "Interval": "inference",
    "IsoFlop": "isoflop",
    "Law": "laws",
    "LawError": "errors",
    "MarginalGain": "estimands",
    "ObservedGain": "estimands",
    "Parameter": "estimands",
    "Plan": "planning",
    "PosteriorView": "bayes",
    "Power": "power",
    "Prior": "bayes",
    "PublishedFit": "literature",
    "Reproduction": "reproduce",
    "Saturation": "verdict",
    "ScalefitError": "errors",
    "ScalefitWarning": "errors",
    "SeedsNeeded": "seeds_needed",
    "SharePower": "estimands",
    "SizeReaching": "estimands",
    "TableError": "errors",
    "Value": "estimands",
    "backtest": "backtest",
    "compare": "compare",
    "datasets": "datasets",
    "fit": "fit",
    "isoflop": "isoflop",
    "laws": "laws",
    "load": "storage",
    "optimum": "optimum",
    "plan": "planning",
    "power": "power",
    "published_saturation": "published",
    "read_table": "reading",
    "report": "report",
    "reproduce": "reproduce",
    "seeds_needed": "seeds_needed",
}


class _Package(ModuleType):
    """Binds a public name to what its module holds: ``fit`` is the function, not its module."""

    def __reduce__(self) -> tuple[object, ...]:
        """Return how cloudpickle makes it again, as it does plain modules: by importing it."""
        return import_module, (self.__name__,)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name, value)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

if not TYPE_CHECKING:  # type checkers read the imports above, and know every name

    def __getattr__(name: str) -> object:
        home = f"{__name__}.{_HOMES.get(name, name)}"
        try:
            setattr(sys.modules[__name__], name, import_module(home))
        except ModuleNotFoundError as error:
            if error.name != home:
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
        return globals()[name]

    def __dir__() -> list[str]:
        modules = {each.name for each in iter_modules(__path__) if not each.name.startswith("_")}
        return sorted({*__all__, *modules, *(name for name in globals() if name[:2] == "__")})
