"""What the federated vectors say must be refused, is: each with the error it names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import protocols.errors
from protocols.federated import masked, masks, sections
from protocols.federated.keys import read_round_key
from protocols.federated.totals.shamir import read_share
from protocols.federated.totals.stages import Stage
from protocols.merkle import check_entries
from protocols.roster import Member as RosterMember
from protocols.roster import check_members
from protocols.signing import VerifyKey
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2
from protocols.wire.codec import decode
from tests.vectors.frozen_federated import (
    NEGATIVE,
    Vector,
    certificate,
    certified_plan,
    certified_roster,
    gathering_before,
    member_before,
    members,
    read_reply,
    statements,
    unhexed,
)


def check_merkle(inputs: Vector) -> None:
    entries = {int(place): bytes.fromhex(entry) for place, entry in inputs["entries"].items()}
    check_entries(bytes.fromhex(inputs["root"]), inputs["size"], entries, unhexed(inputs["proof"]))


def check_roster(inputs: Vector) -> None:
    message = decode(pb.RosterMember, bytes.fromhex(inputs["member"]))
    member = {inputs["place"]: RosterMember.from_message(message)}
    proof = unhexed(inputs["proof"])
    check_members(bytes.fromhex(inputs["hash"]), inputs["size"], member, proof)


def check_round_key(inputs: Vector) -> None:
    signed, plan_hash, member = unhexed([inputs[n] for n in ("signed", "plan_hash", "member")])
    read_round_key(signed, plan_hash, VerifyKey(member), sealing=inputs["sealing"])


def check_share(inputs: Vector) -> None:
    read_share(bytes.fromhex(inputs["share"]))


def check_reply(inputs: Vector) -> None:
    reply = decode(service_pb2.MaskingReply, bytes.fromhex(inputs["reply"]))
    read_reply(inputs["place"], reply)


def check_masked(inputs: Vector) -> None:
    signed = bytes.fromhex(inputs["signed"])
    masked.read_masked(signed, certified_plan(), certificate(), certified_roster())


def check_sum(inputs: Vector) -> None:
    """The sum that coordinator, trustees and verifiers make."""
    some = [statements("masked")[place] for place in inputs["places"]]
    counted = [key.public for key in members()]
    masked.add_up(some, certified_plan(), certificate(), certified_roster(), counted)


def check_words(inputs: Vector) -> None:
    """What whoever adds up other vectors reads in them."""
    plan, found = certified_plan(), certificate()
    read = [masked.read_masked(s, plan, found, certified_roster()) for s in statements("masked")]
    some = [read[place].words for place in inputs["places"]]
    masked.sums(plan, found, masks.added(some, sections.words(plan, found)))


def check_step(inputs: Vector) -> None:
    member = member_before(Stage(inputs["before"]), inputs["place"])
    remembered = member.remember()
    try:
        member.answer(bytes.fromhex(inputs["step"]))
    finally:
        assert member.remember() == remembered


def check_answer(inputs: Vector) -> None:
    gathering = gathering_before(Stage(inputs["stage"]))
    gathering.receive(inputs["place"], bytes.fromhex(inputs["answer"]))


CHECKS: dict[str, Callable[[Vector], None]] = {
    "merkle": check_merkle,
    "roster": check_roster,
    "round-key": check_round_key,
    "share": check_share,
    "masking-reply": check_reply,
    "masked": check_masked,
    "sum": check_sum,
    "words": check_words,
    "totals-step": check_step,
    "totals-answer": check_answer,
}


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in NEGATIVE])
def test_refused_with_the_named_error(vector: Vector) -> None:
    with pytest.raises(protocols.errors.ProtocolError) as caught:
        CHECKS[vector["check"]](vector["inputs"])
    assert caught.type is getattr(protocols.errors, vector["error"]), caught.value


@pytest.mark.parametrize("name", ["second-list-to-sign", "second-list-to-reveal-for"])
def test_a_second_list_is_refused_for_being_the_second(name: str) -> None:
    """Who has acted on no list yet takes it."""
    inputs = next(vector["inputs"] for vector in NEGATIVE if vector["name"] == name)
    fresh = member_before(Stage.AGREEMENT, inputs["place"])
    assert fresh.answer(bytes.fromhex(inputs["step"]))


def test_every_check_has_vectors_and_every_vector_a_name_of_its_own() -> None:
    names = [vector["name"] for vector in NEGATIVE]
    assert len(names) == len(set(names))
    assert {vector["check"] for vector in NEGATIVE} == set(CHECKS)
