"""A contribution is played again in the next round, which its sender never agreed to.

Twelve contributed to a round that the coordinator then cancelled. It proposes a next round with the
same roster and plan, in which eight of them do not answer: the victim, which thinks it over, and
seven others. Four accomplices do, and the coordinator plays the victim's old contribution again.
The sum of the five less the accomplices' figures is the victim, without its consent. What stops it:
the hash of the plan, in which the round's name and time stand, is in every contribution and in the
context of its proof.

Removed by ``--weakened``: that the plan's hash covers the round; it covers definitions and roster.
"""

from __future__ import annotations

from protocols.errors import ProtocolError
from protocols.hashing import domain_hash
from protocols.notices import make_cancellation
from protocols.plan import Plan
from tests.attacks.play import (
    PLANTED,
    VICTIM,
    encrypt,
    end,
    folder,
    minus,
    released,
    serving,
    submit,
    totals,
)
from tests.attacks.result import Result, main, removed
from tests.trustee.scene import COORDINATOR, MEMBERS, NOW, Scene, member_key, values
from tests.trustee.scene import run as run_trustees

ACCOMPLICES = (2, 3, 4, 5)


def run(weakened: bool) -> Result:
    """Cancel a round, propose it again, and replay one contribution."""
    known = [values(number) for number in ACCOMPLICES]
    stopped: tuple[str, ...] = ()
    with removed(weakened, Plan, "hash", property(_definitions_only)) as what, folder() as path:
        first, second = Scene(), Scene(round_id="round-2")
        board = first.board(path / "board.sqlite")
        old = encrypt(first, PLANTED, member_key(VICTIM))
        submit(board, first, old)
        for number in range(2, MEMBERS):
            submit(board, first, encrypt(first, values(number), member_key(number)))
        cancelled = make_cancellation(first.plan, NOW, "the wrong factor set", COORDINATOR)
        board.announce(first.round_id, cancelled)
        board.create_round(second.record)
        second.countersign(board)
        for number, measures in zip(ACCOMPLICES, known, strict=True):
            submit(board, second, encrypt(second, measures, member_key(number)))
        try:
            submit(board, second, old)
        except ProtocolError as error:
            stopped = (f"{type(error).__name__}: {error}",)
        end(board, second)
        with serving(second, board, path) as services:
            run_trustees(board, services)
        document = released(board, second)
        board.close()
    sums = None if document is None or document["withheld"] else totals(document)
    return Result(
        had="the victim's contribution to a cancelled round, and four members' own figures",
        did="played it again in the next round, beside the four, and subtracted these",
        planted=PLANTED,
        gained=sums and minus(sums, known),
        stopped_by=stopped,
        removed=what and f"the round in the plan's hash ({what})",
    )


def _definitions_only(plan: Plan) -> bytes:
    """Definitions, measures, indicators and roster: equal for two rounds of one kind."""
    names = [measure.name.encode() for measure in plan.measures]
    return domain_hash("cefed/plan/v1", plan.cohort.encode(), plan.roster_hash, *names)


if __name__ == "__main__":
    main(run, __doc__)
