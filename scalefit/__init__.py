"""Fit scaling laws to tables of (cells, params, score), test for saturation, forecast honestly.

>>> import scalefit as sf
>>> fits = sf.fit(sf.datasets.load("denadel_2026"), by=["model", "size_label", "dataset",
...               "downsampling"], on_bad="drop")
>>> fits["SCimilarity", None, "hematopoiesis", "random"].saturation().verdict
'saturated'
"""

from __future__ import annotations

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
