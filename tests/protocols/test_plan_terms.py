"""Measures, indicators and policies check themselves when they are made."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import pytest

from protocols.errors import PlanError
from protocols.plan_terms import Policy
from tests.strategies import PLAIN_INDICATORS, PLAIN_MEASURES

OUTPUT, _, FUEL, _, _, OTHER = PLAIN_MEASURES
CEF, _, CEI = PLAIN_INDICATORS


def replaced(part: Any, **changes: Any) -> Any:
    return lambda: dataclasses.replace(part, **changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (replaced(OUTPUT, name="Output"), "use 1 to 40 of a-z"),
        (replaced(OUTPUT, name=""), "use 1 to 40 of a-z"),
        (replaced(OUTPUT, name="o" * 41), "use 1 to 40 of a-z"),
        (replaced(OUTPUT, name="1st"), "beginning with a letter"),
        (replaced(OUTPUT, name="a/b"), "use 1 to 40 of a-z"),
        (replaced(OUTPUT, name="output\n"), "use 1 to 40 of a-z"),
        (replaced(OUTPUT, name=7), "use 1 to 40 of a-z"),
        (replaced(OUTPUT, unit=""), "text is needed"),
        (replaced(OUTPUT, unit=" yuan"), "without blanks around it"),
        (replaced(OUTPUT, unit="yu\x00an"), "printable"),
        (replaced(OUTPUT, unit="y" * 41), "at most 40"),
        (replaced(OUTPUT, bound=0), "give a bound from 1"),
        (replaced(OUTPUT, bound=1 << 200), "give a bound from 1"),
        (replaced(OUTPUT, bound=1.0), "must be integers"),
        (replaced(OUTPUT, bound=True), "must be integers"),
        (replaced(OUTPUT, minimum=-1), "give a minimum"),
        (replaced(OUTPUT, minimum=10**9 + 1), "give a minimum"),
        (replaced(OUTPUT, minimum=True), "must be integers"),
        (replaced(OUTPUT, published=1), "published a boolean"),
        (replaced(OUTPUT, level="band"), "level must be"),
        (replaced(OUTPUT, protects=("heat",)), "guards whole bands"),
        (replaced(FUEL, protects=("heat",)), "guards whole bands"),
        (replaced(OTHER, protects=()), "must name what it protects"),
        (replaced(OTHER, protects=("heat", "heat")), "names other measures, each once"),
        (replaced(OTHER, protects=("other",)), "names other measures, each once"),
        (replaced(CEF, name="CEF"), "use 1 to 40 of a-z"),
        (replaced(CEF, unit="a\nb"), "printable"),
        (replaced(CEF, direction="higher"), "direction is higher or lower"),
        (replaced(CEF, ranking="sums"), "ranking sums, counts or none"),
        (replaced(CEF, denominator="output"), "must be two measures"),
        (replaced(CEF, scale=Fraction(0)), "positive exact"),
        (replaced(CEF, scale=Fraction(-1)), "positive exact"),
        (replaced(CEF, scale=1000), "positive exact"),
        (replaced(CEF, scale=0.5), "positive exact"),
        (replaced(CEF, scale=Fraction(1, 1 << 256)), "limited to 256 bits"),
        (replaced(CEF, edges=(Fraction(0), Fraction(1))), "positive exact"),
        (replaced(CEF, edges=(Fraction(1 << 256),)), "limited to 256 bits"),
        (replaced(CEF, edges=()), "needs 2 to 64 bins"),
        (replaced(CEF, edges=tuple(map(Fraction, range(1, 65)))), "needs 2 to 64 bins"),
        (replaced(CEF, edges=(Fraction(1), Fraction(1))), "strictly increasing"),
        (replaced(CEF, edges=(Fraction(2), Fraction(1))), "strictly increasing"),
        (replaced(CEI, edges=(Fraction(1),)), "has no bins"),
        (lambda: Policy(2, 10), "at least 3"),
        (lambda: Policy(1 << 20, 10), "minimum_cohort"),
        (lambda: Policy(True, 10), "minimum_cohort"),
        (lambda: Policy(5, 0), "from 1 to 100"),
        (lambda: Policy(5, 101), "from 1 to 100"),
        (lambda: Policy(5, 10.0), "from 1 to 100"),  # type: ignore[arg-type]
    ],
)
def test_terms_that_are_refused(make: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make()
