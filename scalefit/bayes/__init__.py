"""Bayesian models of scaling curves: priors, quadrature, chains, and checks of both.

PyMC, nutpie and ArviZ are imported when they are first needed.
"""

from __future__ import annotations

from .method import Bayes, as_bayes
from .priors import Prior, Priors
from .record import read_draws, write_draws
from .view import PosteriorView

__all__ = ["Bayes", "PosteriorView", "Prior", "Priors", "as_bayes", "read_draws", "write_draws"]
