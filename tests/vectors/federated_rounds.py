"""The two rounds that the federated vectors are about, with everything drawn in them frozen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from protocols.federated.totals.member import Member
from protocols.federated.totals.memory import Memory
from protocols.federated.totals.stages import ANSWERED, Stage
from protocols.signing import SigningKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests import totals
from tests.cohort import Scene
from tests.keys import hold_ceremony
from tests.protocols.federated.certified import Certified
from tests.vectors.stream import Stream

Vector = dict[str, Any]

CERTIFIED_MEMBERS, TOTALS_MEMBERS = 9, 6
"""Nine are the fewest of the test cohort that make two bands, so that vectors hold zeros, too."""
LOST = 2
"""The place whose masked vector never arrives in the round of totals."""
CLOSING = b"hash of the closing statement".ljust(32, b".")
COORDINATOR_SEED = b"coordinator of totals rounds...."
"""As :data:`tests.totals.COORDINATOR` has it."""
PLAN_HASH = b"hash of a plan".ljust(32, b".")

ZERO, ONE = bytes(32), b"\1" + bytes(31)
"""No hash that anything has; as public keys, points of low order."""


def negative_vector(name: str, check: str, error: str, **inputs: Any) -> Vector:
    """An input that ``check`` must refuse with ``error``."""
    return {"name": name, "check": check, "error": error, "inputs": inputs}


def changed(signed: bytes, key: SigningKey, **fields: bytes) -> bytes:
    """A masked statement as its member could sign it with other fields."""
    message = decode(pb.Masked, open_signed(signed, "masked").payload)
    for name, value in fields.items():
        setattr(message, name, value)
    return key.sign("masked", encode(message))


def seed_of(name: str) -> bytes:
    """32 bytes that stand for secret ones."""
    return name.encode().ljust(32, b".")


def hexed(parts: Iterable[bytes]) -> list[str]:
    """Byte strings as the file has them."""
    return [part.hex() for part in parts]


@cache
def certified_round() -> Certified:
    """Nine members under the ceremony of ``positive.json``; all that is secret is frozen."""
    scene = Scene(members=CERTIFIED_MEMBERS, minimum=3, certified=True)
    scene.held = hold_ceremony(randbelow=Stream("ceremony").randbelow)
    scene.plan = scene.make_plan()
    return Certified(scene, tuple(scene.numbers), CLOSING)


def drawn(place: int) -> bytes:
    """The 32 bytes that a member draws for the round, from which all its secrets follow."""
    return seed_of(f"drawn by place {place}")


@dataclass
class FrozenPlay(totals.Play):
    """A round whose members drew what :func:`drawn` says."""

    exchanges: list[Vector] = field(default_factory=list)

    def new_member(self, place: int, first: bytes, memory: bytes | None = None) -> Member:
        fresh = Memory(self.plan.hash, drawn(place)).to_bytes()
        return super().new_member(place, first, fresh if memory is None else memory)

    def recorded(self, lost: Sequence[int]) -> None:
        """One stage, with what went over the wire; the lost ones are asked and do not answer."""
        stage, steps = self.gathering.stage, dict(self.gathering.steps())
        self.stage(lost)
        self.exchanges += [
            {
                "stage": stage.value,
                "place": place,
                "step": step.hex(),
                "answer": self.answers[stage, place].hex() if place not in lost else None,
            }
            for place, step in steps.items()
        ]


@cache
def totals_round() -> FrozenPlay:
    """Six members, one of whom drops out at masking."""
    play = FrozenPlay(totals.plan_of(TOTALS_MEMBERS))
    while play.gathering.stage in ANSWERED:
        play.recorded([LOST] if play.gathering.stage is Stage.MASKING else [])
    return play
