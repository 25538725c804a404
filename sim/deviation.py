"""How far the published strategy curve is from the one over single enterprises.

A release gives cumulative output over cumulative emissions at the bands' ends only (exact, and
safe), and a reader interpolates between them. Only a simulation has the plain data to say how far
that is from the truth; the report states it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

Point = tuple[int, int]


def curve_deviation(
    document: Mapping[str, Any], members: Sequence[Mapping[str, int]]
) -> Fraction | None:
    """Largest vertical distance between the two curves as a share of total output, 0 to 1.

    :param document: the release document of the cohort.
    :param members: the integers of each enterprise that took part.
    :returns: None where no bands with sums were published.
    """
    indicator = document["indicators"].get(document.get("ranking"))
    if document.get("withheld") is not None or indicator is None or not document["bands"]:
        return None
    gain, burden = indicator["numerator"], indicator["denominator"]
    higher = indicator["direction"] == "higher"
    if not higher:
        gain, burden = burden, gain
    bands = document["bands"] if higher else list(reversed(document["bands"]))
    knots = _cumulative(
        (int(band["measures"][burden]["value"]), int(band["measures"][gain]["value"]))
        for band in bands
    )
    # Worst first: least gain for its burden.
    ordered = sorted(members, key=lambda m: Fraction(m[gain], m[burden]) if m[burden] else 1 << 300)
    curve = _cumulative((m[burden], m[gain]) for m in ordered)
    total = curve[-1][1]
    if not total:
        return None
    return max(abs(_interpolate(knots, x) - y) for x, y in curve) / total


def _cumulative(steps: Any) -> list[Point]:
    points: list[Point] = [(0, 0)]
    for x, y in steps:
        points.append((points[-1][0] + x, points[-1][1] + y))
    return points


def _interpolate(knots: Sequence[Point], x: int) -> Fraction:
    index = max(1, min(bisect_left(knots, (x, -1)), len(knots) - 1))
    (x0, y0), (x1, y1) = knots[index - 1], knots[index]
    if x1 == x0:
        return Fraction(y1)
    return y0 + Fraction((y1 - y0) * (x - x0), x1 - x0)
