"""A member copies a ciphertext of an earlier round into a later one under the same key.

The earlier round's bundle is public and holds the victim's ciphertexts. A member of a later round,
without the coordinator's help, multiplies the victim's values, shifted up by a power of two, into
its own bin counts N, which trustees open first. One corrupt trustee (fewer than t) is among those
who see the opened counts and reads the victim above them; that the cohort is then withheld as
inconsistent comes too late. What stops it: the proof of knowledge, bound to plan and signer.

Removed by ``--weakened``: the check of that proof, :func:`protocols.knowledge.verify`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from protocols import closing, knowledge, opening, release
from tests.attacks.play import (
    PLANTED,
    VICTIM,
    ciphertexts,
    decode_values,
    encrypt,
    folder,
    scene_of,
    serving,
    submit,
    tampered,
    value_position,
)
from tests.attacks.result import Result, heard, main, removed
from tests.trustee.scene import MEMBERS, Direct, Scene, member_key, values
from tests.trustee.scene import run as run_trustees

READER = 3
"""The corrupt trustee: it takes part as an honest one does, and keeps what it opens."""

SHIFT = 128
"""Above the counts of every bin."""

NOT_COUNTED = "is not counted: InvalidProof"


@dataclass
class Keeping(Direct):
    """The board as the corrupt trustee sees it, who keeps every envelope that it fetches."""

    kept: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def sealed(self, round_id: str, recipient: int, phase: str) -> Mapping[int, bytes]:
        found = super().sealed(round_id, recipient, phase)
        self.kept |= {(phase, sender): envelope for sender, envelope in found.items()}
        return found


def run(weakened: bool) -> Result:
    """A first round of the victim and eleven others, a second of twelve others."""
    first = Scene()
    public = encrypt(first, PLANTED, member_key(VICTIM))  # it stands in the first round's bundle
    later = scene_of(range(MEMBERS + 1, 2 * MEMBERS + 1), round_id="round-2")
    modulus = int(later.held.ceremony.key.public.n_squared)
    held = ciphertexts(first, public)
    # The product over all bins is the victim's values whichever bin it is in.
    stolen = prod(held[value_position(first, index)] for index in range(first.layout.bins))

    def multiply(own: list[int]) -> None:
        own[0] = own[0] * pow(stolen, 1 << SHIFT, modulus) % modulus

    with folder() as path, removed(weakened, knowledge, "verify", lambda *_: None) as what:
        board = later.board(path / "board.sqlite")
        reader = Keeping(board, later.held.signing[READER - 1].public)
        with (
            heard() as lines,
            serving(later, board, path, (1, 2, 4)) as honest,
            serving(later, board, path, (READER,), seen=reader) as corrupt,
        ):
            for number in range(MEMBERS + 1, 2 * MEMBERS):
                submit(board, later, encrypt(later, values(number), member_key(number)))
            last = 2 * MEMBERS
            submit(board, later, tampered(later, values(last), member_key(last), multiply))
            run_trustees(board, [*honest, *corrupt])
            counts = _what_the_reader_opened(later, reader)
        board.close()
    above = counts >> SHIFT
    return Result(
        had="the public bundle of an earlier round, one member of a later one, one trustee",
        did=f"added the victim's values, times 2^{SHIFT}, to a member's own bin counts",
        planted={name: PLANTED[name] for name in ("output", "emissions")},
        gained=decode_values(first, above) if above else None,
        stopped_by=tuple(dict.fromkeys(line for line in lines if NOT_COUNTED in line)),
        removed=what and f"the proof of knowledge ({what})",
    )


def _what_the_reader_opened(scene: Scene, reader: Keeping) -> int:
    """The first plaintext of N, from the shares that were sealed to the corrupt trustee."""
    ceremony, me = scene.held.ceremony, scene.held.ceremony.trustees[READER - 1]
    entries = list(reader.read(scene.round_id, 0))
    logged = [entry.payload for entry in entries if entry.kind == "contribution"]
    votes = [entry.payload for entry in entries if entry.kind == "closing"]
    counted = closing.recompute(scene.plan, scene.layout, scene.roster, ceremony, logged)
    statement = closing.tally(votes, scene.plan, ceremony)
    labels = scene.layout.count_labels()
    phase, key = opening.COUNTS, scene.held.sealing[READER - 1]
    sets = []
    for other in ceremony.trustees:
        envelope = reader.kept.get((phase, other.index))
        if envelope is None:
            continue
        shares = opening.unseal_shares(envelope, scene.plan, phase, other, me, key)
        sets.append(
            opening.read_share_set(shares, scene.plan, phase, statement.hash, other, labels)
        )
    opened = opening.open_all(ceremony, counted.aggregates, labels, sets)
    return release.plaintexts(opened)[labels[0]]


if __name__ == "__main__":
    main(run, __doc__)
