"""Values far from their cohort: the check for readings wrong by a thousand.

A reading entered in kWh where MWh was asked is off by three decades. Within a cohort, the decimal
logarithm of each column is compared with the cohort's median; a value is reported when it is more
than 2.5 decades away and more than four robust standard deviations (1.4826 times the median
absolute deviation; Leys et al. 2013, J. Exp. Soc. Psychol. 49). Real plants span many decades, so
this is a question to the owner and not a verdict: a warning unless the mapping says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from accounting.mapping_model import Column

MINIMUM_ROWS = 10
DECADES = 2.5
DEVIATIONS = 4.0
_NORMAL_CONSISTENCY = 1.4826


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A value far from its cohort: position of its row in the table, column and the reason."""

    position: int
    column: str
    message: str


def outliers(
    table: Sequence[tuple[str, Mapping[str, Fraction]]], columns: Iterable[Column]
) -> list[Suspicion]:
    """Values far from the median of their cohort.

    `table` holds cohort and column values of each row. Zeros are left out (they have no logarithm),
    and so are cohorts with fewer than 10 values in a column: too few to judge by. Called by
    `measures.compute_intake` in check mode.
    """
    cohorts: dict[str, list[tuple[int, Mapping[str, Fraction]]]] = {}
    for position, (cohort, values) in enumerate(table):
        cohorts.setdefault(cohort, []).append((position, values))
    return [
        Suspicion(position, column.name, message)
        for column in columns
        for cohort, rows in cohorts.items()
        for position, message in _far(column, cohort, rows)
    ]


def _far(
    column: Column, cohort: str, rows: Sequence[tuple[int, Mapping[str, Fraction]]]
) -> list[tuple[int, str]]:
    logs = {
        position: _log10(values[column.name])
        for position, values in rows
        if values.get(column.name)
    }
    if len(logs) < MINIMUM_ROWS:
        return []
    centre = median(logs.values())
    spread = _NORMAL_CONSISTENCY * median(abs(x - centre) for x in logs.values())
    limit = max(DECADES, DEVIATIONS * spread)
    return [
        (
            position,
            f"about 10^{abs(x - centre):.1f} times {'above' if x > centre else 'below'} the median "
            f"of cohort {cohort!r} ({10**centre:.4g} {column.unit}): is the unit right?",
        )
        for position, x in logs.items()
        if abs(x - centre) > limit
    ]


def _log10(value: Fraction) -> float:
    # Not float(value): a large numerator and denominator may each be beyond a float.
    return math.log10(value.numerator) - math.log10(value.denominator)
