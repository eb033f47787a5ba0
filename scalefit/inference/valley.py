"""Where to look for the ends of a law with two shapes: along the valley of its misfit.

The shapes that are compatible with the data often form a thin, bent strip, which slips between the
points of any grid. It is followed instead: for every value of the first shape the best second one
is found, and the compatible width around it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..solvers.search import Search

__all__ = ["gaps", "valley"]

Floats = NDArray[np.float64]

#: Values of the first shape over its whole range and near the optimum, and of the second one.
_WIDE, _NEAR, _ACROSS = 31, 15, 41
#: Values of the first shape along the strip.
_ALONG = 61
_NARROW = np.linspace(-1.0, 1.0, 9)
#: Positions across the strip, in units of its half width.
_STRIP = np.array([-1.05, -1.0, -0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9, 1.0, 1.05])


def valley(
    problem: Search, u: Floats, along: Floats, cut: Floats, rising: bool
) -> tuple[Floats, Floats, Floats]:
    """Return points on the strip, their spacing, and the strip's direction at each.

    Parameters
    ----------
    problem : Search
        G curves and a law with two shapes.
    u : array (G, 2)
        The optimum.
    along : array (G,)
        Compatible half width of the first shape, to second order.
    cut : array (G,)
        Misfit up to which shapes are compatible.
    rising : bool
        Whether the last coefficient is held at zero or above.

    Returns
    -------
    points, spacing : arrays (G, M, 2)
    slope : array (G, M)
        Change of the second shape per unit of the first along the strip.
    """
    held = problem.held(rising)
    low, high = problem.bounds()
    width = high - low

    def misfit(first: Floats, second: Floats) -> Floats:
        """Return the misfit for shapes ``(G, A, B)``."""
        flat = np.stack(np.broadcast_arrays(first, second), axis=-1).reshape(len(u), -1, 2)
        rss = held.screen(flat)
        return rss.reshape(np.broadcast_shapes(first.shape, second.shape))

    across = low[:, None, 1] + np.linspace(0.0, 1.0, _ACROSS) * width[:, None, 1]

    def deepest(first: Floats) -> tuple[Floats, Floats]:
        """Return the best second shape for each first one ``(G, A)``, and the misfit there."""
        rss = misfit(first[:, :, None], across[:, None, :])
        floor = np.take_along_axis(across, rss.argmin(axis=2), axis=1)
        step = width[:, None, 1] / (_ACROSS - 1)
        for _ in range(7):
            tries = np.clip(
                floor[:, :, None] + step[:, :, None] * _NARROW,
                low[:, None, None, 1],
                high[:, None, None, 1],
            )
            rss = misfit(first[:, :, None], tries)
            best = rss.argmin(axis=2)[:, :, None]
            floor = np.take_along_axis(tries, best, axis=2)[:, :, 0]
            step = step * 0.3
        return floor, np.take_along_axis(rss, best, axis=2)[:, :, 0]

    wide = low[:, None, 0] + np.linspace(0.0, 1.0, _WIDE) * width[:, None, 0]
    near = u[:, None, 0] + np.linspace(-2.5, 2.5, _NEAR) * along[:, None]
    first = np.sort(
        np.clip(np.concatenate([wide, near, u[:, :1]], axis=1), low[:, :1], high[:, :1])
    )
    inside = deepest(first)[1] <= cut[:, None]
    inside |= first == u[:, :1]
    # The ends of a strip are its sharpest points: look closely between the last values outside it.
    rows = np.arange(len(u))
    start = first[rows, np.maximum(inside.argmax(axis=1) - 1, 0)]
    stop = first[
        rows, np.minimum(first.shape[1] - inside[:, ::-1].argmax(axis=1), first.shape[1] - 1)
    ]
    ticks = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, _ALONG))
    first = np.sort(
        np.concatenate([start[:, None] + ticks * (stop - start)[:, None], u[:, :1]], axis=1)
    )
    floor, _ = deepest(first)
    # The strip's half width where it is compatible, from the curvature across it.
    small = 1e-3 * width[:, None, 1]
    three = misfit(
        first[:, :, None], floor[:, :, None] + small[:, :, None] * np.array([-1.0, 0, 1.0])
    )
    curvature = np.maximum(three[:, :, 0] + three[:, :, 2] - 2 * three[:, :, 1], 0.0) / small**2
    slack = np.maximum(cut[:, None] - three[:, :, 1], 0.0)
    half = np.sqrt(2.0 * slack) / np.sqrt(np.maximum(curvature, 1e-300))
    half = np.clip(half, 1e-9 * width[:, None, 1], width[:, None, 1])
    second = np.clip(
        floor[:, :, None] + half[:, :, None] * _STRIP, low[:, None, None, 1], high[:, None, None, 1]
    )
    gap = np.diff(first, axis=1)
    reach = gaps(first)
    slope = np.diff(floor, axis=1) / np.maximum(gap, 1e-300)
    slope = np.where(gap > 1e-12 * width[:, :1], slope, 0.0)
    slope = np.concatenate([slope, slope[:, -1:]], axis=1)
    shape = second.shape
    points = np.stack([np.broadcast_to(first[:, :, None], shape), second], axis=-1)
    spacing = np.stack(np.broadcast_arrays(reach[:, :, None], 0.5 * half[:, :, None]), axis=-1)
    spacing = np.broadcast_to(spacing, (*shape, 2))
    grid = np.stack(np.broadcast_arrays(wide[:, :, None], across[:, None, :]), axis=-1)
    coarse = np.broadcast_to((width / (_ACROSS - 1))[:, None, None, :], grid.shape)
    return (
        np.concatenate([points.reshape(len(u), -1, 2), grid.reshape(len(u), -1, 2)], axis=1),
        np.concatenate([spacing.reshape(len(u), -1, 2), coarse.reshape(len(u), -1, 2)], axis=1),
        np.concatenate(
            [np.repeat(slope, len(_STRIP), axis=1), np.zeros((len(u), _WIDE * _ACROSS))], axis=1
        ),
    )


def gaps(points: Floats) -> Floats:
    """Return how far each of some rising points ``(G, M)`` is from the farther neighbour."""
    edge = np.zeros((len(points), 1))
    between = np.diff(points, axis=1)
    wider: Floats = np.maximum(np.hstack([edge, between]), np.hstack([between, edge]))
    return wider
