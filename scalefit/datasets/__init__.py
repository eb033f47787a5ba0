"""Published tables that come with the package, each with its source and licence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from ..errors import ScalefitError, nearest
from ..literature import PublishedFit, stated_rows
from ..reading import read_table

__all__ = ["list", "load", "path", "published"]


@dataclass(frozen=True, slots=True)
class _Dataset:
    name: str
    rows: int
    what: str
    units: str
    source: str
    licence: str
    published_result: str


_DENADEL = "DenAdel et al. 2026, Nature Methods, doi 10.1038/s41592-026-03120-y"
_DENADEL_LICENCE = "MIT (microsoft/scFM-dataselection)"

_DATASETS = (
    _Dataset(
        name="denadel_2026",
        rows=725,
        what="single-cell models pre-trained on up to 22.2 million cells, five seeds a size",
        units="cells; micro-F1 of zero-shot classification, 0 to 1",
        source=_DENADEL,
        licence=_DENADEL_LICENCE,
        published_result="learning saturation points: denadel_2026_saturation",
    ),
    _Dataset(
        name="denadel_2026_saturation",
        rows=253,
        what="published learning saturation points by task, model, down-sampling and dataset",
        units="percent of 22.2 million cells",
        source=_DENADEL,
        licence=_DENADEL_LICENCE,
        published_result="is the published result; scalefit.published_saturation is its rule",
    ),
    _Dataset(
        name="denadel_2026_baselines",
        rows=26,
        what="baselines without pre-training by task and dataset",
        units="micro-F1, AvgBIO or R2, up to 1",
        source=_DENADEL,
        licence=_DENADEL_LICENCE,
        published_result="horizontal lines of the figures",
    ),
    _Dataset(
        name="denadel_2026_model_sizes",
        rows=274,
        what="mean scores by size of the model and of its pre-training data, read from figures",
        units="cells; micro-F1 or AvgBIO, 0 to 1; read to 0.001 to 0.003",
        source=_DENADEL,
        licence=_DENADEL_LICENCE,
        published_result="in classification larger scVI models score higher at every size",
    ),
    _Dataset(
        name="published_estimates",
        rows=28,
        what="constants of published scaling laws, with their errors where stated",
        units="as in the column unit",
        source="the paper in each row",
        licence="facts and figures, cited; no text or table was copied",
        published_result="is the published result; see scalefit.datasets.published and "
        "scalefit.reproduce",
    ),
)

_ADDITIVE = ("E", "A", "alpha", "B", "beta")
#: Published fits by name: source, setting, law, and how they were obtained.
_FITS = {
    "hoffmann_2022": (
        "Hoffmann et al. 2022", "approach 3", "additive",
        "Huber loss of log residuals, delta 1e-3; Besiroglu et al. 2024 show that the minimum was "
        "not reached",
    ),
    "besiroglu_2024": (
        "Besiroglu et al. 2024", "240 points of Hoffmann et al.", "additive",
        "least absolute log residuals of 240 points, in effect; case bootstrap",
    ),
}  # fmt: skip


def list() -> pd.DataFrame:  # noqa: A001  # read as scalefit.datasets.list()
    """Return the bundled tables.

    Returns
    -------
    pandas.DataFrame
        One row a table: name, rows, what, units, source, licence, published_result.

    Examples
    --------
    >>> list()["name"].tolist()
    ['denadel_2026', 'denadel_2026_saturation', 'denadel_2026_baselines',
     'denadel_2026_model_sizes', 'published_estimates']
    """
    return pd.DataFrame([asdict(dataset) for dataset in _DATASETS])


def load(name: str) -> pd.DataFrame:
    """Return a bundled table.

    Parameters
    ----------
    name : str
        One of ``list()["name"]``.

    Returns
    -------
    pandas.DataFrame
        ``attrs`` holds ``name``, ``source`` (the file) and ``sha256``.

    Raises
    ------
    ScalefitError
        There is no such table.

    Examples
    --------
    >>> runs = load("denadel_2026")
    >>> runs["cells"].max(), runs.attrs["source"]
    (np.int64(22200000), 'denadel_2026.csv')
    """
    frame = read_table(path(name))
    frame.attrs["name"] = name
    return frame


def path(name: str) -> Path:
    """Return the CSV file of a bundled table.

    Parameters
    ----------
    name : str
        One of ``list()["name"]``.

    Returns
    -------
    Path
        Where it was installed.

    Raises
    ------
    ScalefitError
        There is no such table.

    Examples
    --------
    >>> path("denadel_2026").name
    'denadel_2026.csv'
    """
    names = [dataset.name for dataset in _DATASETS]
    if name not in names:
        raise ScalefitError(
            f"no dataset named {name!r}; the datasets are {', '.join(names)}"
            + nearest(str(name), names)
        )
    return Path(__file__).with_name(f"{name}.csv")


def published(name: str) -> PublishedFit:
    """Return a published fit of the additive law, to be compared by :func:`scalefit.reproduce`.

    Parameters
    ----------
    name : {"hoffmann_2022", "besiroglu_2024"}
        Which paper.

    Returns
    -------
    PublishedFit
        The constants, and their errors where they are stated.

    Raises
    ------
    ScalefitError
        There is no such fit.

    Examples
    --------
    >>> published("besiroglu_2024").table.loc["beta", ["estimate", "std_error"]].tolist()
    [0.3658, 0.0206]
    """
    if name not in _FITS:
        raise ScalefitError(
            f"no published fit named {name!r}; there are {', '.join(_FITS)}" + nearest(name, _FITS)
        )
    source, setting, law, note = _FITS[name]
    rows = load("published_estimates")
    rows = rows[(rows["source"] == source) & (rows["setting"] == setting)]
    rows = rows[rows["quantity"].isin(_ADDITIVE)]
    return PublishedFit(source, law, {**stated_rows(rows, name, "quantity")}, note)
