"""Rounds for attacks: a real board, real trustees, a 512-bit key, and a folder that goes away."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coordinator.board import Board
from protocols import knowledge
from protocols.contribution import assemble, build, proof_context
from protocols.layout import Layout
from protocols.notices import make_deadline
from protocols.paillier import encryptor_for
from protocols.release import Release
from protocols.roster import Roster
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.trustee.scene import COORDINATOR, NOW, Scene, member_key, new_service
from trustee.service import Service

VICTIM = 1
"""Which member the attacker is after."""

PLANTED = {"output": 123_457, "emissions": 3_011, "electricity": 5_557}
"""What the victim contributes: about 41 yuan a kilogram, in the bin of six others."""

Measures = Mapping[str, int]


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder for the time of an attack."""
    with tempfile.TemporaryDirectory(prefix="attack-") as name:
        yield Path(name)


def encrypt(
    scene: Scene,
    measures: Measures,
    signer: SigningKey,
    *,
    version: int = 1,
    round_key: bytes = b"",
) -> bytes:
    """The signed contribution of whoever holds ``signer``, as an honest node makes it.

    :param round_key: signed; in certified rounds.
    """
    encryptor = encryptor_for(scene.held.ceremony.key.public)
    plan, layout = scene.plan, scene.layout
    return build(plan, layout, measures, signer, encryptor, version=version, round_key=round_key)


def submit(board: Board, scene: Scene, data: bytes) -> bytes:
    """Hand a contribution to the board in its signer's name; the receipt."""
    signer = VerifyKey(decode(pb.Signed, data).signer)
    return board.submit(scene.round_id, data, signer)


def end(board: Board, scene: Scene) -> None:
    """The operator ends the collection now."""
    board.announce(scene.round_id, make_deadline(scene.plan, NOW, NOW, "enough", COORDINATOR))


@contextmanager
def serving(
    scene: Scene,
    board: Board,
    path: Path,
    indexes: Iterable[int] = (1, 2, 3, 4),
    **settings: Any,
) -> Iterator[list[Service]]:
    """Trustees of the scene at a board; what they remember is in ``path``."""
    services: list[Service] = []
    try:
        services += [new_service(scene, board, index, path, **settings) for index in indexes]
        yield services
    finally:
        for service in services:
            service._ledger.close()


def released(board: Board, scene: Scene) -> dict[str, Any] | None:
    """The published document; None while there is none."""
    for entry in board.read(scene.round_id, 0):
        if entry.kind == "release":
            size = scene.held.ceremony.key.public.modulus_bytes
            return Release.from_bytes(open_signed(entry.payload, "release").payload, size).document
    return None


def totals(document: Mapping[str, Any]) -> dict[str, int]:
    """The published sums over the whole cohort; empty when it is withheld."""
    return {name: int(found["value"]) for name, found in document["measures"].items()}


def minus(sums: Mapping[str, int], known: Iterable[Measures]) -> dict[str, int]:
    """What is left of published sums when everybody else's values are taken away."""
    held = list(known)
    return {name: total - sum(measures[name] for measures in held) for name, total in sums.items()}


def reasons(board: Board, scene: Scene) -> tuple[str, ...]:
    """Why trustees left the round, each reason once."""
    return tuple(dict.fromkeys(board.refusals(scene.round_id).values()))


def ciphertexts(scene: Scene, data: bytes) -> tuple[int, ...]:
    """The ciphertexts of a signed contribution, as anybody reads them who has its bytes."""
    message = pb.Contribution.FromString(open_signed(data, "contribution").payload)
    size, blob = scene.held.ceremony.key.public.ciphertext_bytes, message.ciphertexts
    return tuple(
        int.from_bytes(blob[start : start + size], "big") for start in range(0, len(blob), size)
    )


def own_bin(scene: Scene, measures: Measures) -> int:
    """The bin of the ranking by sums that a member with these measures is in."""
    ranked = scene.plan.sums_indicator
    assert ranked is not None
    return scene.layout.bins_of(measures)[ranked.name]


def value_position(scene: Scene, bin_index: int) -> int:
    """Where a contribution has its values if its member is in this bin."""
    (label,) = scene.layout.sum_labels(bin_index, bin_index + 1)
    (position,) = scene.layout.factors(label)
    return position


def decode_values(scene: Scene, plaintext: int) -> dict[str, int]:
    """The band-level measures in one opened plaintext."""
    (label,) = scene.layout.sum_labels(0, 1)
    return scene.layout.decode_sums([label], {label: plaintext})


def scene_of(numbers: Sequence[int], **changes: Any) -> Scene:
    """The tests' round with these members."""
    scene = Scene(members=len(numbers), **changes)
    scene.roster = Roster.of_keys(member_key(number).public for number in numbers)
    scene.plan = scene.make_plan()
    scene.layout = Layout(scene.plan, scene.held.ceremony.key.public.bits)
    return scene


def tampered(
    scene: Scene, measures: Measures, signer: SigningKey, change: Callable[[list[int]], None]
) -> bytes:
    """An honest contribution whose ciphertexts are changed after its proof was made."""
    data = encrypt(scene, measures, signer)
    message = pb.Contribution.FromString(open_signed(data, "contribution").payload)
    found = list(ciphertexts(scene, data))
    change(found)
    size = scene.held.ceremony.key.public.ciphertext_bytes
    message.ciphertexts = b"".join(c.to_bytes(size, "big") for c in found)
    return signer.sign("contribution", encode(message))


def sign_plaintexts(
    scene: Scene, plaintexts: Sequence[int], signer: SigningKey, round_key: bytes = b""
) -> bytes:
    """A contribution of any plaintexts at all, with a proof that holds: a member's own software.

    :param plaintexts: one a label of the layout; taken modulo n.
    :param round_key: signed; in certified rounds.
    """
    encryptor = encryptor_for(scene.held.ceremony.key.public)
    key = encryptor.key
    reduced = [int(plaintext % key.n) for plaintext in plaintexts]
    exponents = [encryptor.draw() for _ in reduced]
    made = [encryptor.encrypt(m, s) for m, s in zip(reduced, exponents, strict=True)]
    context = proof_context(scene.plan.hash, signer.public, 1)
    proof = knowledge.prove(encryptor, context, made, reduced, exponents)
    return assemble(scene.plan.hash, made, proof, signer, key, round_key=round_key)
