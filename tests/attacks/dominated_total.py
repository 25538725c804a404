"""The total of a cohort in which one member has nearly everything.

Whoever reads it reads that member, too high by what the others have. A round of totals has nobody
who would look at size classes, so nothing is withheld: this succeeds against the defaults, and
``--weakened`` changes nothing. The release says that dominance was not controlled.

:func:`with_trustees` is the same cohort in a certified round. The policy decides from the classes
before anybody masks, by the very function that Paillier rounds use, and withholds the measure.
"""

from __future__ import annotations

import json

from protocols import certificate as certificates
from protocols.certificate import BandCertificate
from protocols.federated.totals.member import Member
from protocols.federated.totals.release import read_release
from tests.attacks.result import Result, main
from tests.cohort import Scene
from tests.cohort import values as usual
from tests.plain_round import STATEMENT
from tests.plain_round import play as play_plain
from tests.totals import COORDINATOR, Play, key_at, plan_of, terms_of

MEMBERS, GIANT, TIMES = 9, 4, 190
SMALL = {"output": 4_100_000, "emissions": 47_000}
FOUND_PERCENT = 10


class Dominated(Play):
    """A round with one large member."""

    def new_member(self, place: int, first: bytes, memory: bytes | None = None) -> Member:
        key = key_at(self.plan.participants, place)
        return Member(terms_of(first), key, values_of(place), memory)


def values_of(place: int) -> dict[str, int]:
    """The giant's figures, or those of one of the others."""
    return {name: value * (TIMES if place == GIANT else 1) for name, value in SMALL.items()}


def run(weakened: bool = False) -> Result:
    """Take a total for the giant's figure."""
    del weakened  # there is no line of defence that could be removed
    play = Dominated(plan_of(MEMBERS))
    data = play.finish().release
    assert data is not None
    release = read_release(data, play.plan, COORDINATOR.public)
    value, total = values_of(GIANT)["output"], release.sums["output"]
    near = 100 * (total - value) < FOUND_PERCENT * value
    document = json.loads(release.document_bytes)
    planted = f"the largest output to within {FOUND_PERCENT} %"
    return Result(
        had="the release, and that one member is far larger than the others",
        did="took the total for that member's output",
        planted=planted,
        gained=planted if near else None,
        figures={
            "estimate": total,
            "value": value,
            "the release says, dominance controlled": document["dominance_controlled"],
        },
    )


def with_trustees() -> BandCertificate:
    """What trustees certify of a cohort with such a member."""
    scene = Scene(members=MEMBERS, certified=True)
    members = [usual(number) for number in scene.numbers]
    giant = members[GIANT]
    members[GIANT] = {**giant, "electricity": TIMES * giant["electricity"]}
    plain = play_plain(scene.plan, members)
    counts, classes = plain.counts, plain.classes
    return certificates.certify(scene.plan, plain.layout, STATEMENT, counts, classes, bytes(32))


if __name__ == "__main__":
    main(run, __doc__)
