"""One correction behind six new members.

One firm corrects its figure after the release. Six firms join, a safe atom of new data, so the
ledger lets the cohort of the same period be released again, totals only. The difference of the two
totals is the correction less what the six new ones add up to. :func:`run`: a wrong unit, a thousand
times too much, so the difference is 999 times the firm's value and the six are nothing beside it.
:func:`within_its_class`: a small correction, and six new members who tell the attacker their sum.

What stops both: the firm's own node contributes the same integers again or nothing (*with other
values*), and a cohort without the firm is a *departure*. A second line stands behind it for the
first: trustees compare the size classes of both rounds, over the members that both have, and
withhold the cohort where they differ (*members of an earlier round sent other data*).

Removed by ``--weakened``: both lines, the node's comparison (``repeats.reasons_against``) and the
trustees' (``atom_classes.corrected``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enterprise_node.private import repeats
from enterprise_node.private.contributed import Sent
from protocols import atom_classes
from protocols.atom_classes import CORRECTED, AtomClasses, KnownClasses
from protocols.plan import Level, Measure, Plan
from tests.attacks.estimate import FOUND_PERCENT, histogram_of
from tests.attacks.one_firm_corrections import FACTOR, FIRM
from tests.attacks.releases import BOUND, MEASURE, Desk, Item, cohort
from tests.attacks.result import Result, main, removed
from tests.attacks.with_and_without import NAMES, PERIOD, VALUES
from tests.strategies import plain_plan

Data = Mapping[Item, int]

JOINED = {Item(f"new firm {number}", PERIOD): 320 + number for number in range(6)}
FOUND = f"the firm's value to within {FOUND_PERCENT} %"
OLD, NEW = Item(FIRM, PERIOD), Item(FIRM, PERIOD, version=2)
SMALL = 3
"""A correction that leaves the value in its size class."""


def run(weakened: bool = False, *, nodes: bool = True) -> Result:
    """The cohort with the mistake, then corrected and with six more.

    :param nodes: False takes the node's comparison away and leaves the trustees'.
    """
    first, second, value = data()
    found = play(first, second, nodes=nodes and not weakened, trustees=not weakened)
    estimate = None if found["difference"] is None else found["difference"] // (FACTOR - 1)
    near = estimate is not None and 100 * abs(estimate - value) < FOUND_PERCENT * value
    return Result(
        had="both totals, and that a firm mistook its unit",
        did="subtracted the second total from the first, divided by 999",
        planted=FOUND,
        gained=FOUND if near else None,
        stopped_by=found["stopped"],
        removed=found["removed"],
        figures={"estimate": estimate, "value": value},
    )


def within_its_class(weakened: bool = False, *, nodes: bool = True) -> Result:
    """A small correction, seen by an attacker to whom the new members tell their sum."""
    right = cohort(NAMES, PERIOD, VALUES)
    first = {item: SMALL * (item == OLD) + value for item, value in right.items()}
    second = {(NEW if item == OLD else item): value for item, value in right.items()}
    found = play(first, second, nodes=nodes and not weakened, trustees=not weakened)
    difference = found["difference"]
    return Result(
        had="both totals, and what six accomplices contributed",
        did="subtracted the second total from the first, added what the six have",
        planted=SMALL,
        gained=None if difference is None else difference + sum(JOINED.values()),
        stopped_by=found["stopped"],
        removed=found["removed"],
    )


def data() -> tuple[dict[Item, int], dict[Item, int], int]:
    """The first round's values, the corrected ones of the same firms, and the firm's true value."""
    values = dict(zip(NAMES, VALUES, strict=True))
    others = [name for name in NAMES if name != FIRM]
    # The wrong figure must not dominate, or the first release would be withheld for it.
    first = cohort(others, PERIOD, (FACTOR * values[name] for name in others))
    return {**first, OLD: FACTOR * values[FIRM]}, {**first, NEW: values[FIRM]}, values[FIRM]


def play(first: Data, second: Data, *, nodes: bool, trustees: bool) -> dict[str, Any]:
    """Both rounds, with each line of defence or without it."""
    desk = Desk()
    stopped = list(desk.offer(PERIOD, first))
    with (
        removed(not nodes, repeats, "reasons_against", lambda *_: []) as own_line,
        removed(not trustees, atom_classes, "corrected", lambda *_: False) as second_line,
    ):
        refused = repeats.reasons_against(
            [_sent("round-1", first[OLD])], _sent("round-2", second[NEW])
        )
        stopped += refused
        taking_part = {i: value for i, value in second.items() if not (refused and i == NEW)}
        if taking_part.keys() == second.keys() and _trustees_refuse(first, second):
            stopped.append(CORRECTED.format("round-1"))
        else:
            stopped += desk.offer(PERIOD, {**taking_part, **JOINED})
    totals = [total.value for total in desk.totals]
    lines = [line for line in (own_line, second_line) if line]
    return {
        "stopped": tuple(stopped),
        "difference": totals[0] - totals[1] if len(totals) == 2 else None,
        "removed": f"the comparison with the earlier round ({', '.join(lines)})" if lines else "",
    }


def _sent(round_id: str, value: int) -> Sent:
    return Sent(round_id, PERIOD, 1, 0, {MEASURE: value}, {MEASURE: "kgCO2"}, None)


def _trustees_refuse(first: Data, second: Data) -> bool:
    """What a trustee finds that keeps the first round's classes and opens the same members'."""
    plan = _plan()
    before, now = (histogram_of([*held.values()], BOUND, plan.policy) for held in (first, second))
    known = {MEASURE: KnownClasses.of(plan, MEASURE, before)}
    return atom_classes.corrected(plan, known, [AtomClasses({}, {MEASURE: now})])


def _plan() -> Plan:
    measure = Measure(MEASURE, "kgCO2", BOUND, level=Level.COHORT)
    return plain_plan(measures=(measure,), indicators=())


if __name__ == "__main__":
    main(run, __doc__)
