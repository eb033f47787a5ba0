"""How far a target can go over the shapes of a law with more than two, found by a swarm of them.

Given its shapes the ends of the target are closed form; what is left is to make them as far apart
as the misfit allows. Shapes that are compatible with the data are often a thin, bent sheet in the
box. A swarm follows it by itself, since it moves by differences of its own members (differential
evolution, Storn & Price 1997, doi:10.1023/A:1008202821328), under the rule that a compatible shape
beats any other and a smaller misfit the larger one (Deb 2000, doi:10.1016/S0045-7825(99)00389-8).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["farthest"]

Floats = NDArray[np.float64]
Look = Callable[[Floats], tuple[Floats, Floats, Floats]]

#: Shapes looked at first: all over the box, and in the neighbourhood that the curvature suggests.
_WIDE, _NEAR = 2048, 512
_MEMBERS, _ROUNDS = 64, 250
#: A swarm may settle on the second farthest place: the farthest of several counts.
_SWARMS = 4
#: Members that the others are drawn to.
_LEADERS = 8


def farthest(
    look: Look, u: Floats, axes: Floats, low: Floats, high: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return where the lowest lower and the highest upper end are, and these ends.

    Parameters
    ----------
    look : callable
        Lower and upper ends and misfit, each ``(G, M)``, at shapes ``(G, M, q)``. Where shapes are
        not compatible the lower end is inf and the upper one -inf.
    u : array (G, q)
        The optimum.
    axes : array (G, q, q)
        Turns the unit ball into the compatible neighbourhood, to second order.
    low, high : arrays (G, q)
        The box.

    Returns
    -------
    centres : array (G, 2, q)
    lower, upper : arrays (G,)
    """
    # A search, not a sample: always the same draws, and the same for every curve, so that an
    # answer depends on nothing but the curve and the question.
    swarms = [
        _swarm(look, u, axes, low, high, np.random.default_rng(seed)) for seed in range(_SWARMS)
    ]
    far = np.stack([found for _, found in swarms])
    best = far.argmax(axis=0)
    where = np.stack([found for found, _ in swarms])
    centres = np.take_along_axis(where, best[None, :, :, None], axis=0)[0]
    ends = far.max(axis=0)
    return centres, -ends[:, 0], ends[:, 1]


def _swarm(
    look: Look, u: Floats, axes: Floats, low: Floats, high: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return where one swarm got to on either side ``(G, 2, q)``, and how far ``(G, 2)``."""
    q = u.shape[1]

    def goals(shapes: Floats) -> tuple[Floats, Floats]:
        """Return how far each shape gets ``(G, 2, M)``, and its misfit, for ``(G, 2, M, q)``."""
        n = shapes.shape[2]
        lower, upper, misfit = look(shapes.reshape(len(u), -1, q))
        far = np.stack([-lower[:, :n], upper[:, -n:]], axis=1)
        return far, misfit.reshape(len(u), -1, n)

    wide = low[:, None, :] + rng.random((_WIDE, q)) * (high - low)[:, None, :]
    spread = rng.standard_normal((_NEAR, q)) * 10.0 ** rng.uniform(-1.0, 0.5, (_NEAR, 1))
    near = u[:, None, :] + np.einsum("gij,mj->gmi", axes, spread)
    first = np.concatenate([u[:, None, :], near, wide], axis=1)
    first = np.clip(first, low[:, None, :], high[:, None, :])[:, None]
    far, misfit = goals(first)
    misfit = np.broadcast_to(misfit, far.shape)
    # Half of the members have gone far already, half fit well in any part of the box.
    far_first = np.lexsort((misfit, -far), axis=-1)[:, :, : _MEMBERS // 2]
    fit_first = np.argsort(misfit[:, :, -_WIDE:], axis=-1)[:, :, : _MEMBERS // 2]
    best = np.concatenate([far_first, fit_first + misfit.shape[-1] - _WIDE], axis=2)
    members = np.take_along_axis(np.broadcast_to(first, (*far.shape, q)), best[..., None], axis=2)
    far, misfit = (np.take_along_axis(values, best, axis=2) for values in (far, misfit))
    box = low[:, None, None, :], high[:, None, None, :]
    snap, onto = np.divmod(np.arange(_MEMBERS), 2)
    snapped = snap[:, None] == np.arange(q)
    for turn in range(_ROUNDS):
        one, two, mate = (rng.permutation(_MEMBERS) for _ in range(3))
        stride = rng.uniform(0.3, 1.0, (_MEMBERS, 1))
        order = np.argsort(-far, axis=2)
        if turn % 8:  # towards one of the best, or from where it is, by two others' difference
            chosen = order[:, :, rng.integers(0, _LEADERS, _MEMBERS)]
            leader = np.take_along_axis(members, chosen[..., None], axis=2)
            pull = np.where(rng.random((_MEMBERS, 1)) < 0.15, stride, 0.0)
            moved = members + pull * (leader - members)
            moved = moved + stride * (members[:, :, one] - members[:, :, two])
            kept = rng.random((_MEMBERS, q)) < 0.1
            moved = np.clip(np.where(kept, members[:, :, mate], moved), *box)
        else:  # the best one with each shape on its bounds, where ends often are
            leader = np.take_along_axis(members, order[:, :, :1, None], axis=2)
            moved = np.where(snapped, np.where(onto[:, None], box[1], box[0]), leader)
        new_far, new_misfit = goals(moved)
        better = (new_far > far) | ((new_far == far) & (new_misfit < misfit))
        members = np.where(better[..., None], moved, members)
        far, misfit = np.where(better, new_far, far), np.where(better, new_misfit, misfit)
    best = far.argmax(axis=2)
    centres = np.take_along_axis(members, best[:, :, None, None], axis=2)[:, :, 0]
    ends = np.take_along_axis(far, best[:, :, None], axis=2)[:, :, 0]
    return centres, ends
