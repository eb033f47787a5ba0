"""What groups scored on the same runs have in common: the correlation of their errors.

One pre-trained model that is scored on several tasks brings its luck to all of them. Within each
size the deviations of its scores from the mean of the size are paired by seed; their correlation is
that of the groups' answers, to first order, where the sizes are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ._format import counted
from .groups import Group

__all__ = ["EVALUATION", "correlation"]

#: Columns that say on what a model was scored, and not which model it is.
EVALUATION = frozenset({
    "task", "dataset", "data_set", "benchmark", "metric", "eval", "eval_set", "evaluation",
    "test_set", "testset", "split", "target",
})  # fmt: skip
#: Pairs of deviations, less those of the means, that a correlation needs.
_FEWEST = 6


def correlation(
    groups: Sequence[Group], cluster: Sequence[str] | None
) -> tuple[NDArray[np.float64] | None, str]:
    """Return the correlation of the groups' errors ``(G, G)``, and in words what it rests on.

    Parameters
    ----------
    groups : sequence of G groups
    cluster : sequence of str, optional
        Columns that name a model; groups that agree in them share its runs. By default the ``by``
        columns that do not say on what a model is scored.

    Returns
    -------
    array or None
        None where no two groups share runs.
    str
    """
    names = [_model(group, cluster) for group in groups]
    found = np.eye(len(groups))
    pairs = 0
    for i, one in enumerate(names):
        for j in range(i + 1, len(groups)):
            if one is None or one != names[j]:
                continue
            rho = _paired(groups[i], groups[j])
            if rho is not None:
                found[i, j] = found[j, i] = rho
                pairs += 1
    if not pairs:
        return None, ""
    values, vectors = np.linalg.eigh(found)
    # Correlations estimated pair by pair need not fit together.
    whole = (vectors * np.maximum(values, 0.02)) @ vectors.T
    scale = np.sqrt(np.diag(whole))
    whole = whole / np.outer(scale, scale)
    off = whole[np.triu_indices(len(groups), 1)]
    off = off[np.abs(off) > 1e-9]
    typical = float(np.median(off)) if off.size else 0.0
    return whole, (
        f"{counted(pairs, 'pair')} of groups share their runs; correlation of their errors "
        f"{typical:.2f} (median, from deviations paired by size and seed)"
    )


def _model(group: Group, cluster: Sequence[str] | None) -> tuple[object, ...] | None:
    """Return what names the model of a group; None where its runs are nobody else's."""
    if group.fit is None or group.fit.table.seed is None:
        return None
    if cluster is not None:
        return tuple(group.keys.get(name) for name in cluster)
    scored_on = {name for name in group.keys if name.casefold() in EVALUATION}
    if not scored_on:
        return None
    kept = {k: v for k, v in group.keys.items() if k not in scored_on}
    return tuple(sorted((k, str(v)) for k, v in kept.items()))


def _paired(one: Group, other: Group) -> float | None:
    assert one.fit is not None
    assert other.fit is not None
    frames = []
    sizes = list(range(len(one.fit.table.drivers)))
    for fit in (one.fit, other.fit):
        table, rows = fit.table, fit.table.rows
        frame = rows[list(table.drivers)].set_axis(sizes, axis=1)
        score = rows[table.score]
        away = score - score.groupby([frame[d] for d in sizes]).transform("mean")
        frames.append(frame.assign(seed=rows[table.seed].astype(str), away=away))
    both = frames[0].merge(frames[1], on=[*sizes, "seed"], suffixes=("", "_other"))
    both = both[both.groupby(sizes)["seed"].transform("size") > 1]
    if len(both) - both.groupby(sizes).ngroups < _FEWEST:
        return None
    mine, theirs = both["away"], both["away_other"]
    spread = float(np.sqrt((mine**2).sum() * (theirs**2).sum()))
    return float(np.clip((mine * theirs).sum() / spread, -0.95, 0.95)) if spread > 0 else None
