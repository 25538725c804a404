"""A roster of totals that the coordinator filled with members whom it made up.

It knows their figures, so the total less these is the victim's. In rounds with trustees these look
at every member's certificate before they countersign the roster, and lists of known enterprises
stop it (:mod:`tests.attacks.sybils`). A round of totals has no trustees, and a member sees that it
is on the roster, not who else is.

This succeeds against the defaults, in every such round that a node's owner lets it take part in;
``--weakened`` changes nothing. :func:`unasked` is the one defence: the backend is off.
"""

from __future__ import annotations

from enterprise_node.private.backends import Backend
from enterprise_node.private.policy import NodePolicy
from protocols.federated.totals.release import read_release
from tests.attacks.play import folder, minus
from tests.attacks.result import Result, main
from tests.enterprise_node.circle import Circle
from tests.totals import COORDINATOR, Play, plan_of, values_of

MEMBERS, VICTIM = 5, 2
INVENTED = tuple(place for place in range(MEMBERS) if place != VICTIM)


def run(weakened: bool = False) -> Result:
    """One enterprise, and as many inventions as the minimum cohort asks for beside it."""
    del weakened  # there is no line of defence that could be removed
    gathering = Play(plan_of(MEMBERS)).finish()
    assert gathering.release is not None
    sums = read_release(gathering.release, plan_of(MEMBERS), COORDINATOR.public).sums
    return Result(
        had="the coordinator's key, and four more",
        did="put four members of its own on the roster, and took their figures off the total",
        planted=values_of(VICTIM),
        gained=minus(sums, [values_of(place) for place in INVENTED]),
    )


def unasked() -> list[str]:
    """What a node says to such a round whose owner said nothing about totals."""
    assert Backend.TOTALS not in NodePolicy().backends
    with folder() as path:
        circle = Circle(path, policy={"backends": NodePolicy().backends})
        events = circle.nodes[0].bring(circle.gathering.steps()[0])
        return [event.text for event in events if event.kind == "refused"]


if __name__ == "__main__":
    main(run, __doc__)
