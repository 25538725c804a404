"""How two reporting periods lie to each other, read from their names.

The release ledger compares releases whose periods share data, or follow on each other so closely
that the difference of two totals shows who came and who left (:mod:`protocols.differencing`). A
period is named by the ceremony that its trustees signed: ``2025``, ``2025-H1``, ``2025-Q1``,
``2025-03``, ``2010-2019``. Any other name is compared as if it shared data with every period.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

CONSECUTIVE_MONTHS = 12
"""Periods with less than this between them are consecutive."""

_NAME = re.compile(
    r"(?P<year>\d{4})(-(?P<last>\d{4})|-Q(?P<quarter>[1-4])|-H(?P<half>[12])"
    r"|-(?P<month>0[1-9]|1[0-2]))?",
    re.ASCII,
)


class Relation(StrEnum):
    """What two periods have to do with each other."""

    OVERLAPPING = "overlapping"
    """They share data, or may: equal, one part of the other, or not to be told."""
    CONSECUTIVE = "consecutive"
    """Less than a year lies between them."""
    APART = "apart"


def relation(first: str, second: str) -> Relation:
    """How the periods of these names lie to each other; symmetric."""
    spans = _span(first), _span(second)
    if first == second or None in spans:
        return Relation.OVERLAPPING
    (_, before), (after, _) = sorted(span for span in spans if span is not None)
    if after < before:
        return Relation.OVERLAPPING
    return Relation.CONSECUTIVE if after - before < CONSECUTIVE_MONTHS else Relation.APART


def follows(later: str, earlier: str) -> bool:
    """Whether one period begins at or after the other's end; never of names of another form."""
    after, before = _span(later), _span(earlier)
    return after is not None and before is not None and after[0] >= before[1]


@lru_cache(maxsize=1024)
def _span(name: str) -> tuple[int, int] | None:
    """First month and the month after the last, counted from the year 0; None for other names."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    start = 12 * int(match["year"])
    if match["last"]:
        end = 12 * (int(match["last"]) + 1)
        return (start, end) if end > start else None
    for part, months in (("quarter", 3), ("half", 6), ("month", 1)):
        if match[part]:
            start += months * (int(match[part]) - 1)
            return start, start + months
    return start, start + 12
