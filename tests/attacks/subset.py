"""A coordinator that has a subset of the contributions opened: the victim and four accomplices.

Twelve contributed, four of them the coordinator's accomplices anywhere in the cohort. A list of
these four and the victim passes the minimum cohort, and the sum less the accomplices' figures is
the victim. What stops it: trustees take no list from the coordinator. They find from the log what
is counted (the inclusion rule, SPEC.md section 3) and refuse a list that differs.

Removed by ``--weakened``: that rule. The trustee counts what the coordinator's list names.

:func:`unlogged` is the other half: the list names a contribution that is not in the log, so that
trustees would open a product of the coordinator's own making. No switch lets that pass: a trustee
multiplies what it read itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols.signing import statement_hash
from protocols.transcript import Entry
from tests.attacks.lying import SETTLE, log_of, lying_board, open_sums
from tests.attacks.play import PLANTED, VICTIM, encrypt, folder, minus, serving, totals
from tests.attacks.result import Result, main, removed
from tests.hostile.forging import poll
from tests.trustee.scene import MEMBERS, Scene, member_key, values
from trustee.record import Record

ACCOMPLICES = (2, 3, 4, 5)
_close = Record._close


def run(weakened: bool) -> Result:
    """The list names the victim and the accomplices; all twelve are in the log."""
    scene = Scene()
    everybody = contributions(scene)
    listed = [everybody[number - 1] for number in (VICTIM, *ACCOMPLICES)]
    with removed(weakened, Record, "_close", _count_what_is_listed) as what:
        document, stopped = ask(scene, everybody, listed)
    known = [values(number) for number in ACCOMPLICES]
    return Result(
        had="the log of twelve contributions, and four members' own figures",
        did="listed five of the twelve for opening, subtracted the four from the sums",
        planted=PLANTED,
        gained=None if document is None else minus(totals(document), known),
        stopped_by=stopped,
        removed=what and f"the inclusion rule ({what})",
    )


def unlogged(weakened: bool = False) -> Result:
    """The list names one contribution that only the coordinator has seen."""
    scene = Scene()
    everybody = contributions(scene)
    with removed(weakened, Record, "_close", _count_what_is_listed) as what:
        document, stopped = ask(scene, everybody[:-1], everybody)
    return Result(
        had="a contribution that is not in the log",
        did="listed it with the others",
        planted=True,
        gained=None if document is None else document["n"] == MEMBERS,
        stopped_by=stopped,
        removed=what,
    )


def contributions(scene: Scene) -> list[bytes]:
    """Everybody's contribution, the victim's with the planted values."""
    return [
        encrypt(scene, PLANTED if number == VICTIM else values(number), member_key(number))
        for number in range(1, MEMBERS + 1)
    ]


def ask(
    scene: Scene, logged: Sequence[bytes], listed: Sequence[bytes]
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Show three trustees a log and a list; what could be opened, and why they left."""
    with (
        folder() as path,
        lying_board(scene, path) as board,
        serving(scene, board, path, (1, 2, 3)) as services,
    ):
        poll(services, SETTLE)
        board.forged = log_of(scene, logged, listed)
        poll(services)
        return open_sums(scene, board, listed), tuple(dict.fromkeys(board.reasons()))


def _count_what_is_listed(self: Record, entry: Entry) -> None:
    """The check without the rule: what the list leaves out is forgotten."""
    _close(self, entry)
    listed = set(self.proposal.included) if self.proposal else set()
    self.contributions = [data for data in self.contributions if statement_hash(data) in listed]


if __name__ == "__main__":
    main(run, __doc__)
