"""A table to be shown: what its cells say, and by which numbers its columns are sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

__all__ = ["Sheet"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table to be shown.

    Parameters
    ----------
    texts : DataFrame
        What each cell says; escaped by whoever writes it. Two columns may have one name.
    keys : mapping
        From the position of a column to the number behind each of its texts; nan and infinities
        are allowed. Other columns are sorted by their text.
    """

    texts: pd.DataFrame
    keys: Mapping[int, Sequence[float]] = field(default_factory=dict)
