"""Make the pictures of the documentation from the bundled data.

Run in the checkout after a change of plots: python docs/make_images.py
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

import scalefit as sf

IMAGES = Path(__file__).with_name("images")
CURVE = ["model", "size_label", "dataset", "downsampling"]


def main() -> None:
    """Draw the curve that the README speaks of."""
    fits = sf.fit(sf.datasets.load("denadel_2026"), by=CURVE, on_bad="drop")
    fit = fits["SSL", None, "hematopoiesis", "random"]
    IMAGES.mkdir(exist_ok=True)
    figure = Figure((6.4, 4.4), layout="constrained")
    fit.plot(ax=figure.add_subplot())
    # No software version in the file: the same picture is the same bytes.
    figure.savefig(IMAGES / "denadel_ssl.png", dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
