"""A law of your own beside the registered ones: any function of the driver, and start values.

Run: python examples/custom_law.py hyperbola.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import scalefit as sf

RUNS = {
    "cells": [1e4, 3e4, 1e5, 3e5, 1e6, 3e6] * 2,
    "seed": [0] * 6 + [1] * 6,
    "r2": [0.171, 0.366, 0.601, 0.716, 0.768, 0.785, 0.165, 0.371, 0.594, 0.720, 0.763, 0.790],
}


def saturating_hyperbola(x: np.ndarray, b1: float, b2: float) -> np.ndarray:
    """Return b1 x / (b2 + x), the curve of Michaelis and Menten."""
    return b1 * x / (b2 + x)


def main(picture: Path) -> None:
    """Fit the user's law, ask for its parameters and a gain, and set it beside built-in laws."""
    law = sf.Law.from_function(
        "hyperbola", saturating_hyperbola, {"b1": 0.5, "b2": 1e5}, formula="b1 x / (b2 + x)"
    )
    fit = sf.fit(RUNS, law=law)
    print(fit.curve)
    print(fit.params[["estimate", "std_error", "lower", "upper"]].to_string())
    print("gain from ten times the data:", fit.gain(10))

    # Its rivals, on the same runs; AICc weights are for display, no interval is made from them.
    both = sf.fit(RUNS, law=["saturating_power", "hill", law])
    columns = ["law", "n_params", "lack_of_fit_p", "weight", "status"]
    print(both.laws[columns].to_string(index=False))

    b1 = fit.ask(sf.Parameter("b1"))
    print(f"\nThe hyperbola describes the runs, and ends at {b1}.")
    sf.plots.plot_laws(both).figure.savefig(picture, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "hyperbola.png"))
