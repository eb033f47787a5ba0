"""Which published curves of DenAdel et al. 2026 have saturated, at what price in certainty.

Run: python examples/denadel_saturation.py denadel.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import scalefit as sf

CURVE = ["model", "size_label", "dataset", "downsampling"]


def main(picture: Path) -> None:
    """Fit all 25 curves in one batch, print one line each, and draw them."""
    runs = sf.datasets.load("denadel_2026")
    # Rows of size zero are untrained models: they have no place on a log axis and are left out.
    fits = sf.fit(runs, by=CURVE, on_bad="drop")
    print(fits)

    # One curve in detail. The published rule puts its saturation point at a tenth of the data.
    fit = fits["SSL", None, "hematopoiesis", "random"]
    print()
    print(fit.saturation().explain())

    # A margin of one point in a hundred is a choice. At a tenth of a point fewer curves are done.
    for margin in (0.01, 0.001):
        counts = fits.saturation(margin=margin)["verdict"].value_counts().to_dict()
        print(f"margin {margin}: {counts}")

    # The conclusion: where the published rule sees an end, and the gain does not.
    verdicts = fits.saturation()
    early = verdicts["published"] < 22.2e6
    open_ended = verdicts["verdict"].isin(["still_scaling", "inconclusive"])
    print(
        f"\nThe published rule puts a saturation point below the full corpus on {early.sum()} of "
        f"{len(verdicts)} curves. On {(early & open_ended).sum()} of these a gain above the margin "
        "is shown, or cannot be excluded."
    )

    fits.plot().savefig(picture)
    print(f"drawn: {picture}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "denadel.png"))
