"""Published tables that come with the package, each with its source and licence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from scalefit.errors import ScalefitError, nearest
from scalefit.reading import read_table

__all__ = ["list", "load", "path"]


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
)


def list() -> pd.DataFrame:  # noqa: A001  # read as scalefit.datasets.list()
    """Return the bundled tables: name, rows, what, units, source, licence, published_result.

    Examples
    --------
    >>> list()["name"].tolist()
    ['denadel_2026', 'denadel_2026_saturation', 'denadel_2026_baselines']
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
