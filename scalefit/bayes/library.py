"""The Bayesian libraries, imported when they are first needed."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["array_stats", "arviz", "pymc"]


def pymc() -> Any:
    """Return PyMC, without the notice that its plots will change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pymc as module
    return module


def arviz() -> Any:
    """Return ArviZ, without the same notice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz as module
    return module


def array_stats() -> Any:
    """Return ArviZ's diagnostics on plain arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from arviz_stats import base
    module: Any = base
    return module.array_stats
