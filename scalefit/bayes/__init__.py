"""Bayesian models of scaling curves: priors, quadrature, chains, and checks of both.

PyMC, nutpie and ArviZ are imported when they are first needed.
"""

from __future__ import annotations

from .method import Bayes, as_bayes
from .priors import Prior, Priors

__all__ = ["Bayes", "Prior", "Priors", "as_bayes"]
