"""Two rankings by sums of the same enterprises: by CEF and by energy intensity.

Each ranking alone is safe. Together they are two partitions of the same sums: the last band of one
holds the last band of the other and one firm more, and the difference of the two is that firm's
output, emissions and energy. What stops it: a plan has one ranking by sums at most; the others
publish counts and cut-points.

Removed by ``--weakened``: the plan's own check (``Plan._check_indicators``). The bands of each
ranking are then decided by the code that decides them in a round of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from protocols.errors import PlanError
from protocols.plan import Direction, Indicator, Measure, Plan, Ranking, Unrelated
from tests.attacks.elimination import isolating
from tests.attacks.published import SumOf, certified, released
from tests.attacks.result import Result, main, removed
from tests.strategies import plain_plan

MEASURES = (
    Measure("output", "yuan", bound=10**9, minimum=1),
    Measure("emissions", "kgCO2", bound=10**9, minimum=1),
)
EDGES = tuple(Fraction(edge) for edge in (2, 4, 8, 16, 32, 64))
VICTIM = 5
LOW, HIGH = range(6), range(6, 12)
"""Firms of low and of high CEF; the victim is the last of the low ones."""


def run(weakened: bool) -> Result:
    """The victim is in the low band by CEF and among the others by energy intensity."""
    members = firms()
    stopped: tuple[str, ...] = ()
    sums: list[SumOf] = []
    with removed(weakened, Plan, "_check_indicators", lambda self: None) as what:
        try:
            both = plain_plan(**terms(Ranking.SUMS))
        except PlanError as error:
            stopped = (str(error),)
        else:
            sums = [s for i in both.indicators for s in by_sums(both, i, members)]
    return Result(
        had="the release, and which firm lies on different sides in the two rankings",
        did="subtracted a band by one indicator from a band by the other",
        planted={name: members[VICTIM][name] for name in ("output", "emissions")},
        gained=found(sums),
        stopped_by=stopped,
        removed=what and f"one ranking by sums at most ({what})",
    )


def firms() -> list[dict[str, int]]:
    """Twelve firms: six of low CEF and six of high, one of the low ones with a high intensity."""
    low = [{"output": 300 + 9 * i, "emissions": 100 + i, "energy": 5000 + 31 * i} for i in LOW]
    high = [{"output": 3000 + 7 * i, "emissions": 101 + i, "energy": 9000 + 40 * i} for i in HIGH]
    low[VICTIM]["energy"] = 10 * low[VICTIM]["output"] // 4
    return low + high


def terms(second: Ranking) -> dict[str, object]:
    """What a plan is made of that ranks by CEF with sums, and by intensity as ``second``."""
    energy = replace(MEASURES[1], name="energy", unit="MJ")
    cef = Indicator(
        "cef", "yuan/kg", "output", "emissions", Fraction(1), Direction.HIGHER, Ranking.SUMS, EDGES
    )
    intensity = replace(
        cef,
        name="intensity",
        unit="MJ/yuan",
        numerator="energy",
        denominator="output",
        direction=Direction.LOWER,
        ranking=second,
    )
    return {
        "measures": (*MEASURES, energy),
        "indicators": (cef, intensity),
        "relations": (),
        "unrelated": (Unrelated(("emissions", "energy"), "each firm has fuels of its own"),),
    }


def by_sums(plan: Plan, indicator: Indicator, members: list[dict[str, int]]) -> tuple[SumOf, ...]:
    """The bands' sums as if this indicator were the only one ranked by sums."""
    others = (replace(i, ranking=Ranking.NONE, edges=()) for i in plan.indicators if i != indicator)
    alone = replace(plan, indicators=(indicator, *others))
    return released(alone, members, certified(alone, members)).sums


def found(sums: list[SumOf]) -> Mapping[str, int] | None:
    """What the sums say of the victim alone."""
    values = {}
    for name in ("output", "emissions"):
        known = [s for s in sums if s.measure == name]
        weights = isolating([s.members for s in known], [VICTIM])
        if weights is None:
            return None
        total = sum(w * s.total for w, s in zip(weights, known, strict=True))
        values[name] = int(total)
    return values


if __name__ == "__main__":
    main(run, __doc__)
