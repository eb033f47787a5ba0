"""The registered laws: one file each, listed in one visible tuple."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from .._format import counted
from ..errors import LawError, nearest
from .additive import ADDITIVE
from .additive_bounded import ADDITIVE_BOUNDED
from .additive_repeat import ADDITIVE_REPEAT
from .additive_tied import ADDITIVE_TIED
from .broken_power import BROKEN_POWER
from .broken_power_2 import BROKEN_POWER_2
from .broken_stick import BROKEN_STICK
from .constant import CONSTANT
from .exponential import EXPONENTIAL
from .hill import HILL
from .interaction import INTERACTION
from .kaplan import KAPLAN
from .law import Frame, Law, Parameter, Shape, Terms
from .log_linear import LOG_LINEAR
from .m4 import M4
from .power import POWER
from .power_log import POWER_LOG
from .saturating_power import SATURATING_POWER
from .shifted_power import SHIFTED_POWER

__all__ = [
    "AUTO",
    "AUTO_SURFACES",
    "LAWS",
    "REGISTERED",
    "SURFACES",
    "Frame",
    "Law",
    "Parameter",
    "Shape",
    "Terms",
    "containing",
    "get_law",
    "laws",
    "resolve",
]

#: The laws that ``law="auto"`` compares, simplest first.
AUTO: tuple[Law, ...] = (CONSTANT, LOG_LINEAR, POWER, SATURATING_POWER, HILL, EXPONENTIAL)
#: Every law of one driver: those and the ones that are fitted only if asked for by name, since few
#: tables can bear them.
LAWS: tuple[Law, ...] = (
    *AUTO, SHIFTED_POWER, POWER_LOG, M4, BROKEN_STICK, BROKEN_POWER, BROKEN_POWER_2,
)  # fmt: skip
#: The laws of several drivers that ``law="auto"`` compares, simplest first.
AUTO_SURFACES: tuple[Law, ...] = (
    ADDITIVE_TIED, KAPLAN, ADDITIVE, ADDITIVE_BOUNDED, ADDITIVE_REPEAT,
)  # fmt: skip
#: Every law of several drivers.
SURFACES: tuple[Law, ...] = (*AUTO_SURFACES, INTERACTION)
#: Every law that a name can ask for.
REGISTERED: tuple[Law, ...] = (*LAWS, *SURFACES)


def get_law(name: str | Law) -> Law:
    """Return the registered law called ``name``; LawError, with the nearest name, if none is.

    A law is returned as it is. The error tells the law that is known by such a name elsewhere.

    Examples
    --------
    >>> get_law("hill")
    <Law hill: lower + (upper - lower) / (1 + (half_size / x)^slope)>
    """
    if isinstance(name, Law):
        return name
    for law in REGISTERED:
        if law.name == name:
            return law
    names = [law.name for law in REGISTERED]
    raise LawError(
        f"no law named {name!r}; the laws are {', '.join(names)}"
        + (_called_elsewhere(str(name)) or nearest(str(name), names))
    )


def _called_elsewhere(name: str) -> str:
    """Return ``"; 'x' is 'y' here"`` where a law has that name in the literature.

    Examples
    --------
    >>> _called_elsewhere("Chinchilla"), _called_elsewhere("sigmoid")
    ("; 'Chinchilla' is 'additive' here", '')
    """
    known = [repr(law.name) for law in REGISTERED if name.casefold() in law.aliases]
    return f"; {name!r} is {' or '.join(known)} here" if known else ""


def containing(law: Law) -> list[str]:
    """Return the names of the laws that a law is a special case of, the nearest first.

    Examples
    --------
    >>> containing(get_law("constant"))
    ['log_linear', 'saturating_power']
    """
    found = []
    while law.nested_in:
        found.append(law.nested_in)
        law = get_law(law.nested_in)
    return found


def resolve(
    law: str | Law | Iterable[str | Law], n_drivers: int = 1, few_shapes: bool = False
) -> tuple[Law, ...]:
    """Return the candidate laws that a user's ``law=`` asks for.

    ``"auto"`` means :data:`AUTO`, or those of :data:`AUTO_SURFACES` that have as many drivers as
    the table, and, if ``few_shapes``, so few shapes that their posteriors are by quadrature. A
    user's own function takes any number of drivers.
    """
    usual = [
        each for each in (AUTO if n_drivers == 1 else AUTO_SURFACES)
        if each.n_drivers == n_drivers and (each.has_few_shapes or not few_shapes)
    ]  # fmt: skip
    chosen = _named(law, tuple(usual))
    for item in chosen:
        if not item.guesses and item.n_drivers != n_drivers:
            raise LawError(
                f"law {item.name!r} is of {counted(item.n_drivers, 'driver')}, and the table has "
                f"{n_drivers}; name the drivers with drivers=, or another law"
            )
    return chosen


def _named(law: str | Law | Iterable[str | Law], usual: tuple[Law, ...]) -> tuple[Law, ...]:
    if isinstance(law, (str, Law)):
        return usual if law == "auto" else (get_law(law),)
    try:
        chosen = tuple(get_law(item) for item in law)
    except TypeError:
        raise LawError(f"law={law!r}; give a law, its name, several of them, or 'auto'") from None
    if not chosen:
        raise LawError("law= is empty; name at least one law, or 'auto'")
    names = [item.name for item in chosen]
    if len(set(names)) < len(names):
        raise LawError(f"law= names a law twice: {', '.join(names)}")
    return chosen


def laws() -> pd.DataFrame:
    """Return the registered laws: name, title, formula, parameters, when it is the wrong law.

    Examples
    --------
    >>> laws().loc["saturating_power", "n_params"]
    np.int64(3)
    """
    rows = {
        law.name: {
            "title": law.title,
            "formula": law.formula,
            "n_params": law.n_params,
            "parameters": ", ".join(p.name for p in law.parameters),
            "wrong_when": law.wrong_when,
            "min_sizes": max(law.min_sizes, law.n_params + 1),
            "min_decades": law.min_decades,
            "source": law.source,
        }
        for law in REGISTERED
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "law"
    return table
