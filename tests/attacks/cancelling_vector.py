"""A malformed vector that passes every check: +4 in the victim's bin, -3 in a crowded one.

A member with changed software sends the sum of four invented members in the victim's bin less three
guesses at members of a crowded bin. Plaintexts are integers modulo n, so what is negative in its
own vector is positive in the sum. Bins, classes and sums all add up, and the victim's bin looks
like a band of five. The band's sums less the four inventions are the victim.

**This attack succeeds against the defaults.** Consistency checks on sums cannot see it; proofs of
form (each vector is one-hot, its values fit its classes) are what stops it, and they do not exist
yet. It needs a rough guess of the victim's bin and size, and of three members of a crowded bin.
``--weakened`` changes nothing. What the checks do catch is in
:mod:`tests.attacks.malformed_vector`.
"""

from __future__ import annotations

from typing import Any

from tests.attacks.play import (
    encrypt,
    folder,
    released,
    serving,
    sign_plaintexts,
    submit,
)
from tests.attacks.result import Result, main
from tests.trustee.scene import MEMBERS, Scene, member_key, values
from tests.trustee.scene import run as run_trustees

LIAR, VICTIM = 1, MEMBERS

ALONE = {"output": 87_654, "emissions": 4_711, "electricity": 5_557}
"""The victim's measures: alone in its bin."""

INVENTED = [
    {"output": 80_000 + 1_000 * i, "emissions": 4_200 + 50 * i, "electricity": 5_000}
    for i in range(4)
]
"""In the victim's bin, of about its size."""

GUESSED = [{"output": 70_000, "emissions": 1_500, "electricity": 5_100}] * 3
"""In the crowded bin; only bin and size class have to be about right."""


def run(weakened: bool = False) -> Result:
    """A round of ten honest members, the victim and the liar, under the defaults."""
    del weakened  # there is no line of defence yet that could be removed
    scene = Scene()
    with folder() as path:
        board = scene.board(path / "board.sqlite")
        submit(board, scene, sign_plaintexts(scene, vector(scene), member_key(LIAR)))
        for number in range(2, MEMBERS):
            submit(board, scene, encrypt(scene, values(number), member_key(number)))
        submit(board, scene, encrypt(scene, ALONE, member_key(VICTIM)))
        with serving(scene, board, path) as services:
            state = run_trustees(board, services)
        document = released(board, scene)
        board.close()
    return Result(
        had="a place on the roster, changed software, a guess of the victim's bin and size",
        did="sent four invented members less three guessed ones as its own contribution",
        planted={name: ALONE[name] for name in ("output", "emissions")},
        gained=gained_from(document),
        figures={"the round's state": state},
    )


def gained_from(document: dict[str, Any] | None) -> dict[str, int] | None:
    """The victim's figures: its band's sums less what was invented. None if none are out."""
    if document is None or document["withheld"]:
        return None
    # Bands rise with the indicator, and the victim's is the lowest.
    found = document["bands"][0]["measures"]
    known = {name: sum(member[name] for member in INVENTED) for name in found}
    return {name: int(found[name]["value"]) - known[name] for name in found}


def vector(scene: Scene) -> list[int]:
    """Four members in the victim's bin and minus three in the crowded one: one member in all."""
    added = [scene.layout.encode(measures) for measures in INVENTED]
    taken = [scene.layout.encode(measures) for measures in GUESSED]
    return [sum(column) for column in zip(*added, *map(_negative, taken), strict=True)]


def _negative(plaintexts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-plaintext for plaintext in plaintexts)


if __name__ == "__main__":
    main(run, __doc__)
