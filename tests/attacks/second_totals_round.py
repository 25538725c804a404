"""Two rounds of totals over the same data, the second without one member.

The difference of the totals is that member's figures. Trustees compare rounds in their ledgers, but
here there are none, and the second plan names another period (a half of the year), so that the one
plan a period does not stop it. What stops it: each node compares. It takes part in one round of
totals of overlapping periods, unless its owner says otherwise.

It does not compare one year with the next (:func:`in_the_next_year`), where trustees do.

Removed by ``--weakened``: that rule of the node (:mod:`enterprise_node.private.overlaps`).
"""

from __future__ import annotations

import dataclasses

from enterprise_node.private import admission
from enterprise_node.private.backends import Backend
from enterprise_node.private.contributed import Sent
from enterprise_node.private.overlaps import reason_by_totals
from protocols.federated.terms import Aggregation
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.release import read_release
from protocols.federated.totals.stages import Stage
from protocols.roster import Roster
from tests.attacks.play import folder
from tests.attacks.result import Result, main, removed
from tests.attacks.unmask import Figures
from tests.enterprise_node.circle import MEMBERS, Circle
from tests.enterprise_node.scene import COORDINATOR

VICTIM = 2
AGAIN = "region-a-again"


def run(weakened: bool) -> Result:
    """Six nodes, then five of them."""
    stopped: list[str] = []
    with (
        removed(weakened, admission, "reason_by_totals", lambda *_: None) as what,
        folder() as path,
    ):
        circle = Circle(path)
        victim = circle.nodes[VICTIM].store.own().integers
        circle.play()
        second = _without_victim(circle, stopped)
        first = _sums(circle.gathering)
        again = _sums(second)
    found = {name: first[name] - again[name] for name in first if name in again}
    return Result(
        had="the coordinator's key",
        did="asked all nodes but one again, for half of the year, and subtracted",
        planted={name: victim[name] for name in first},
        gained=found or None,
        stopped_by=tuple(dict.fromkeys(stopped)),
        removed=what and f"one round of totals of overlapping periods ({what})",
        figures={"the second round": str(second.stage)},
    )


def in_the_next_year() -> str | None:
    """Why a node takes no part in totals of the year after, if it does not."""
    with folder() as path:
        plan = Circle(path).plan
    sent = Sent(plan.round_id, plan.period, 1, 0, {}, {}, None, Backend.TOTALS)
    return reason_by_totals([sent], dataclasses.replace(plan, round_id=AGAIN, period="2021"))


def _without_victim(circle: Circle, stopped: list[str]) -> Gathering:
    """The second round, as far as the nodes go."""
    others = [m for place, m in enumerate(circle.roster.members) if place != VICTIM]
    roster = Roster.of(others)
    plan = dataclasses.replace(
        circle.plan,
        round_id=AGAIN,
        period="2020-H1",
        roster_hash=roster.hash,
        participants=MEMBERS - 1,
        aggregation=Aggregation.totals(MEMBERS - 1, _until(circle)),
    )
    gathering = Gathering(COORDINATOR.sign("plan", plan.to_bytes()), roster, COORDINATOR)
    nodes = {roster.place(m.key): circle.nodes[circle.roster.place(m.key)] for m in others}
    while gathering.stage not in (Stage.DONE, Stage.ABANDONED):
        for place, step in gathering.steps().items():
            events = nodes[place].bring(step, round_id=AGAIN)
            stopped += [event.text for event in events if event.kind == "refused"]
            answer = nodes[place].answer(AGAIN)
            if answer is not None:
                gathering.receive(place, answer)
        gathering.go_on()
    return gathering


def _until(circle: Circle) -> int:
    assert circle.plan.aggregation is not None
    return circle.plan.aggregation.until


def _sums(gathering: Gathering) -> Figures:
    """What was published; nothing if the round was abandoned."""
    if gathering.release is None:
        return {}
    plan = gathering._setting.plan
    return dict(read_release(gathering.release, plan, COORDINATOR.public).sums)


if __name__ == "__main__":
    main(run, __doc__)
