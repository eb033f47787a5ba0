"""The size at which a curve has made a share of its gain, or of its score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

from ..errors import FitError
from ..laws import Frame, Law, Terms
from .place import log_size, of_curves, outside, point
from .question import Beyond, Estimand, SameForAll

__all__ = ["SizeReaching"]

Array = Any


@dataclass(frozen=True, slots=True)
class SizeReaching(SameForAll):
    """The size at which the curve has made a share of its gain.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    of : {"observed", "attainable", "score"}
        ``"observed"``: of the gain from the smallest to the largest size, so that no extrapolation
        is needed. ``"attainable"``: of the gain from the smallest size to the law's limit.
        ``"score"``: not of a gain but of the score at the largest size; for a loss, the size at
        which it has come down to ``1 / share`` of the loss there. It depends on the metric's
        origin, and may be far below the sizes of the table, where nothing was seen.

    Notes
    -----
    For a saturating power law the first two depend on the exponent only:
    ``x_min (1 - q)^(-1/exponent)`` for the attainable gain. The third depends on level and slope
    too; its interval are the sizes at which that of ``f(x) - q f(x_max)`` contains zero
    (Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x, for a ratio of means).

    Examples
    --------
    >>> SizeReaching(0.95).label
    'size reaching 95 % of the observed gain'
    >>> SizeReaching(0.95, of="score").label
    'size reaching 95 % of the score at the largest size'
    """

    share: float = 0.95
    of: Literal["observed", "attainable", "score"] = "observed"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise FitError(f"share={self.share}; give a number between 0 and 1, such as 0.95")
        if self.of not in ("observed", "attainable", "score"):
            raise FitError(f"of={self.of!r}; use 'observed', 'attainable' or 'score'")

    @property
    def label(self) -> str:
        """The question in a few words."""
        whole = "score at the largest size" if self.of == "score" else f"{self.of} gain"
        return f"size reaching {100 * self.share:g} % of the {whole}"

    def implicit(self, law: Law) -> bool:
        """Return whether the size is no function of the shapes of a law alone."""
        unsolved = self.of == "observed" and law.reach is None and law.n_drivers == 1
        return self.of == "score" or unsolved

    def sizes(self, frame: Frame) -> tuple[Array, Array]:
        """Return the smallest and the largest observed size."""
        return frame.x0 * np.exp(frame.z_min), frame.x0 * np.exp(frame.z_max)

    def gap(self, estimate: Any, x: Array, level: Any, inference: Callable[..., Any]) -> Any:
        """Return the intervals of the score at a size less the score that is to be reached."""
        return inference(estimate, _Gap(x, self), level)

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        """Return the size as terms without weights: it depends on the shape only."""
        if self.implicit(law):
            raise FitError(
                f"{self.label} is no function of the shape; ask a fit, fit.ask(...), or use "
                "ask_together, which inverts the inference"
            )
        if law.n_drivers > 1:
            raise FitError(
                "sizes of several drivers that reach a share of the gain are a curve, not a size; "
                "ask for the best use of a budget (sf.optimum), or fit one driver"
            )
        none = (0.0,) * law.n_columns
        if law.reach is None:  # of laws that grow without a limit
            return Terms(none, np.inf + 0.0 * frame.z_max)
        end = frame.z_max if self.of == "observed" else np.inf + 0.0 * frame.z_max
        with np.errstate(all="ignore"):
            z = law.reach(self.share, frame.z_min, end, theta, frame)
            # Gains without a limit never reach a share of it.
            return Terms(none, np.where(np.isnan(z), np.inf, frame.x0 * np.exp(z)))

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        """Return whether the share is of a gain beyond the observed sizes."""
        # With one shape parameter the size moves with it alone, and for ever.
        return Beyond(self.of == "attainable", shape=0 if len(law.shapes) == 1 else -1)


@dataclass(frozen=True, slots=True)
class _Gap:
    """How far the score at a size is above the one that is to be reached."""

    x: Array
    reached: SizeReaching

    @property
    def label(self) -> str:
        return f"score less that at the {self.reached.label}"

    def terms(self, law: Law, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Terms:
        here = law.value_terms(point(self._places(frame)), theta, frame, xp)
        first, last = (law.value_terms(z, theta, frame, xp) for z in (frame.z_min, frame.z_max))
        share = self.reached.share
        if self.reached.of == "observed":
            return here - first.scaled(1.0 - share) - last.scaled(share)
        higher = frame.sign > 0
        return here.scaled(np.where(higher, 1.0, share)) - last.scaled(np.where(higher, share, 1.0))

    def _places(self, frame: Frame) -> list[Array]:
        """Return the log size; a share of the observed gain is reached within the sizes."""
        places = log_size(self.x, frame)
        if self.reached.of != "observed":
            return places
        return [np.clip(z, frame.z_min, frame.z_max) for z in places]

    def beyond(self, law: Law, frame: Frame) -> Beyond:
        return outside(frame, self._places(frame))

    def take(self, rows: Any) -> Estimand:
        return _Gap(of_curves(self.x, rows), self.reached)
