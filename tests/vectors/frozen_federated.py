"""What is in ``federated.json``, read with the product; for the tests of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from protocols import certificate as certificates
from protocols.ceremony import Ceremony
from protocols.certificate import BandCertificate
from protocols.federated import masked
from protocols.federated.masks import RoundKey
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.member import Member
from protocols.federated.totals.memory import Memory
from protocols.federated.totals.stages import ANSWERED, Stage
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.signing import SigningKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2
from protocols.wire.codec import decode
from tests.totals import terms_of
from tests.vectors import federated
from tests.vectors.plain_masks import read_words
from tests.vectors.write_vectors import FOLDER

Vector = dict[str, Any]

HELD: Vector = json.loads((FOLDER / federated.NAME).read_text())
CERTIFIED: Vector = HELD["certified"]
TOTALS: Vector = HELD["totals"]
NEGATIVE: list[Vector] = HELD["negative"]


def unhexed(parts: Sequence[str]) -> list[bytes]:
    """Byte strings of the file."""
    return [bytes.fromhex(part) for part in parts]


@cache
def certified_plan() -> Plan:
    """The certified round's plan."""
    return Plan.from_bytes(bytes.fromhex(CERTIFIED["plan"]))


@cache
def ceremony() -> Ceremony:
    """The certified round's ceremony."""
    return Ceremony.from_signed(bytes.fromhex(CERTIFIED["ceremony"]))


@cache
def certificate() -> BandCertificate:
    """What a quorum of trustees signed."""
    return certificates.tally(unhexed(CERTIFIED["votes"]), certified_plan(), ceremony())


@cache
def certified_roster() -> Roster:
    """The certified round's roster."""
    return Roster.from_bytes(bytes.fromhex(CERTIFIED["roster"]))


def members() -> list[SigningKey]:
    """Enterprise keys, in the order of the inclusion list."""
    return [SigningKey.from_seed(bytes.fromhex(m["signing_seed"])) for m in CERTIFIED["members"]]


def secret_keys() -> list[RoundKey]:
    """Round keys, in the same order."""
    return [RoundKey(bytes.fromhex(m["mask_seed"])) for m in CERTIFIED["members"]]


def statements(name: str) -> list[bytes]:
    return unhexed([member[name] for member in CERTIFIED["members"]])


def read_reply(place: int, reply: service_pb2.MaskingReply) -> masked.MaskingTerms:
    key, own = members()[place].public, statements("round_key")[place]
    return masked.read_masking(reply, certified_plan(), ceremony(), key, own)


def words_of(signed: bytes) -> list[int]:
    """What a signed masked statement holds."""
    message = decode(pb.Masked, open_signed(signed, "masked").payload)
    return read_words(message.words)


@cache
def totals_plan() -> Plan:
    """The plan of the round of totals."""
    return Plan.from_bytes(open_signed(bytes.fromhex(TOTALS["plan"]), "plan").payload)


def exchanges(*stages: Stage) -> list[Vector]:
    """What went over the wire in these stages."""
    return [one for one in TOTALS["exchanges"] if one["stage"] in stages]


def coordinator() -> SigningKey:
    """Who conducts the round of totals."""
    return SigningKey.from_seed(bytes.fromhex(TOTALS["coordinator_seed"]))


def new_member(place: int) -> Member:
    """A member that drew what the file says, before its first step."""
    held = TOTALS["members"][place]
    memory = Memory(totals_plan().hash, bytes.fromhex(held["drawn"])).to_bytes()
    first = next(one for one in exchanges(Stage.KEYS) if one["place"] == place)
    key = SigningKey.from_seed(bytes.fromhex(held["signing_seed"]))
    return Member(terms_of(bytes.fromhex(first["step"])), key, held["measures"], memory)


def before(stage: Stage) -> tuple[Stage, ...]:
    """The stages before this one."""
    return ANSWERED[: ANSWERED.index(stage)]


def member_before(stage: Stage, place: int) -> Member:
    """A member that answered every stage before this one, as the file says."""
    member = new_member(place)
    for one in exchanges(*before(stage)):
        if one["place"] == place and one["answer"] is not None:
            assert member.answer(bytes.fromhex(one["step"])).hex() == one["answer"]
    return member


def gathering_before(stage: Stage) -> Gathering:
    """The coordinator, when everybody answered all stages before this one."""
    roster = Roster.from_bytes(bytes.fromhex(TOTALS["roster"]))
    gathering = Gathering(bytes.fromhex(TOTALS["plan"]), roster, coordinator())
    for earlier in before(stage):
        play_stage(gathering, earlier)
    return gathering


def play_stage(gathering: Gathering, stage: Stage) -> None:
    held = exchanges(stage)
    assert gathering.stage is stage
    steps = {place: step.hex() for place, step in gathering.steps().items()}
    assert steps == {one["place"]: one["step"] for one in held}
    for one in held:
        if one["answer"] is not None:
            gathering.receive(one["place"], bytes.fromhex(one["answer"]))
    gathering.go_on()
