"""A cohort of invented members and one victim: the sum less the inventions is the victim.

The coordinator enrols members and issues their certificates, so it can enrol four of its own beside
one enterprise and reach the minimum cohort of five. What stops it is a list of enterprises, with
the fingerprints that these told the trustee themselves, at ``n - q + 1`` trustees (2 of 4): they
refuse the roster, and the others are too few.

Removed by ``--weakened``: those lists (the setting ``known_enterprises``). A trustee that was just
made has none, so this default is one that its organisation has to write.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.attacks.play import (
    PLANTED,
    VICTIM,
    encrypt,
    folder,
    minus,
    reasons,
    released,
    serving,
    submit,
    totals,
)
from tests.attacks.result import Result, main
from tests.trustee.scene import Scene, enterprise_id, member_key, values
from tests.trustee.scene import run as run_trustees
from trustee.agreement import TrusteeLimits

KEEPERS = 2
"""n - q + 1: without them no quorum countersigns."""


def run(weakened: bool) -> Result:
    """With no lists at all, or with lists with fingerprints at just enough trustees."""
    return play(keepers=0 if weakened else KEEPERS)


def play(keepers: int, *, with_fingerprints: bool = True, known_ids: bool = False) -> Result:
    """The attack on trustees of whom the first ``keepers`` keep a list.

    :param with_fingerprints: the lists hold the keys as the enterprises told them, not ids alone.
    :param known_ids: the coordinator issues its certificates under the ids of real enterprises
        that are on the lists.
    """
    scene = Scene(members=5)
    invented = [member_key(number) for number in range(1, 6) if number != VICTIM]
    own = [values(number) for number in range(1, 6) if number != VICTIM]
    known: dict[str, frozenset[str]] = {}
    for number in range(1, 6):
        # Each real enterprise told its key; behind the inventions' ids stand others' keys.
        true = member_key(number if number == VICTIM else 50 + number).public
        if number == VICTIM or known_ids:
            name = enterprise_id(member_key(number).public)
            known[name] = frozenset({true.fingerprint} if with_fingerprints else ())
    with folder() as path:
        board = scene.board(path / "board.sqlite", opened=False)
        with (
            serving(scene, board, path, range(1, keepers + 1), limits=_limits(known)) as keeping,
            serving(scene, board, path, range(keepers + 1, 5)) as believing,
        ):
            services = [*keeping, *believing]
            run_trustees(board, services)
            if board.rounds()[0].state == "open":
                # The victim's node contributes only to a round with q roster votes.
                submit(board, scene, encrypt(scene, PLANTED, member_key(VICTIM)))
                for key, measures in zip(invented, own, strict=True):
                    submit(board, scene, encrypt(scene, measures, key))
                run_trustees(board, services)
            document = released(board, scene)
            stopped = reasons(board, scene)
        board.close()
    return Result(
        had="the coordinator's key, four keys of its own, and one enterprise that trusts it",
        did="enrolled the four, ran a round of five, subtracted its own figures from the totals",
        planted=PLANTED,
        gained=None if document is None else minus(totals(document), own),
        stopped_by=stopped,
        removed="" if keepers else "the trustees' lists of known enterprises",
    )


def _limits(known: Mapping[str, frozenset[str]]) -> TrusteeLimits:
    return TrusteeLimits(known_enterprises=known)


if __name__ == "__main__":
    main(run, __doc__)
