"""What a scaling law is: one formula, linear in its coefficients once its shape is given.

Every law is written in the working form

    sign * mean(x) = offset(z; theta) + sum_j coefficient_j * column_j(z; theta),  z = log(x / x0),

so that the score is always oriented "higher is better", the coefficients have a closed-form
solution, and only the few shape parameters ``theta`` need a search (variable projection, Golub &
Pereyra 1973, doi:10.1137/0710036). The field's parameters (asymptote, exponent, ...) are
read off the working form by :class:`Terms`, again linear in the coefficients, which is what makes
profile likelihood intervals for them exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import LawError, nearest

__all__ = [
    "ASINH",
    "FINE_ASINH",
    "IDENTITY",
    "LOG",
    "Coordinate",
    "Frame",
    "Law",
    "Parameter",
    "Role",
    "Shape",
    "Terms",
    "Where",
]

#: What a formula computes with: numpy arrays (real or complex) or PyTensor variables.
Array = Any
Floats = NDArray[np.float64]

#: What a parameter is, from which its behaviour under a change of units follows.
#: level: a score; amplitude: a difference of scores; coefficient: an amplitude times a power of
#: the driver; slope: score per e-fold of the driver; exponent: a pure number; size: a driver value;
#: free: nothing is known (a user's own function).
Role = Literal["level", "amplitude", "coefficient", "slope", "exponent", "size", "free"]
#: Which sizes a quantity speaks of: those observed, larger ones, smaller ones, or both of these.
Where = Literal["inside", "above", "below", "either"]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where curves stand: the constants that turn users' units into a law's working form.

    All fields are arrays of one shape, ``(G,)`` for G curves, or scalars for one curve.

    Parameters
    ----------
    x0 : array
        Geometric mean of the distinct sizes, in driver units; ``z = log(x / x0)``.
    sign : array
        +1 where a higher score is better, -1 where a lower one is.
    limit : array
        Best value the metric can take, in the metric's units; nan where unknown.
    z_min, z_max : array
        Smallest and largest log size.
    first_gap : array
        Log distance between the two smallest sizes.
    z_largest : array
        Log size of the largest run: of several drivers, that with the greatest product of all.
    other : tuple of Frame
        One for each further driver.
    """

    x0: Array
    sign: Array
    limit: Array
    z_min: Array
    z_max: Array
    first_gap: Array
    z_largest: Array
    other: tuple[Frame, ...] = ()

    @property
    def drivers(self) -> tuple[Frame, ...]:
        """The frame of each driver."""
        return (self, *self.other)

    def map(self, function: Callable[[Array], Array]) -> Frame:
        """Return a frame with ``function`` applied to every field."""
        return Frame(
            function(self.x0), function(self.sign), function(self.limit),
            function(self.z_min), function(self.z_max), function(self.first_gap),
            function(self.z_largest),
            tuple(frame.map(function) for frame in self.other),
        )  # fmt: skip

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All fields, one after the other."""
        own = (
            self.x0, self.sign, self.limit, self.z_min, self.z_max, self.first_gap, self.z_largest,
        )  # fmt: skip
        return sum((frame.arrays for frame in self.other), own)

    def expand(self, n_axes: int) -> Frame:
        """Return a frame whose fields have ``n_axes`` trailing axes of length one."""
        new = (..., *(None,) * n_axes)
        return self.map(lambda value: np.asarray(value)[new])

    def row(self, g: int) -> Frame:
        """Return the frame of curve ``g``, with scalar fields."""
        return self.map(lambda value: value[g])

    @classmethod
    def of_sizes(
        cls, x: NDArray[np.float64], sign: float = 1.0, limit: float = float("nan")
    ) -> Frame:
        """Return the frame of one curve from its sizes, shape ``(K,)``, in any order."""
        sizes = np.unique(np.asarray(x, dtype=float))
        log_size = np.log(sizes)
        z = log_size - log_size.mean()
        gap = z[1] - z[0] if z.size > 1 else 1.0
        return cls(
            np.float64(np.exp(log_size.mean())), np.float64(sign), np.float64(limit),
            np.float64(z[0]), np.float64(z[-1]), np.float64(gap), np.float64(z[-1]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """A target ``offset + sum_j weights[j] * coefficient_j``, in the user's units.

    Weights and offset are arrays that broadcast with the shape parameters they were made from.
    """

    weights: tuple[Array, ...]
    offset: Array = 0.0

    def value(self, coefficients: Array) -> Array:
        """Return the target for coefficients whose last axis runs over the weights."""
        total = self.offset
        for j, weight in enumerate(self.weights):
            total = total + weight * coefficients[..., j]
        return total

    def __sub__(self, other: Terms) -> Terms:
        weights = tuple(a - b for a, b in zip(self.weights, other.weights, strict=True))
        return Terms(weights, self.offset - other.offset)

    def scaled(self, factor: Array) -> Terms:
        """Return the terms of ``factor`` times this target."""
        return Terms(tuple(factor * weight for weight in self.weights), factor * self.offset)


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A monotone coordinate ``u`` in which a shape parameter is searched, and its inverse."""

    to_theta: Callable[[Array], Array]
    to_u: Callable[[Array], Array]
    slope: Callable[[Array], Array]


IDENTITY = Coordinate(lambda u: u, lambda t: t, np.ones_like)
LOG = Coordinate(np.exp, np.log, np.exp)
#: Linear near zero, logarithmic far from it: dense where exponents are slow.
ASINH = Coordinate(
    lambda u: 0.15 * np.sinh(u), lambda t: np.arcsinh(t / 0.15), lambda u: 0.15 * np.cosh(u)
)
#: The same with more room near zero: where several exponents may be slow at once.
FINE_ASINH = Coordinate(
    lambda u: 0.01 * np.sinh(u), lambda t: np.arcsinh(t / 0.01), lambda u: 0.01 * np.cosh(u)
)


def _nowhere(theta: tuple[Array, ...], frame: Frame) -> Array:
    return np.zeros(np.shape(theta[0]), dtype=bool)


@dataclass(frozen=True, slots=True)
class Shape:
    """One nonlinear parameter of the working form.

    Parameters
    ----------
    name : str
        Name in the working form.
    bounds : callable
        ``bounds(frame) -> (lower, upper)`` in units of the parameter.
    points : int
        Points of the global scan; of a law with more than two shapes, whose scan is no grid, their
        product, a power of two, is the number of points.
    coordinate : Coordinate
        Coordinate of the scan and of the polish.
    open_above, open_below : tuple of bool
        Whether, beyond the lower and the upper bound, the curve goes on changing without end above
        the largest size and below the smallest one. An interval for a quantity there that reaches
        such a bound is open; elsewhere the curve has a limit at the bound.
    driver : int
        The driver along which it bends the curve; -1 if along all.
    endless : callable
        ``endless(theta, frame)``: where the curve, at these shapes, goes on changing without end
        above the largest size beyond the upper bound, though elsewhere it has a limit there.
    """

    name: str
    bounds: Callable[[Frame], tuple[Array, Array]]
    points: int
    coordinate: Coordinate = IDENTITY
    open_above: tuple[bool, bool] = (False, False)
    open_below: tuple[bool, bool] = (False, False)
    driver: int = 0
    endless: Callable[[tuple[Array, ...], Frame], Array] = _nowhere


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as the field writes it.

    Parameters
    ----------
    name, meaning : str
        Public name, and what it means in words.
    role : str
        See :data:`Role`.
    terms : callable
        ``terms(theta, frame, xp) -> Terms``: the parameter in the user's units.
    speaks_of : str
        See :data:`Where`.
    shape : int
        Index of the shape parameter that it is a function of; -1 if of none alone.
    driver : int
        The driver whose sizes it speaks of; -1 if of all.
    """

    name: str
    meaning: str
    role: Role
    terms: Callable[[tuple[Array, ...], Frame, ModuleType], Terms]
    speaks_of: Where = "inside"
    shape: int = -1
    driver: int = -1


def _no_offset(z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType) -> Array:
    return 0.0


@dataclass(frozen=True, slots=True)
class Law:
    """One scaling law.

    Parameters
    ----------
    name, title, formula : str
        Identifier, a few words, and the formula in the field's parameters, for a score.
    wrong_when : str
        When this is the wrong law.
    source : str
        Where the formula comes from.
    n_columns : int
        Number of linear coefficients.
    shapes : tuple of Shape
        The nonlinear parameters.
    columns : callable
        ``columns(z, theta, frame, xp)``: the columns of the working form. Written once, with
        arithmetic and ``xp.exp``, ``xp.log``, ``xp.expm1``, ``xp.where`` only, so that numpy and
        PyTensor evaluate the same lines.
    gradient : callable
        ``gradient(z, theta, frame)``: per shape parameter, the derivative of each column.
    parameters : tuple of Parameter
        The field's parameters.
    invert : callable
        ``invert(values, frame, xp) -> (coefficients, theta)`` from the field's parameters.
    limit : callable
        ``limit(theta, frame, xp) -> Terms``: the mean as the driver grows without end.
    reach : callable
        ``reach(share, z_from, z_to, theta, frame)``: the log size at which the curve has made
        ``share`` of its way between two log sizes (``z_to`` may be infinite); None if that does not
        follow from the shapes alone.
    start : callable
        ``start(z, y, frame) -> theta`` in closed form from size means of shape ``(G, K)``, sorted
        by size and oriented "higher is better".
    working : callable
        ``working(frame)``: the working form as an expression in x, x0, c, b, best and the names of
        the shape parameters; ``b1`` is the second of three coefficients.
    offset : callable
        The part without a coefficient. In laws with ``shapes`` it must not depend on ``theta``.
    loss_formula : str
        The formula where lower is better, if it differs.
    nested_in : str
        Name of the law of which this one is a special case; empty if none.
    rising : bool
        Whether the coefficients but the level's must not be negative for the curve to improve with
        scale.
    unsigned : int
        How many of the last coefficients may have either sign all the same.
    guesses : tuple
        Only for laws that are not searched by a scan: ``((name, start value), ...)``.
    n_drivers : int
        Number of drivers; with several, log sizes have a last axis of that length.
    min_sizes, min_decades : int, float
        Gate of a law that few tables can bear: distinct sizes and powers of ten that it needs.
    needs_best : bool
        Whether it goes towards the best value of a score, and means nothing where that is unknown;
        that of a loss is then taken to be 0.
    aliases : tuple of str
        Names that it has in the literature, for who looks for one of them.
    last_break : int
        Index of the shape that is the log size of the last break; -1 if the law has none. A
        forecast needs three sizes beyond it.
    """

    name: str
    title: str
    formula: str
    wrong_when: str
    source: str
    n_columns: int
    shapes: tuple[Shape, ...]
    columns: Callable[[Array, tuple[Array, ...], Frame, ModuleType], tuple[Array, ...]]
    gradient: Callable[[Array, tuple[Array, ...], Frame], tuple[tuple[Array, ...], ...]]
    parameters: tuple[Parameter, ...]
    invert: Callable[
        [Mapping[str, Array], Frame, ModuleType], tuple[tuple[Array, ...], tuple[Array, ...]]
    ]
    limit: Callable[[tuple[Array, ...], Frame, ModuleType], Terms]
    reach: Callable[[Array, Array, Array, tuple[Array, ...], Frame], Array] | None
    start: Callable[[Floats, Floats, Frame], tuple[Floats, ...]]
    working: Callable[[Frame], str]
    offset: Callable[[Array, tuple[Array, ...], Frame, ModuleType], Array] = _no_offset
    loss_formula: str = ""
    nested_in: str = ""
    rising: bool = True
    unsigned: int = 0
    guesses: tuple[tuple[str, float], ...] = ()
    n_drivers: int = 1
    min_sizes: int = 0
    min_decades: float = 0.0
    needs_best: bool = False
    aliases: tuple[str, ...] = ()
    last_break: int = -1

    @property
    def n_params(self) -> int:
        """Number of free parameters of the mean."""
        return self.n_columns + (len(self.guesses) if self.guesses else len(self.shapes))

    @property
    def has_few_shapes(self) -> bool:
        """Whether the shapes are so few that an integral over them is a sum over a grid."""
        return len(self.shapes) <= 2

    @property
    def rises(self) -> tuple[int, ...]:
        """Columns whose coefficients must not be negative for the curve to improve with scale."""
        last = self.n_columns - self.unsigned
        return tuple(range(min(1, last - 1), last)) if self.rising else ()

    def parameter(self, name: str) -> Parameter:
        """Return the parameter called ``name``; LawError if the law has none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        have = [p.name for p in self.parameters]
        raise LawError(
            f"law {self.name!r} has no parameter {name!r}; it has {', '.join(have)}"
            + nearest(str(name), have)
        )

    def value_terms(
        self, z: Array, theta: tuple[Array, ...], frame: Frame, xp: ModuleType = np
    ) -> Terms:
        """Return the mean at log size ``z``, in the user's units, as :class:`Terms`."""
        with np.errstate(over="ignore"):  # very far out a column may be infinite
            columns = self.columns(z, theta, frame, xp)
            terms = Terms(columns, self.offset(z, theta, frame, xp))
        return terms.scaled(frame.sign)

    def mean(
        self,
        x: Array,
        values: Mapping[str, Array],
        xp: ModuleType = np,
        *,
        sign: float = 1.0,
        limit: float = float("nan"),
        x0: float | tuple[float, ...] | None = None,
    ) -> Array:
        """Return the mean at sizes ``x`` for the field's parameters.

        Parameters
        ----------
        x : array
            Driver values, in the units of the parameters; of several drivers a tuple of arrays.
        values : mapping
            Parameter name to value (numbers or symbolic variables).
        xp : module
            ``numpy`` or ``pytensor.tensor``.
        sign, limit : float
            Orientation (+1 if higher is better) and the best value of the metric.
        x0 : float or tuple of floats
            A size amid ``x``, about which the working form loses no digits. By default the
            geometric mean of ``x``, if these are numbers.

        Examples
        --------
        >>> from scalefit.laws import get_law
        >>> law = get_law("saturating_power")
        >>> law.mean(100.0, {"asymptote": 0.9, "coefficient": 1.0, "exponent": 0.5})
        np.float64(0.8)
        """
        sizes = x if self.n_drivers > 1 else (x,)
        if x0 is None:
            x0 = tuple(float(np.exp(np.mean(np.log(s)))) if xp is np else 1.0 for s in sizes)
        centres = x0 if isinstance(x0, tuple) else (x0,)
        first, *other = (Frame(c, sign, limit, 0.0, 1.0, 1.0, 1.0) for c in centres)
        frame = replace(first, other=tuple(other))
        coefficients, theta = self.invert(values, frame, xp)
        z = [xp.log(size / centre) for size, centre in zip(sizes, centres, strict=True)]
        terms = self.value_terms(xp.stack(z, axis=-1) if other else z[0], theta, frame, xp)
        total = terms.offset
        for weight, coefficient in zip(terms.weights, coefficients, strict=True):
            total = total + weight * coefficient
        return total

    @staticmethod
    def from_function(
        name: str, function: Callable[..., Array], start: Mapping[str, float], **words: str
    ) -> Law:
        """Return a law from any function ``f(x, *parameters)``.

        Parameters
        ----------
        name : str
            Name of the law.
        function : callable
            ``function(x, b1, b2, ...)`` of the driver and the parameters: numpy arrays that
            broadcast, since all curves and starts are tried at once. Of several drivers ``x`` is a
            tuple.
        start : mapping
            Parameter names, in the function's order, with start values.
        **words : str
            ``title``, ``formula``, ``wrong_when``, ``source`` for the documentation.

        Returns
        -------
        Law
            Fitted by a trust-region search from ``start`` and multiples of it, since nothing is
            known of its shape. It can be pickled if the function can.

        Examples
        --------
        >>> import scalefit as sf
        >>> law = sf.Law.from_function(
        ...     "misra1a", lambda x, b1, b2: b1 * (1 - np.exp(-b2 * x)), {"b1": 250, "b2": 5e-4})
        >>> law.n_params
        2
        """
        from .from_function import from_function

        return from_function(name, function, start, **words)

    def written(self, sign: float) -> str:
        """Return the formula where higher (``sign`` +1) or lower (-1) scores are better."""
        return self.formula if sign > 0 else self.loss_formula or self.formula

    def __reduce__(self) -> Any:
        # A registered law travels by name: its functions cannot be pickled, and need not be.
        from . import REGISTERED, get_law

        if any(law is self for law in REGISTERED):
            return get_law, (self.name,)
        return super(Law, self).__reduce__()

    def __repr__(self) -> str:
        return f"<Law {self.name}: {self.formula}>"
