"""Contributions that are not of the form they should have, and what the consistency checks catch.

:func:`run`: a value that contradicts its size class. A member says that it is small where classes
are counted, so that the policy passes, and adds a large number to the sums, to falsify them. What
stops it: before they endorse a release, trustees compare each opened sum with the bounds of the
classes. Removed by ``--weakened``: that comparison
(:func:`protocols.release.check_against_classes`).

:func:`multi_hot`: a member counts itself five times in the victim's bin, so that the victim's band
seems full. Bins and members do not add up, and the cohort is withheld.

:func:`out_of_range`: a number that no member may send, beyond what the sum's slot can hold. The
opened plaintext is refused before anything is decoded.

What these checks cannot catch is :mod:`tests.attacks.cancelling_vector`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols import release
from tests.attacks.cancelling_vector import ALONE, INVENTED
from tests.attacks.play import (
    PLANTED,
    encrypt,
    folder,
    own_bin,
    reasons,
    released,
    serving,
    sign_plaintexts,
    submit,
    totals,
    value_position,
)
from tests.attacks.result import Result, main, removed
from tests.trustee.scene import MEMBERS, Scene, member_key, values
from tests.trustee.scene import run as run_trustees

LIAR, VICTIM = 1, MEMBERS
LIE = 900_000
"""Within the plan's bound, and far above the member's size class."""


def run(weakened: bool) -> Result:
    """A lie about output of 900,000 yuan more than the class says."""
    scene = Scene()
    own = values(LIAR)
    plaintexts = list(scene.layout.encode(own))
    plaintexts[value_position(scene, own_bin(scene, own))] += LIE  # output is the lowest slot
    with removed(weakened, release, "check_against_classes", lambda *_, **__: None) as what:
        state, document, stopped = play(scene, plaintexts, values(VICTIM))
    honest = sum(values(number)["output"] for number in range(1, MEMBERS + 1))
    published = document is not None and state == "released"
    return Result(
        had="a place on the roster and changed software",
        did="classed its output honestly and added 900,000 yuan to the sum",
        planted=honest + LIE,
        gained=totals(document)["output"] if document and published else None,
        stopped_by=stopped,
        removed=what and f"the comparison of sums with classes ({what})",
        figures={"the round's state": state},
    )


def multi_hot() -> Result:
    """Four invented members besides oneself, and nobody taken away."""
    scene = Scene()
    vectors = [scene.layout.encode(measures) for measures in (values(LIAR), *INVENTED)]
    plaintexts = [sum(column) for column in zip(*vectors, strict=True)]
    return _withheld(scene, plaintexts, "counted itself five times")


def out_of_range() -> Result:
    """More in the last slot of the sums than all participants together can have."""
    scene = Scene()
    plaintexts = list(scene.layout.encode(values(LIAR)))
    position = value_position(scene, own_bin(scene, values(LIAR)))
    plaintexts[position] += 1 << 60
    return _withheld(scene, plaintexts, "sent a number longer than its slot")


def play(
    scene: Scene, plaintexts: Sequence[int], victim: dict[str, int]
) -> tuple[str, dict[str, Any] | None, tuple[str, ...]]:
    """A round in which the liar sends ``plaintexts``: state, document, and why trustees left."""
    with folder() as path:
        board = scene.board(path / "board.sqlite")
        submit(board, scene, sign_plaintexts(scene, plaintexts, member_key(LIAR)))
        for number in range(2, MEMBERS):
            submit(board, scene, encrypt(scene, values(number), member_key(number)))
        submit(board, scene, encrypt(scene, victim, member_key(VICTIM)))
        with serving(scene, board, path) as services:
            state = run_trustees(board, services)
        found = state, released(board, scene), reasons(board, scene)
        board.close()
    return found


def _withheld(scene: Scene, plaintexts: Sequence[int], did: str) -> Result:
    state, document, stopped = play(scene, plaintexts, ALONE)
    why = (str(document["withheld"]),) if document and document["withheld"] else ()
    band = None
    if document is not None and state == "released" and document["bands"]:
        band = document["bands"][0]["measures"]
    return Result(
        had="a place on the roster and changed software",
        did=did,
        planted={name: ALONE[name] for name in ("output", "emissions")},
        gained=band,
        stopped_by=(*stopped, *why),
        figures={"the round's state": state},
    )


__all__ = ["PLANTED", "multi_hot", "out_of_range", "run"]

if __name__ == "__main__":
    main(run, __doc__)
