"""Targets: what lies in an exchange folder as a whole, and what a coordinator answers a gateway.

The node of these is one of Region A under the 2048-bit key, at three places of a round: nothing
heard yet, a contribution under way, its receipt here.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from google.protobuf.message import DecodeError, Message

from enterprise_node.errors import NodeError
from enterprise_node.exchange import IN_KINDS, OUT_KINDS, Envelope, Exchange
from enterprise_node.gateway.client import Admission, CoordinatorClient, Summary
from enterprise_node.gateway.errors import CoordinatorRefused, CoordinatorUnreachable
from enterprise_node.gateway.relay import Relay
from enterprise_node.gateway.state import FILE
from enterprise_node.private.events import Event
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.store import NodeStore
from protocols import closing, release
from protocols.enrolment import issue
from protocols.errors import ProtocolError
from protocols.notices import make_deadline, roster_vote
from protocols.signing import statement_hash
from protocols.wire import messages_pb2, service_pb2
from protocols.wire.codec import encode
from tests.enterprise_node.scene import (
    COORDINATOR,
    GROUP,
    MAPPING,
    RECORDS,
    ROUND,
    Desk,
    Scene,
    describe,
    own_of,
    plan_for,
    policy_for,
    roster_with,
    settings_for,
)
from tests.fuzz import wire
from tests.fuzz.files import notice
from tests.fuzz.material import NOW, held
from tests.fuzz.statements import NODE
from tests.fuzz.target import Target, restored, scratch

PLACES = 3
PLACE, FILE_ITSELF, PLAN, RECEIPT, TAIL = 6, 7, 8, 9, 10
"""Numbers of parts of an inbox beyond the kinds of envelopes."""

REFUSALS = (ProtocolError, NodeError)


@dataclass
class Prepared:
    """The node's folder at each place of the round, and every envelope that came on the way."""

    folder: Path
    envelopes: dict[str, Envelope]
    plan_payload: bytes
    scene: Scene


@cache
def prepared() -> Prepared:
    """Plays the round once."""
    top = scratch()
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    scene = _scene(top / "node")
    came: dict[str, Envelope] = {}
    for place in range(PLACES):
        _step(scene)
        shutil.copytree(scene.store.folder, top / f"place-{place}")
        if place == 2:
            _finish(scene)
        _relay(scene.exchange, scene.desk).step()
        for envelope in scene.exchange.inbox.read()[0]:
            came.setdefault(envelope.kind, envelope)
    came["certificate"] = Envelope("certificate", "", _certificate())
    sent = hash_of(scene.desk.submitted[0])
    came["notice"] = Envelope("notice", "n", notice(round_id=ROUND, sha256=sent))
    return Prepared(top, came, scene.plan.to_bytes(), scene)


def hash_of(payload: bytes) -> str:
    """As a notice names what was refused."""
    return hashlib.sha256(payload).hexdigest()


def _scene(folder: Path) -> Scene:
    given = held(small=False)
    store = NodeStore.create(folder, settings_for("A01"), policy_for(), NODE)
    store.save_import(own_of("A01"), RECORDS.read_bytes(), MAPPING.read_bytes())
    roster = roster_with(NODE.public)
    plan = plan_for(
        roster, store.own(), opens_at=NOW - 60, deadline=NOW + 3600, key_id=given.ceremony.key_id
    )
    votes = tuple(roster_vote(plan, roster, key) for key in given.signing[:3])
    told = describe(plan, roster, given)
    moved = [make_deadline(plan, NOW, NOW + 7200, "later", COORDINATOR)]
    desk = Desk(plan.round_id, told, votes, {NODE.public}, notices=moved, clock=lambda: NOW)
    return Scene(store, store.exchange(), plan, roster, desk, lambda: NOW)


def _step(scene: Scene) -> None:
    with PrivateSide(NodeStore(scene.store.folder), scene.exchange, scene.clock) as side:
        side.step()


def _relay(exchange: Exchange, client: object) -> Relay:
    return Relay(exchange, cast("CoordinatorClient", client), clock=lambda: NOW)


def _certificate() -> bytes:
    return issue(
        COORDINATOR,
        NODE.public,
        "A01",
        GROUP,
        serial=7,
        not_before=NOW - 10,
        not_after=NOW + 10_000,
    )


def _finish(scene: Scene) -> None:
    """What a node believes of a release: its signature, endorsements, and the closing votes."""
    given, plan, log = held(small=False), scene.plan, scene.desk.log
    included = tuple(sorted(statement_hash(data) for data in scene.desk.submitted))
    statement = closing.ClosingStatement.of(plan.hash, included, bytes(32))
    for key in given.signing[:3]:
        log.append("closing", closing.vote(statement, bytes(32), key))
    document = json.dumps({"plan_hash": plan.hash.hex(), "cohort": "region-a"}).encode("utf-8")
    payload = encode(messages_pb2.Release(plan_hash=plan.hash, document=document))
    posted = COORDINATOR.sign("release", payload)
    log.append("release", posted)
    endorsed = release.endorse_payload(statement_hash(posted))
    for key in given.signing[:3]:
        log.append("endorsement", key.sign("endorsement", endorsed))
    scene.desk.state = "released"


# The private side and its inbox


@cache
def _workplace() -> Path:
    folder = scratch()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def step_with(data: bytes) -> list[Event]:
    """What two steps with this inbox come to. Parts are its files; one says where in the round."""
    parts = wire.parts(data)
    place = next((part[0] for number, part in parts if number == PLACE and part), 0)
    node = restored(_workplace() / "node", prepared().folder / f"place-{place % PLACES}")
    exchange = Exchange(node / "exchange")
    for index, (number, part) in enumerate(parts):
        if number != PLACE:
            path = exchange.inbox.folder / f"{index}.envelope"
            path.write_bytes(_file(number, part))
    with PrivateSide(NodeStore(node), exchange, lambda: NOW) as side:
        happened = [*side.step(), *side.step()]
    if list(exchange.inbox.folder.glob("*.taken")):
        raise AssertionError("the inbox was not emptied")
    return happened


def _file(number: int, part: bytes) -> bytes:
    """One file of the inbox; some are made valid up to what was changed."""
    if number == FILE_ITSELF:
        return part
    subject = ROUND
    if number == PLAN:
        kind, part = "round", _with_signed_plan(part)
    elif number == RECEIPT:
        kind, part = "receipt", COORDINATOR.sign("receipt", part)
    elif number == TAIL:
        kind, part = "release", _signed_tail(part)
    else:
        kind = IN_KINDS[number % len(IN_KINDS)]
        subject = ROUND if kind in ("round", "receipt", "release") else ""
    return Envelope(kind, subject, part).to_bytes()


def _with_signed_plan(data: bytes) -> bytes:
    """A description whose plan is a payload, which is signed here."""
    parts = wire.fields(data) or []
    return wire.join(
        (number, kind, COORDINATOR.sign("plan", value) if number == 1 else value)
        for number, kind, value in parts
    )


def _signed_tail(data: bytes) -> bytes:
    """An outcome whose statements hold payloads; votes are signed by three trustees."""
    made = service_pb2.OutcomeReply()
    for number, part in wire.parts(data):
        kind = ("release", "endorsement", "closing", "counted")[number % 4]
        if kind == "release":
            made.release = COORDINATOR.sign(kind, part)
        elif kind == "counted":
            made.MergeFrom(parsed(service_pb2.OutcomeReply, part))
        else:
            if kind == "endorsement" and not part:
                part = release.endorse_payload(statement_hash(made.release))
            signed = [key.sign(kind, part) for key in held(small=False).signing[:3]]
            (made.endorsements if kind == "endorsement" else made.closings).extend(signed)
    return encode(made)


def inbox_seeds() -> list[bytes]:
    """The round at its places, as it comes and as it is signed here."""
    came = prepared().envelopes
    place = [(PLACE, bytes([number])) for number in range(PLACES)]
    kinds = {kind: number + len(IN_KINDS) * 4 for number, kind in enumerate(IN_KINDS)}

    def part(kind: str) -> tuple[int, bytes]:
        return kinds[kind], came[kind].payload

    plan = wire.join([(1, wire.BYTES, prepared().plan_payload), *_rest(came["round"].payload)])
    receipt = messages_pb2.Signed.FromString(came["receipt"].payload).payload
    return [
        wire.pack([place[0], part("round"), part("certificate")]),
        wire.pack([place[0], (PLAN, plan)]),
        wire.pack([place[1], part("receipt"), part("notice")]),
        wire.pack([place[1], (RECEIPT, receipt)]),
        wire.pack([place[2], part("release")]),
        wire.pack([place[2], (TAIL, _tail_seed(came["release"].payload))]),
        wire.pack([place[1], (FILE_ITSELF, came["receipt"].to_bytes())]),
    ]


def _rest(description: bytes) -> list[wire.Field]:
    return [item for item in wire.fields(description) or [] if item[0] != 1]


def _tail_seed(payload: bytes) -> bytes:
    """Release, an endorsement of it (empty: made here) and a closing, as payloads; the rest."""
    told = service_pb2.OutcomeReply.FromString(payload)
    posted, closed = map(messages_pb2.Signed.FromString, (told.release, told.closings[0]))
    rest = service_pb2.OutcomeReply(contribution=told.contribution, counted=told.counted)
    return wire.pack([(4, posted.payload), (5, b""), (6, closed.payload), (7, encode(rest))])


# The gateway, its outbox, and what the coordinator answers

ADMISSION, ROUNDS, DESCRIPTION, OUTCOME, SUBMITTED, REFUSING, STATE, OUT_FILE = range(8, 16)


@dataclass
class Answers:
    """A coordinator that answers what the input says, whatever was asked."""

    admission: Admission = field(default_factory=lambda: Admission("waiting", b"", ""))
    summaries: list[Summary] = field(default_factory=list)
    description: bytes = b""
    outcome_: bytes = b""
    receipt: bytes = b""
    refusing: str | None = None
    address: str = "c.example:7443"

    def enrol(self, statement: bytes) -> Admission:
        self._maybe()
        return self.admission

    def rounds(self, bearer: bytes) -> list[Summary]:
        return self.summaries

    def describe(self, bearer: bytes, round_id: str) -> service_pb2.RoundDescription:
        self._maybe()
        return parsed(service_pb2.RoundDescription, self.description)

    def submit(self, bearer: bytes, round_id: str, contribution: bytes) -> bytes:
        self._maybe()
        return self.receipt

    def outcome(self, bearer: bytes, round_id: str, index: int | None) -> bytes:
        # As the client does: a number that the message cannot hold is a ValueError there.
        service_pb2.OutcomeRequest(round_id=round_id, index=index or 0)
        self._maybe()
        return encode(parsed(service_pb2.OutcomeReply, self.outcome_))

    def masking(self, bearer: bytes, round_id: str) -> bytes:
        self._maybe()
        return encode(parsed(service_pb2.MaskingReply, self.outcome_))

    def submit_masked(self, bearer: bytes, round_id: str, masked: bytes) -> bytes:
        self._maybe()
        return self.receipt

    def _maybe(self) -> None:
        if self.refusing is not None:
            raise CoordinatorRefused(self.refusing[1:], self.refusing[:1])


M = TypeVar("M", bound=Message)


def parsed(kind: type[M], data: bytes) -> M:
    """An answer as gRPC hands it on: bytes that do not parse are a call that failed."""
    message = kind()
    try:
        message.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CoordinatorUnreachable("the answer does not parse") from error
    return message


def _gateway(data: bytes) -> None:
    exchange = Exchange(restored(_workplace() / "exchange", _outside()))
    answers = Answers()
    for index, (number, part) in enumerate(wire.parts(data)):
        if number == ADMISSION:
            reply = parsed(service_pb2.EnrolReply, part)
            answers.admission = Admission(reply.state, reply.certificate, reply.reason)
        elif number == ROUNDS:
            answers.summaries = [
                Summary(r.round_id, r.state.lower(), r.entries, r.member, r.masking)
                for r in parsed(service_pb2.ListRoundsReply, part).rounds
            ]
        elif number == DESCRIPTION:
            answers.description = part
        elif number == OUTCOME:
            answers.outcome_ = part
        elif number == SUBMITTED:
            answers.receipt = part
        elif number == REFUSING:
            answers.refusing = part.decode("utf-8", "replace")
        elif number == STATE:
            (exchange.folder / FILE).write_bytes(part)
        elif number == OUT_FILE:
            (exchange.outbox.folder / f"{index}.envelope").write_bytes(part)
        else:
            kind = OUT_KINDS[number % len(OUT_KINDS)]
            subject = "" if kind in ("pass", "enrolment", "rotation") else ROUND
            exchange.outbox.put(Envelope(kind, subject, part))
    _relay(exchange, answers).step()
    relay = _relay(exchange, answers)
    relay.step()
    relay.lost("nobody answers")
    relay.found()


@cache
def _outside() -> Path:
    folder = prepared().folder / "outside"
    Exchange.create(folder)
    return folder


def _gateway_seeds() -> list[bytes]:
    scene, came = prepared().scene, prepared().envelopes
    kinds = {kind: number or len(OUT_KINDS) for number, kind in enumerate(OUT_KINDS)}
    out = _outgoing()
    rounds = service_pb2.ListRoundsReply(
        rounds=[
            service_pb2.RoundSummary(round_id=ROUND, state="RELEASED", entries=90, member=True),
            service_pb2.RoundSummary(round_id="another", state="open", entries=3, member=True),
            service_pb2.RoundSummary(
                round_id="second", state="masking", entries=9, member=True, masking=True
            ),
            service_pb2.RoundSummary(round_id="third", state="open"),
        ]
    )
    state = {
        "schema": "cefed.gateway-state/1",
        "serial": 0,
        "done": {f"index {ROUND}": "4", "line": "unreachable"},
    }
    told = [
        (ROUNDS, rounds.SerializeToString(deterministic=True)),
        (DESCRIPTION, came["round"].payload),
        (SUBMITTED, came["receipt"].payload),
        (OUTCOME, came["release"].payload),
    ]
    enrolled = service_pb2.EnrolReply(state="enrolled", certificate=_certificate(), reason="r")
    sent = [(kinds["pass"], out["pass"]), (kinds["contribution"], scene.desk.submitted[0])]
    return [
        wire.pack([*sent, *told, (STATE, json.dumps(state).encode("utf-8"))]),
        wire.pack([*sent, *told, (kinds["receipt"], came["receipt"].payload)]),
        wire.pack([*sent, *told, (REFUSING, b"CContributionRefused")]),
        wire.pack([*sent, *told, (kinds["masked"], b"m"), (REFUSING, b"PPolicyRefusal")]),
        wire.pack([*sent, (kinds["enrolment"], b"e"), (ADMISSION, encode(enrolled)), *told]),
        wire.pack([*sent, (kinds["rotation"], b"r"), (ADMISSION, encode(enrolled)), *told]),
        wire.pack([(OUT_FILE, Envelope("pass", "", out["pass"], 2).to_bytes()), *told]),
    ]


def _outgoing() -> dict[str, bytes]:
    exchange = Exchange(prepared().folder / "place-1" / "exchange")
    return {envelope.kind: envelope.payload for envelope in exchange.outbox.read()[0]}


def targets() -> Sequence[Target]:
    """All of this module's."""
    return [
        Target("inbox", inbox_seeds, step_with, REFUSALS, 120),
        Target("outbox-and-answers", _gateway_seeds, _gateway, REFUSALS, 30),
    ]
