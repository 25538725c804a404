"""Two rankings of one ratio: the cuts of one fall between the cuts of the other.

Both rankings publish counts and cut-points only. So many firms lie below 2.0, so many below 2.2:
where the difference is one, that firm's ratio is known to within a tenth, though each band holds at
least k firms. The second ranking names the same measures, or a multiple of one of them. What stops
it: a plan ranks by a pair of measures once, up to combinations that its relations declare.

Removed by ``--weakened``: the plan's own check (``Plan._check_rankings``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise

from protocols.certificate import BandCertificate
from protocols.errors import PlanError
from protocols.plan import (
    Direction,
    Indicator,
    Level,
    Measure,
    Part,
    Plan,
    Ranking,
    Relation,
)
from tests.attacks.published import certified
from tests.attacks.result import Result, main, removed
from tests.strategies import plain_plan

EDGES = tuple(Fraction(edge) for edge in (2, 4, 8, 16))
SHIFT = Fraction(11, 10)
FEN = 100
VICTIM = {"output": 2100, "emissions": 1000}


def run(weakened: bool, *, multiple: bool = False) -> Result:
    """Twelve firms; the second ranking has all edges a tenth higher.

    :param multiple: it ranks by the hundredfold of the output.
    """
    measures = tuple(
        Measure(name, unit, bound=10**12, minimum=1, level=Level.COHORT, protects=protects)
        for name, unit, protects in (
            ("output", "yuan", ("output_fen",) if multiple else ()),
            ("output_fen", "fen", ("output",)),
            ("emissions", "kgCO2", ()),
        )
        if multiple or name != "output_fen"
    )
    hundredfold = Relation("output_fen", (Part("output", Fraction(FEN)),), complete=True)
    first = Indicator(
        "cef",
        "yuan/kg",
        "output",
        "emissions",
        Fraction(1),
        Direction.HIGHER,
        Ranking.COUNTS,
        EDGES,
    )
    second = replace(first, name="again", edges=tuple(SHIFT * edge for edge in EDGES))
    if multiple:
        edges = tuple(FEN * edge for edge in second.edges)
        second = replace(second, numerator="output_fen", edges=edges)
    stopped: tuple[str, ...] = ()
    gained = None
    with removed(weakened, Plan, "_check_rankings", lambda self: None) as what:
        try:
            plan = plain_plan(
                measures=measures,
                indicators=(first, second),
                relations=(hundredfold,) if multiple else (),
                unrelated=(),
            )
        except PlanError as error:
            stopped = (str(error),)
        else:
            gained = next(lonely(plan, certified(plan, firms())), None)
    ratio = Fraction(VICTIM["output"], VICTIM["emissions"])
    return Result(
        had="the release",
        did="subtracted the counts below neighbouring cuts of the two rankings",
        planted="one firm between 2 and 11/5",
        gained=gained and f"one firm between {gained[0]} and {gained[1]}",
        stopped_by=stopped,
        removed=what and f"one ranking a ratio ({what})",
        figures={"the victim's ratio": float(ratio)},
    )


def firms() -> list[dict[str, int]]:
    """Five firms below 2, the victim at 2.1, six from 3 upwards."""
    low = [{"output": 1500 + 60 * i, "emissions": 1000 + i} for i in range(5)]
    high = [{"output": 3000 + 400 * i, "emissions": 990 + i} for i in range(6)]
    return [{**firm, "output_fen": FEN * firm["output"]} for firm in [*low, VICTIM, *high]]


def lonely(plan: Plan, certificate: BandCertificate) -> Iterator[tuple[Fraction, Fraction]]:
    """Intervals of the ratio that hold exactly one firm, by the published counts."""
    below: set[tuple[Fraction, int]] = set()
    for indicator in plan.ranked_indicators:
        bands = certificate.ranking(indicator.name)
        counts = accumulate(band.members for band in bands[:-1])
        scale = FEN if indicator.numerator == "output_fen" else 1
        edges = (indicator.edges[band.end - 1] / scale for band in bands[:-1])
        below |= set(zip(edges, counts, strict=True))
    for (lower, fewer), (upper, more) in pairwise(sorted(below)):
        if more - fewer == 1:
            yield lower, upper


if __name__ == "__main__":
    main(run, __doc__)
