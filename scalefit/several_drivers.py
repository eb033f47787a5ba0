"""What a fit says of each driver, where there are several."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from .checked import Checked
from .saturation import margins
from .surface import contrasts, driver_gains

__all__ = ["SeveralDrivers"]


class SeveralDrivers(Checked):
    """The part of :class:`scalefit.Fit` that tells its drivers apart."""

    def gains(self, factor: float = 10.0, margin: float | None = None) -> pd.DataFrame:
        """Return what ``factor`` times each driver, and all of them, adds to the largest run.

        Parameters
        ----------
        factor : float
            Above 1.
        margin : float, optional
            The smallest gain of interest, as in :meth:`Fit.saturation`.

        Returns
        -------
        DataFrame
            Index ``more``: each driver, "all", and of two drivers "first less second", which tells
            the bottleneck; columns gain, lower, upper, robust_lower, robust_upper (whichever
            surviving law is true), bound_lower, bound_upper (one-sided 95 %), observed,
            observed_lower, observed_upper (from the driver's smallest size to its largest), margin,
            says (the gain is "above" or "below" the margin, "none seen" where over the driver's
            range it is below, or "undecided"), caution (why there is no number).

        Examples
        --------
        >>> import scalefit as sf
        >>> runs = {"params": [1e7, 1e7, 1e8, 1e8, 1e9, 1e9, 1e10, 1e10] * 2,
        ...         "tokens": [1e9] * 8 + [1e10, 1e11] * 4,
        ...         "loss": [4.90, 4.92, 3.94, 3.95, 3.51, 3.50, 3.31, 3.32,
        ...                  4.45, 4.26, 3.49, 3.31, 3.06, 2.86, 2.86, 2.68]}
        >>> fit = sf.fit(runs, drivers=["params", "tokens"])
        >>> fit.gains(2)[["gain", "says"]].round(2)
                            gain   says
        more
        params              ...
        tokens              ...
        all                 ...
        params less tokens  ...
        >>> fit.contrasts[["driver", "from", "to", "gain"]].round(2)
           driver          from            to  gain
        0  tokens  1.000000e+09  1.000000e+10  0.4...
        1  tokens  1.000000e+10  1.000000e+11  0.1...
        2  tokens  1.000000e+09  1.000000e+11  0.6...
        """
        return self._gains if factor == 10.0 and margin is None else self._ask_gains(factor, margin)

    @cached_property
    def _gains(self) -> pd.DataFrame:
        return self._ask_gains(10.0, None)

    def _ask_gains(self, factor: float, margin: float | None) -> pd.DataFrame:
        metric, settings = self.table.metrics[0], self.settings
        least = float(margins([metric], self.candidates, margin)[0])
        return driver_gains(
            self.candidates, self.table.drivers, factor, least, metric.span, settings.level,
            settings.within_law, self._case.refused,
        )  # fmt: skip

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """The gains between the values of each driver that has fewer than four.

        So few have no exponent. Columns driver, from, to, gain, lower, upper: from each value to
        the next one, and from the least to the greatest; the other drivers are those of the largest
        run. Empty where every driver has four values or more.
        """
        settings = self.settings
        return contrasts(self.candidates, self.table.drivers, settings.level, settings.within_law)
