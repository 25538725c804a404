"""A certified round is cancelled for a vector that the coordinator says is missing, and has.

It adds up all vectors for itself, which gives the sums that the trustees certified, and no others:
with any vector missing the rest is noise (:func:`incomplete`). Then it proposes the round again
without that member. The difference of the sums nobody saw and the sums that were published would be
the member's figures. What stops it: a round whose bands were certified stays in the trustees'
ledgers, cancelled or not, so the second round is one that a member has left.

Removed by ``--weakened``: what trustees remember of the cancelled round.
"""

from __future__ import annotations

from pathlib import Path

from coordinator.board import Board
from protocols import certificate as certificates
from protocols.errors import OpeningInconsistent
from protocols.federated import masked, masks, sections
from tests.attacks.play import folder, reasons, released, serving, totals
from tests.attacks.result import Result, main
from tests.attacks.unmask import Figures, words_of
from tests.cohort import MASKING_SECONDS
from tests.protocols.federated.certified import Certified
from tests.trustee.scene import DEADLINE, NOW, Scene, member_key, values
from tests.trustee.scene import run as run_trustees

VICTIM = 1
OTHERS = tuple(range(2, 13))


def run(weakened: bool) -> Result:
    """Twelve members, and then eleven of them."""
    with folder() as path:
        first = _cancelled(path)
        again = Scene(certified=True, round_id="round-2", numbers=OTHERS)
        second, stopped = _again(again, path, path / "new" if weakened else path)
    return Result(
        had="the coordinator's key, and a vector that it says never came",
        did="added the cancelled round up, and subtracted a round without that vector's member",
        planted=values(VICTIM),
        gained=second and {name: first[name] - second[name] for name in first},
        stopped_by=stopped,
        removed="what trustees remember of the cancelled round" if weakened else "",
        figures={"sums of the cancelled round": first},
    )


def incomplete() -> list[str]:
    """Why the vectors of all but one open nothing, for each member that may be missing."""
    round_ = Certified.of(len(OTHERS))
    refused = []
    for missing in round_.vectors:
        held = [vector for vector in round_.vectors if vector != missing]
        total = masks.added(map(words_of, held), sections.words(round_.plan, round_.certificate))
        try:
            masked.sums(round_.plan, round_.certificate, total)
        except OpeningInconsistent as error:
            refused.append(str(error))
    return refused


def _cancelled(path: Path) -> Figures:
    """What a coordinator reads in a round that it cancels as if a vector were missing."""
    scene, now = Scene(certified=True), [NOW]
    board = _filled(scene, path, now)
    with serving(scene, board, path) as services:
        run_trustees(board, services)
        vectors = [scene.masked(board, number) for number in scene.numbers]
        for number, vector in zip(scene.numbers, vectors, strict=True):
            if number != VICTIM:
                board.submit_masked(scene.round_id, vector)
        now[0] = DEADLINE + MASKING_SECONDS
        assert run_trustees(board, services) == "cancelled"
    logged = list(board.read(scene.round_id, 0))
    votes = [entry.payload for entry in logged if entry.kind == "certificate"]
    board.close()
    certificate = certificates.tally(votes, scene.plan, scene.held.ceremony)
    counted = [member_key(number).public for number in scene.numbers]
    total = masked.add_up(vectors, scene.plan, certificate, scene.roster, counted)
    found = masked.sums(scene.plan, certificate, total)
    bands = {name: sum(band[name] for band in found.sections) for name in ("output", "emissions")}
    return {**bands, **found.cohort}


def _again(scene: Scene, path: Path, remembered: Path) -> tuple[Figures | None, tuple[str, ...]]:
    """The round without the victim: its sums if it is released, else why trustees left it.

    :param remembered: where trustees keep what they remember.
    """
    here = path / "second"
    for needed in (here, remembered):
        needed.mkdir(exist_ok=True)
    board = _filled(scene, here, [NOW])
    with serving(scene, board, remembered) as services:
        if run_trustees(board, services) == "masking":
            for number in scene.numbers:
                board.submit_masked(scene.round_id, scene.masked(board, number))
            run_trustees(board, services)
    document, why = released(board, scene), reasons(board, scene)
    board.close()
    return document and totals(document), why


def _filled(scene: Scene, path: Path, now: list[int]) -> Board:
    """A board with everybody's contribution, at a time that may be changed."""
    board = scene.board(path / "board.sqlite", lambda: now[0])
    for number in scene.numbers:
        scene.submit(board, number)
    return board


if __name__ == "__main__":
    main(run, __doc__)
