"""What a reader should know before believing a fit: findings with stable codes and mends.

Each check is a generator of findings on one curve; docs/diagnostics.md lists them all.
"""

from __future__ import annotations

from ..convergence import draw_findings
from ..findings import Finding
from ..measurement import error_findings
from ..refusals import refusal_findings
from .case import Case
from .design import conditioning, replicates, sizes
from .forecast import extrapolation, passing_bounds, reach_of_margin, stability
from .overview import overview
from .scatter import alike_by_seed, error_models, outlying, pattern, uneven
from .shape import agreement_of_methods, identification, minima, misfit, trend
from .surface import alike_by_driver, interaction, levels, repeats, unfitted

__all__ = ["Case", "diagnose", "overview"]

#: Checks of any fit, of several drivers, and those that need a verdict, and so one driver.
_OF_ANY = (replicates, uneven, outlying, error_models, minima)
_OF_SURFACES = (unfitted, levels, repeats, alike_by_driver, interaction, misfit)
_OF_VERDICTS = (
    sizes, alike_by_seed, pattern, misfit, trend, identification, conditioning,
    agreement_of_methods, extrapolation, reach_of_margin, passing_bounds, stability,
)  # fmt: skip


def diagnose(case: Case) -> list[Finding]:
    """Return the findings on a single curve: those of its table, then those of its fit."""
    table = case.table
    found = [*table.findings, *(f for part in table.group_findings for f in part)]
    if case.assess is not None:
        found.extend(refusal_findings(case.grounds))
    found.extend(error_findings(case.chosen))
    found.extend(draw_findings(case.chosen))
    for check in (*_OF_ANY, *(_OF_SURFACES if case.assess is None else _OF_VERDICTS)):
        found.extend(check(case))
    if all(finding.severity == "ok" for finding in found):
        found.insert(0, Finding("all_clear", "ok", "nothing to report"))
    return found
