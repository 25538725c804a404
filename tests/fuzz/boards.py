"""Target: a trustee's service at a coordinator that answers whatever the input says.

The service follows one round. What it asks is answered from the parts of the input; questions about
its ledger are answered properly, since without that it serves nobody.
"""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from google.protobuf.message import Message

from enterprise_node.gateway.errors import CoordinatorUnreachable
from protocols import certificate, closing, opening
from protocols.enrolment import revocation_list
from protocols.errors import ProtocolError
from protocols.release import plaintexts
from protocols.terms import Description
from protocols.transcript import Entry, genesis, next_entry
from protocols.wire import messages_pb2
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import encode
from tests.fuzz import wire
from tests.fuzz.folders import parsed
from tests.fuzz.material import COORDINATOR, NOW, held, logged, played, scene
from tests.fuzz.statements import entries_of, log_of
from tests.fuzz.target import Target, scratch
from tests.trustee.scene import certificates
from trustee.agreement import TrusteeLimits
from trustee.client import Listed, Members
from trustee.errors import RefusedError, TrusteeError
from trustee.ledger import Ledger
from trustee.service import Service
from trustee.startup import ANSWER, QUESTION

ROUNDS, DESCRIPTION, WITH_PLAN, MEMBERS, SEALED, PEER, REFUSING, LOG = range(1, 9)


@dataclass
class Told:
    """The board as the input has it."""

    rounds_: pb.ListRoundsReply = field(default_factory=pb.ListRoundsReply)
    description: pb.RoundDescription = field(default_factory=pb.RoundDescription)
    members_: pb.MembersReply = field(default_factory=pb.MembersReply)
    sealed_: dict[str, dict[int, bytes]] = field(default_factory=dict)
    peers_: list[bytes] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    refusing: bool = False
    posted: list[str] = field(default_factory=list)

    def rounds(self) -> list[Listed]:
        return [Listed(r.round_id, r.state, r.entries) for r in self.rounds_.rounds]

    def describe(self, round_id: str) -> Description:
        told = self.description
        return Description(
            told.plan, told.roster, told.ceremony, tuple(told.ceremony_countersignatures)
        )

    def members(self, round_id: str) -> Members:
        return Members(tuple(self.members_.certificates), self.members_.revocations)

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        return iter(self.log[from_index:])

    def post(self, round_id: str, statement: bytes) -> None:
        self.posted.append(messages_pb2.Signed.FromString(statement).kind)
        if self.refusing:
            raise RefusedError("no", "PolicyRefusal")

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        self.posted.append(phase)

    def sealed(self, round_id: str, recipient: int, phase: str) -> Mapping[int, bytes]:
        return self.sealed_.get(phase, {})

    def post_peer(self, statement: bytes) -> None:
        """The second and the third trustee have seen no vote of the first."""
        signed = messages_pb2.Signed.FromString(statement)
        if signed.kind == QUESTION:
            asked = messages_pb2.LedgerQuestion.FromString(signed.payload)
            answer = messages_pb2.LedgerAnswer(key_id=asked.key_id, nonce=asked.nonce, subject=1)
            self.peers_ += [key.sign(ANSWER, encode(answer)) for key in held().signing[1:3]]

    def peers(self, key_id: bytes) -> list[bytes]:
        return list(self.peers_)


@cache
def _folder() -> Path:
    folder = scratch()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _told(data: bytes) -> Told:
    told, entries = Told(), []
    for number, part in wire.parts(data):
        if number == ROUNDS:
            told.rounds_ = parsed(pb.ListRoundsReply, part)
        elif number in (DESCRIPTION, WITH_PLAN):
            told.description = parsed(pb.RoundDescription, part)
            if number == WITH_PLAN:  # a payload, signed here
                told.description.plan = COORDINATOR.sign("plan", told.description.plan)
        elif number == MEMBERS:
            told.members_ = parsed(pb.MembersReply, part)
        elif number == SEALED:
            post = parsed(pb.SealedPost, part)
            told.sealed_.setdefault(post.phase, {})[post.sender] = post.envelope
        elif number == PEER:
            told.peers_.append(part)
        elif number == REFUSING:
            told.refusing = True
        else:
            entries += entries_of(part)
    head = genesis(played().plan.round_id)
    for index, (kind, payload) in enumerate(entries):
        entry = next_entry(head, index, kind, payload)
        told.log.append(entry)
        head = entry.hash
    return told


def serve(data: bytes) -> list[str]:
    """What the first trustee says at this board."""
    own = _folder() / "trustee"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    path = own / "ledger.jsonl"
    Ledger.create(path)
    ledger = Ledger(path, clock=lambda: NOW)
    try:
        told = _told(data)
        service = Service(
            told,
            [scene().accepted(1)],
            ledger,
            COORDINATOR.public,
            TrusteeLimits(),
            own,
            clock=lambda: NOW,
        )
        for _ in range(4):
            service.poll()
    finally:
        ledger.close()
    return told.posted


def _seeds() -> list[bytes]:
    round_, given = played(), held()
    description = pb.RoundDescription(
        plan=logged("plan")[0],
        roster=round_.roster.to_bytes(),
        ceremony=given.ceremony.received,
        ceremony_countersignatures=list(given.countersignatures),
    )
    unsigned = pb.RoundDescription()
    unsigned.CopyFrom(description)
    unsigned.plan = round_.plan.to_bytes()
    members = pb.MembersReply(
        certificates=certificates(round_.roster),
        revocations=revocation_list(COORDINATOR, [(900, NOW)], now=NOW),
    )
    terms = [(DESCRIPTION, _bytes(description)), (MEMBERS, _bytes(members))]
    log = (LOG, _log())
    return [
        wire.pack([(ROUNDS, rounds_reply("proposed", 1)), *terms]),
        wire.pack([(ROUNDS, rounds_reply("proposed", 1)), (WITH_PLAN, _bytes(unsigned)), terms[1]]),
        wire.pack([(ROUNDS, rounds_reply("pending", 90)), *terms, *_sealed(), log]),
        wire.pack(
            [(ROUNDS, rounds_reply("pending", 90)), (REFUSING, b""), *terms, *_sealed(), log]
        ),
    ]


def _bytes(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def rounds_reply(state: str, entries: int) -> bytes:
    """A coordinator's list with the finished round in it."""
    row = pb.RoundSummary(round_id=played().plan.round_id, state=state, entries=entries)
    return _bytes(pb.ListRoundsReply(rounds=[row]))


def _log() -> bytes:
    """The finished log, but the first trustee has yet to vote after the closing."""
    own = held().signing[0].public.raw
    return log_of(
        [
            (entry.kind, entry.payload)
            for entry in played().transcript.entries
            if entry.kind == "roster" or messages_pb2.Signed.FromString(entry.payload).signer != own
        ]
    )


def _sealed() -> list[tuple[int, bytes]]:
    """What the second trustee sends the first."""
    round_, given = played(), held()
    ceremony = given.ceremony
    votes = list(round_.transcript.of_kind("closing"))
    basis = closing.tally(votes, round_.plan, ceremony).hash
    labels = {"counts": round_.layout.count_labels()}

    def sets(phase: str, index: int) -> bytes:
        return opening.make_share_set(
            round_.plan, ceremony, round_.aggregates, given.shares[index], phase, basis,
            labels[phase],
        )  # fmt: skip

    read = [
        opening.read_share_set(
            sets("counts", index), round_.plan, "counts", basis, ceremony.trustees[index],
            labels["counts"],
        )
        for index in (1, 2)
    ]  # fmt: skip
    opened = plaintexts(opening.open_all(ceremony, round_.aggregates, labels["counts"], read))
    counts = certificate.read_counts(round_.plan, round_.layout, opened, len(round_.roster.members))
    labels["classes"] = certificate.class_labels(round_.layout, counts)
    found = []
    for phase in labels:
        envelope = opening.seal_shares(
            sets(phase, 1), round_.plan, phase, ceremony.trustees[1], ceremony.trustees[0],
            given.signing[1],
        )  # fmt: skip
        found.append((SEALED, _bytes(pb.SealedPost(phase=phase, sender=2, envelope=envelope))))
    return found


def targets() -> Sequence[Target]:
    """All of this module's."""
    refusals = (TrusteeError, ProtocolError, CoordinatorUnreachable)
    return [Target("board-at-a-trustee", _seeds, serve, refusals, 80)]
