"""Targets: the coordinator's services over a real socket, called with bytes of any kind.

Parts of an input are calls, made one after the other to the same coordinator. A part's number names
the method; over 32, the statement in the message is signed anew by whoever has to sign it. One
coordinator serves many inputs, and is made anew before it has taken in too much.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
from collections.abc import Sequence
from copy import copy
from functools import cache, partial
from typing import Any

from coordinator import server, service
from coordinator.board import Board
from coordinator.registry import Registry
from coordinator.settings import CoordinatorSettings, OpenRates, Rates, TrusteeRates
from coordinator.store import Store
from protocols import notices, opening
from protocols.enrolment import enrolment_statement
from protocols.passes import METADATA_KEY, make_pass
from protocols.service.channel import Target as Address
from protocols.service.channel import open_channel
from protocols.signing import SigningKey
from protocols.wire import messages_pb2
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import encode
from tests.cohort import MEMBERS
from tests.coordinator.acting import Acting
from tests.coordinator.databases import VARIABLE, fresh_database
from tests.fuzz import wire
from tests.fuzz.material import COORDINATOR, NOW, held, member_key, scene
from tests.fuzz.statements import NODE, invitation
from tests.fuzz.target import Target, scratch
from tests.trustee.scene import Scene
from trustee.startup import QUESTION

# isort: split
import grpc
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]

HEALTH = "Check"
METHODS = (*service.BOARD, *service.ADMISSION, HEALTH)
PASS = len(METHODS)
"""The number of a part that is a pass to show, not a call's message."""

SIGNED_AGAIN = 32
SECONDS = 30.0
MAX_CALLS = 20_000
MAX_ROUNDS = 20

_STATEMENT_FIELDS = {
    "Submit": 2, "Post": 2, "Announce": 2, "SendSealed": 5, "PostPeer": 1, "CreateRound": 1,
    "Enrol": 1, "SubmitMasked": 2,
}  # fmt: skip
_ANYTHING = Rates(
    calls_per_second=1e8, calls_burst=1e8, megabytes_per_second=1e8, megabytes_burst=1e8, active=64
)

REFUSALS = frozenset(
    {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
"""What a caller may be answered whatever it sent: it is to blame, and nothing broke."""


_OF_HEALTH = {(HEALTH, grpc.StatusCode.INTERNAL), (HEALTH, grpc.StatusCode.NOT_FOUND)}
"""How gRPC's own service answers bytes that do not parse, and names that it does not know."""


class Refused(Exception):
    """Every call of an input was refused as it should be."""


class Broken(AssertionError):
    """A call ended as none may end, or the coordinator wrote a traceback."""


class Errors(logging.Handler):
    """Keeps what a coordinator or gRPC says when something broke in it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.broken: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.name.startswith("grpc"):
            self.broken.append(self.format(record))


class Office:
    """A coordinator on a port of its own, with one open round and one that was certified.

    :param backend: "sqlite" or "postgresql".
    """

    def __init__(self, backend: str) -> None:
        self._folder = scratch()
        self._database = fresh_database(backend, self._folder)
        self.errors = Errors()
        self._store = Store.create(self._database.__enter__())
        registry = Registry(self._store.engine, COORDINATOR, clock=lambda: NOW)
        members = [member_key(i).public for i in range(1, MEMBERS + 1)]
        registry.admit_many((key, f"id-{key.fingerprint}", key.fingerprint) for key in members)
        for key in held().signing:
            registry.add_trustee(key.public, key.public.fingerprint)
        self._board = Board(
            self._store,
            COORDINATOR,
            clock=lambda: NOW,
            read_ceremony=scene().read_ceremony,
            revoked=registry.revoked,
        )
        self._board.create_round(scene().record)
        scene().countersign(self._board)
        certified(self._board)
        settings = CoordinatorSettings(
            listen="127.0.0.1:0",
            threads=4,
            workers=0,
            member_rates=_ANYTHING,
            trustee_rates=TrusteeRates(**_ANYTHING.model_dump()),
            open_rates=OpenRates(**_ANYTHING.model_dump()),
        )
        for name in ("cefed", "grpc"):
            logging.getLogger(name).addHandler(self.errors)
        self._server = server.start(self._board, registry, settings, None, clock=lambda: NOW)
        self._channel = open_channel(Address(self._server.address, None, insecure=True))
        self.calls = 0

    def close(self) -> None:
        """End everything it started."""
        self._channel.close()
        self._server.stop()
        self._board.close()
        self._store.close()
        self._database.__exit__(None, None, None)
        for name in ("cefed", "grpc"):
            logging.getLogger(name).removeHandler(self.errors)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def full(self) -> bool:
        """Whether it took in enough to be replaced."""
        return self.calls >= MAX_CALLS or len(self._board.rounds()) > MAX_ROUNDS

    def call(self, method: str, request: bytes, shown: bytes) -> bool:
        """Make a call; whether it succeeded. :raises Broken: it ended as none may."""
        self.calls += 1
        name = "cefed.v1.Board" if method in service.BOARD else "cefed.v1.Admission"
        path = f"/{'grpc.health.v1.Health' if method == HEALTH else name}/{method}"
        metadata = ((METADATA_KEY, shown),) if shown else ()
        code = grpc.StatusCode.OK
        self.errors.broken.clear()
        try:
            if method in ("Read", "FetchSealed"):
                stream: Any = self._channel.unary_stream(path)
                list(stream(request, timeout=SECONDS, metadata=metadata))
            else:
                once: Any = self._channel.unary_unary(path)
                once(request, timeout=SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            code = error.code()
            text = str(error.details())
        if code not in REFUSALS and (method, code) not in _OF_HEALTH:
            raise Broken(f"{method} ended as {code.name}: {text[:300]}")
        if self.errors.broken:
            broken, self.errors.broken = self.errors.broken, []
            raise Broken(f"{method}: {broken[0]}")
        return code is grpc.StatusCode.OK


_offices: dict[str, Office] = {}


def office(backend: str) -> Office:
    """The coordinator that serves now; another one if it took in enough."""
    if backend in _offices and _offices[backend].full:
        _offices.pop(backend).close()
    if backend not in _offices:
        _offices[backend] = Office(backend)
    return _offices[backend]


def close() -> None:
    """End every coordinator that serves."""
    while _offices:
        _offices.popitem()[1].close()


atexit.register(close)


def later() -> Scene:
    """A second round, under another name and period of the plan's own."""
    made = copy(scene())
    made.round_id = "round-2"
    made.plan = made.make_plan()
    return made


@cache
def contributions() -> list[bytes]:
    """Everybody's to the second round."""
    return [later().contribution(number) for number in range(1, MEMBERS + 1)]


def certified(board: Board) -> Acting:
    """The second round up to its band certificate; the first trustee is late with all of it."""
    round_ = later()
    board.create_round(round_.record)
    round_.countersign(board)
    for number, data in enumerate(contributions(), start=1):
        board.submit(round_.round_id, data, member_key(number).public)
    while board.advance():
        pass
    acting = Acting(round_, board)
    acting.post(acting.closings()[1:])
    acting.post(acting.certificates()[1:])
    return acting


@cache
def late() -> list[bytes]:
    """What the first trustee still has to say: vote, certificate, shares."""
    given = scene()
    folder = scratch()
    try:
        board = given.board(folder / "board.sqlite", opened=False)
        acting = certified(board)
        return [acting.closings()[0][1], acting.certificates()[0][1], acting.sums()[0][1]]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def caller(method: str) -> SigningKey:
    """Who makes a call: the first of those who may."""
    if method in ("Submit", "Outcome", "Masking", "SubmitMasked"):
        return member_key(1)
    if method in ("CreateRound", "Announce"):
        return COORDINATOR
    if method == "Enrol":
        return NODE
    return held().signing[0]


@cache
def bearer(method: str) -> bytes:
    """The pass for a call."""
    return make_pass(caller(method), COORDINATOR.public, now=NOW, lifetime=3600)


def _calls(backend: str, data: bytes) -> None:
    serving, shown, answered = office(backend), b"", False
    for number, part in wire.parts(data)[:20]:
        index = number % SIGNED_AGAIN % (PASS + 1)
        if index == PASS:
            shown = part if number < SIGNED_AGAIN else member_key(2).sign("pass", part)
            answered = serving.call("ListRounds", b"", shown) or answered
            continue
        method = METHODS[index]
        if number >= SIGNED_AGAIN:
            part = _signed_again(method, part)
        answered = serving.call(method, part, bearer(method)) or answered
    if not answered:
        raise Refused


def _signed_again(method: str, request: bytes) -> bytes:
    """The message with its statement signed by the caller, whatever that now says."""
    wanted = _STATEMENT_FIELDS.get(method)
    found = wire.fields(request) or []
    made = []
    for number, kind, value in found:
        if number == wanted and kind == wire.BYTES:
            inner = {n: v for n, k, v in wire.fields(value) or [] if k == wire.BYTES}
            name = inner.get(1, b"").decode("utf-8", "replace")
            value = caller(method).sign(name, inner.get(2, b""))
        made.append((number, kind, value))
    return wire.join(made)


def _seeds() -> list[bytes]:
    found = _requests()
    numbers = {method: number for number, method in enumerate(METHODS)}
    calls = [(numbers[method] or SIGNED_AGAIN - SIGNED_AGAIN % (PASS + 1), request)
             for method, request in found]  # fmt: skip
    again = [
        (SIGNED_AGAIN + numbers[method], request)
        for method, request in found
        if method in _STATEMENT_FIELDS
    ]
    shown = make_pass(member_key(2), COORDINATOR.public, now=NOW, lifetime=600)
    payload = messages_pb2.Signed.FromString(shown).payload
    return [
        *(wire.pack([call]) for call in [*calls, *again]),
        wire.pack([(PASS, shown), (SIGNED_AGAIN + PASS, payload)]),
    ]


def _requests() -> list[tuple[str, bytes]]:
    plan, round_id = scene().plan, scene().round_id
    trustee = held().signing[0]
    told = scene().record
    shares = messages_pb2.ShareSet(plan_hash=later().plan.hash, phase=opening.COUNTS, index=1)
    one, two = held().ceremony.trustees[:2]
    envelope = opening.seal_shares(
        shares.SerializeToString(), later().plan, opening.COUNTS, one, two, trustee
    )
    question = messages_pb2.LedgerQuestion(key_id=plan.key_id, nonce=bytes(32))
    messages: list[tuple[str, Any]] = [
        ("ListRounds", pb.ListRoundsRequest()),
        ("Describe", pb.DescribeRequest(round_id=round_id)),
        ("Submit", pb.SubmitRequest(round_id=round_id, contribution=scene().contribution(1))),
        *(("Post", pb.PostRequest(round_id="round-2", statement=data)) for data in late()),
        ("Post", _post(notices.roster_vote(plan, scene().roster, trustee))),
        ("Post", _post(notices.make_refusal(plan, "a reason", trustee))),
        ("Read", pb.ReadRequest(round_id=round_id, from_index=0)),
        (
            "SendSealed",
            pb.SendSealedRequest(
                round_id="round-2", phase="counts", sender=1, recipient=2, envelope=envelope
            ),
        ),
        ("FetchSealed", pb.FetchSealedRequest(round_id=round_id, recipient=1, phase="counts")),
        ("Members", pb.MembersRequest(round_id=round_id)),
        ("PostPeer", pb.PostPeerRequest(statement=trustee.sign(QUESTION, encode(question)))),
        ("ReadPeers", pb.ReadPeersRequest(key_id=plan.key_id)),
        (
            "CreateRound",
            pb.CreateRoundRequest(
                plan=told.plan,
                roster=told.roster,
                ceremony=told.ceremony,
                ceremony_countersignatures=list(told.countersignatures),
            ),
        ),
        ("Announce", _announce(notices.make_reminder(plan, NOW, 1, COORDINATOR))),
        ("Announce", _announce(notices.make_deadline(plan, NOW, NOW + 99, "later", COORDINATOR))),
        (HEALTH, health_pb2.HealthCheckRequest(service="cefed.v1.Board")),
        ("Enrol", pb.EnrolRequest(statement=enrolment_statement(invitation(), NODE))),
    ]  # fmt: skip
    return [(method, message.SerializeToString()) for method, message in messages]


def _post(statement: bytes) -> pb.PostRequest:
    return pb.PostRequest(round_id=scene().round_id, statement=statement)


def _announce(statement: bytes) -> pb.AnnounceRequest:
    return pb.AnnounceRequest(round_id=scene().round_id, statement=statement)


def targets() -> Sequence[Target]:
    """All of this module's."""
    backends = ["sqlite", *(["postgresql"] if os.environ.get(VARIABLE) else [])]
    return [
        Target(f"calls-{backend}", _seeds, partial(_calls, backend), (Refused,), 25)
        for backend in backends
    ]
