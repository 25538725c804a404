"""The log keeps its order and content, and receipts hold the coordinator to it."""

from __future__ import annotations

import dataclasses

import pytest

from protocols.errors import InvalidSignature, MalformedMessage, TranscriptBroken
from protocols.roster import Member, Roster
from protocols.signing import VerifyKey
from protocols.transcript import (
    Entry,
    Receipt,
    Transcript,
    check_chain,
    check_inclusion,
    genesis,
    open_receipt,
    read_receipt,
    replay,
    sign_receipt,
)
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.keys import signing_key

COORDINATOR = signing_key(1, "coordinator")


def log() -> Transcript:
    return replay("r1", [("plan", b"p"), ("contribution", b"a"), ("contribution", b"b")])


def test_chain_replays_to_the_same_head() -> None:
    assert log().head == log().head != genesis("r1")
    check_chain("r1", log().entries)
    assert list(log().of_kind("contribution")) == [b"a", b"b"]


def test_head_depends_on_round_order_kind_and_content() -> None:
    variants = [
        replay("r2", [("plan", b"p"), ("contribution", b"a")]),
        replay("r1", [("plan", b"p"), ("contribution", b"a")]),
        replay("r1", [("contribution", b"a"), ("plan", b"p")]),
        replay("r1", [("plan", b"p"), ("closing", b"a")]),
        replay("r1", [("plan", b"p"), ("contribution", b"A")]),
        replay("r1", [("plan", b"p")]),
    ]
    assert len({variant.head for variant in variants}) == len(variants)


@pytest.mark.parametrize("tamper", ["drop", "swap", "change", "rename"])
def test_tampering_breaks_the_chain(tamper: str) -> None:
    entries = log().entries
    if tamper == "drop":
        del entries[1]
    elif tamper == "swap":
        entries[1], entries[2] = entries[2], entries[1]
    elif tamper == "change":
        entries[1] = dataclasses.replace(entries[1], payload=b"other")
    else:
        entries[1] = dataclasses.replace(entries[1], kind="closing")
    with pytest.raises(TranscriptBroken, match="entry 1"):
        check_chain("r1", entries)


def test_unknown_kinds_are_not_logged() -> None:
    with pytest.raises(TranscriptBroken, match="not logged"):
        Transcript("r1").append("sealed", b"x")


def receipt_of(entry: Entry) -> Receipt:
    data = sign_receipt(COORDINATOR, "r1", entry)
    return read_receipt(data, COORDINATOR.public, entry.payload, round_id="r1")


def test_receipt_shows_that_an_entry_was_dropped() -> None:
    transcript = log()
    receipt = receipt_of(transcript.entries[2])
    check_inclusion(receipt, transcript.entries)
    for shorter in (transcript.entries[:2], replay("r1", [("plan", b"p")]).entries):
        with pytest.raises(TranscriptBroken, match="not there"):
            check_inclusion(receipt, shorter)


def test_receipt_is_checked_against_the_entry_alone() -> None:
    entries = log().entries
    receipt = receipt_of(entries[1])
    check_inclusion(receipt, entries[1:2])
    check_inclusion(receipt, entries[1:])
    other = replay("r1", [("plan", b"p"), ("contribution", b"x"), ("contribution", b"b")]).entries
    swapped = dataclasses.replace(entries[1], payload=b"x")
    for run in ([], entries[2:], other[1:2], [swapped]):
        with pytest.raises(TranscriptBroken, match="not there"):
            check_inclusion(receipt, run)
    with pytest.raises(TranscriptBroken, match="entry 2 breaks"):
        check_inclusion(receipt, [entries[1], other[2]])


def test_receipt_is_for_one_statement_by_one_coordinator_in_one_round() -> None:
    data = sign_receipt(COORDINATOR, "r1", log().entries[1])
    with pytest.raises(TranscriptBroken, match="another statement"):
        read_receipt(data, COORDINATOR.public, b"b", round_id="r1")
    with pytest.raises(TranscriptBroken, match="not signed by"):
        read_receipt(data, signing_key(2, "coordinator").public, b"a", round_id="r1")
    with pytest.raises(TranscriptBroken, match="not for 'r2'"):
        read_receipt(data, COORDINATOR.public, b"a", round_id="r2")
    with pytest.raises(TranscriptBroken, match="not for 'r2'"):
        open_receipt(data, COORDINATOR.public, round_id="r2")


def members(*numbers: int) -> list[Member]:
    return [Member(signing_key(n).public, f"group-{n}") for n in numbers]


def test_roster_is_canonical() -> None:
    roster = Roster.of(members(4, 1, 3, 2))
    assert Roster.from_bytes(roster.to_bytes()) == roster
    assert Roster.of(members(1, 2, 3, 4)).hash == roster.hash
    with pytest.raises(InvalidSignature, match="not on the roster"):
        roster.member(signing_key(9).public)


def test_roster_refuses_repetition_disorder_and_missing_groups() -> None:
    with pytest.raises(MalformedMessage, match="repeated"):
        Roster.of(members(1, 1))
    with pytest.raises(MalformedMessage, match="group tag"):
        Roster.of([Member(signing_key(1).public, "")])
    with pytest.raises(MalformedMessage, match="two members have the group tag 'steel'"):
        Roster.of([Member(signing_key(n).public, "steel") for n in (1, 2)])
    ordered = [pb.RosterMember(signing_key=m.key.raw, group=m.group) for m in members(1, 2, 3)]
    ordered.sort(key=lambda m: m.signing_key)
    with pytest.raises(MalformedMessage, match="ascending"):
        Roster.from_bytes(encode(pb.Roster(members=ordered[::-1])))


def test_fingerprints_differ() -> None:
    assert len({signing_key(n).public.fingerprint for n in range(50)}) == 50
    assert VerifyKey(bytes(32)).fingerprint == VerifyKey(bytes(32)).fingerprint
