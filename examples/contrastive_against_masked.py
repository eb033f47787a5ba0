"""Do masked and contrastive single-cell models scale differently? DenAdel et al. 2026 in a page.

Run: python examples/contrastive_against_masked.py [folder for the figures]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

import scalefit as sf

#: How each model was trained: the kinds that are compared.
OBJECTIVES = {
    "SCimilarity": "contrastive", "SSL": "masked", "Geneformer": "masked", "scVI": "generative",
}  # fmt: skip
#: The size of each model for which the study gives its saturation points.
BASE = {"scVI": 1.0, "Geneformer": 256.0}


def runs() -> pd.DataFrame:
    """Return the runs with random down-sampling at base size, untrained models left out."""
    table = sf.datasets.load("denadel_2026")
    base = table["size_label"].isna() | (table["size_label"] == table["model"].map(BASE))
    table = table[base & (table["downsampling"] == "random") & (table["percent"] > 0)]
    return table.assign(objective=table["model"].map(OBJECTIVES))


def conclusion(gains: sf.Comparison) -> str:
    """Return what the difference between the two objectives says, and what it rests on."""
    found = gains.meta.differences.set_index(["one", "other"]).loc[("masked", "contrastive")]
    means = gains.meta.table["estimate"]
    word = "more" if found["lower"] > 0 else "less" if found["upper"] < 0 else None
    if word is None:
        return "Whether doubling the cells brings masked or contrastive models more cannot be told."
    return (
        f"Doubling the cells brings masked models {word} than contrastive ones: "
        f"{means['masked']:.3f} against {means['contrastive']:.3f}, a difference of "
        f"{found['lower']:.3f} to {found['upper']:.3f} (95 %). One model alone is contrastive, so "
        "this compares SCimilarity with the others as much as objectives."
    )


def main(folder: Path) -> None:
    """Print the answer, and write three figures."""
    fits = sf.fit(runs(), by=["objective", "model", "dataset"])
    print("1. Would ten times more cells still pay? One verdict a curve.\n")
    verdicts = fits.saturation()
    print(verdicts[["model", "dataset", "verdict", "strength", "gain", "lower", "upper"]]
          .round(4).to_string(index=False))  # fmt: skip
    print(f"\n{(verdicts['verdict'] == 'inconclusive').sum()} of {len(verdicts)} are inconclusive.")

    print("\n2. Do models and tasks gain differently?\n")
    gains = sf.compare(fits, "doubling", moderator="objective")
    print(gains)

    print("\n3. As a share of the error that is left, and as exponents (secondary):\n")
    for what in ("share", "exponent"):
        print(sf.compare(fits, what).headline())

    print("\n4. What the published rule says of the same runs: percent of 22.2 million cells.\n")
    rule = sf.published_saturation(runs(), by=["model", "dataset"])
    print(rule[["model", "dataset", "saturation_percent"]].to_string(index=False))
    print("\nThe rule compares heights and not gains; it cannot say that a curve still rises.")

    print("\n5. Contrastive against masked.\n")
    print(conclusion(gains))

    gains.plot().figure.savefig(folder / "gains.png", dpi=150, bbox_inches="tight")
    gains.plot_curves().savefig(folder / "curves.png", dpi=150)
    gains.plot_ranks().figure.savefig(folder / "ranks.png", dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
