"""Another roster in the place of the one that trustees and members agreed on.

Twelve enterprises are on the roster, trustees have countersigned it, and the victim contributes
because it is in good company. Then the coordinator shows restarted trustees the same plan with a
roster of the victim and eleven keys of its own, and a log in which four of these contribute. What
stops it: the signed plan, whose hash is in every message, names its roster by hash.

Removed by ``--weakened``: what that hash covers. A plan that named only the number of its members
would fit both rosters.
"""

from __future__ import annotations

import dataclasses

from protocols.hashing import domain_hash
from protocols.roster import Member, Roster
from tests.attacks.lying import SETTLE, log_of, lying_board, open_sums
from tests.attacks.play import PLANTED, VICTIM, encrypt, folder, minus, serving, totals
from tests.attacks.result import Result, heard, main, removed
from tests.hostile.forging import poll
from tests.trustee.scene import MEMBERS, Scene, member_key, values

SYBILS = range(101, 101 + MEMBERS - 1)
NEEDED = SYBILS[:4]
REFUSED = "left: PlanError"


def run(weakened: bool) -> Result:
    """Swap the roster after the victim has contributed."""
    with removed(weakened, Roster, "hash", property(_number_of_members)) as what:
        scene = Scene()
        victim = encrypt(scene, PLANTED, member_key(VICTIM))
        keys = [member_key(VICTIM).public, *(member_key(number).public for number in SYBILS)]
        swapped = Roster.of(Member(key, key.fingerprint) for key in keys)
        own = [values(number - 99) for number in NEEDED]
        listed = [victim] + [
            encrypt(scene, measures, member_key(number))
            for number, measures in zip(NEEDED, own, strict=True)
        ]
        with folder() as path, lying_board(scene, path, opened=False) as board:
            with serving(scene, board, path, (1, 2, 3)) as services:
                poll(services, SETTLE)  # they see the true roster and countersign it
            with heard() as lines, serving(scene, board, path, (1, 2, 3)) as services:
                board.described = dataclasses.replace(scene.record, roster=swapped.to_bytes())
                board.forged = log_of(scene, listed, listed)
                poll(services)
            document = open_sums(scene, board, listed, swapped)
    return Result(
        had="the coordinator's key, and a victim that contributed among eleven real enterprises",
        did="put its own keys in the others' places, and opened a band of the victim and four",
        planted=PLANTED,
        gained=None if document is None else minus(totals(document), own),
        stopped_by=tuple(dict.fromkeys(line for line in lines if REFUSED in line)),
        removed=what and f"what the plan's roster hash covers ({what})",
    )


def _number_of_members(roster: Roster) -> bytes:
    return domain_hash("cefed/roster/v1", len(roster.members).to_bytes(4, "big"))


if __name__ == "__main__":
    main(run, __doc__)
