"""A coordinator over TLS with the tests' round in it, as its adversaries reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, select

from coordinator import server
from coordinator.board import Board
from coordinator.database import sqlite_url
from coordinator.registry import Registry
from coordinator.settings import CoordinatorSettings
from coordinator.store import Store
from protocols.notices import make_reminder, roster_vote
from protocols.passes import Bearer, make_pass
from protocols.service import tls
from protocols.service.channel import ERROR_KEY, Target, metadata, open_channel
from protocols.signing import SigningKey
from protocols.wire import messages_pb2 as wire
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from protocols.wire.codec import encode
from tests.cohort import COORDINATOR, NOW, member_key
from tests.coordinator.conftest import Clock
from tests.keys import signing_key
from tests.trustee.scene import Scene
from trustee.client import BoardClient

# isort: split
import grpc

SECONDS = 20.0
STRANGER = signing_key(99, "stranger")
STREAMS = ("Read", "FetchSealed")
REFUSED = ("PERMISSION_DENIED", "InvalidSignature")
NOBODY = ("UNAUTHENTICATED", "InvalidPass")

Refusal = tuple[str, str]
"""A gRPC status and the class name in the trailing metadata."""

Tables = dict[str, list[tuple[Any, ...]]]


@dataclass
class Served:
    """A running coordinator, and how anybody calls it."""

    scene: Scene
    board: Board
    registry: Registry
    store: Store
    target: Target
    channel: grpc.Channel
    clock: Clock
    schema: MetaData = field(default_factory=MetaData)

    @property
    def trustees(self) -> Sequence[SigningKey]:
        """The trustees' signing keys."""
        return self.scene.held.signing

    def shown(self, key: SigningKey | None) -> Any:
        """The metadata of a call in the name of ``key``; none for None."""
        if key is None:
            return ()
        return metadata(make_pass(key, COORDINATOR.public, now=self.clock(), lifetime=3600))

    def call(self, method: str, request: Any, key: SigningKey | None, *, shown: Any = None) -> Any:
        """Call the board in the name of ``key``, or with the metadata ``shown``."""
        with_ = self.shown(key) if shown is None else shown
        call = getattr(rpc.BoardStub(self.channel), method)
        reply = call(request, timeout=SECONDS, metadata=with_)
        return list(reply) if method in STREAMS else reply

    def refused(
        self, method: str, request: Any, key: SigningKey | None = None, *, shown: Any = None
    ) -> Refusal:
        """How a call is refused, having changed nothing in the database."""
        return self.unchanged(lambda: self.call(method, request, key, shown=shown))[:2]

    def unchanged(self, call: Callable[[], object]) -> tuple[str, str, str]:
        """Status, class name and text with which a call is refused, having changed nothing."""
        before = self.tables()
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert self.tables() == before
        return told(caught.value)

    def enrol(self, statement: bytes) -> Any:
        """Ask to be enrolled; no pass is shown."""
        request = pb.EnrolRequest(statement=statement)
        return rpc.AdmissionStub(self.channel).Enrol(request, timeout=SECONDS)

    def submit(self, number: int) -> bytes:
        """Have a member contribute; the signed bytes."""
        data = self.scene.contribution(number)
        request = pb.SubmitRequest(round_id=self.scene.round_id, contribution=data)
        self.call("Submit", request, member_key(number))
        return data

    def client(self, index: int) -> BoardClient:
        """The connection of a trustee."""
        key = self.trustees[index - 1]
        return BoardClient(self.target, Bearer(key, COORDINATOR.public, clock=self.clock))

    def tables(self) -> Tables:
        """Everything in the database but what the clerk notes by itself, in its own time."""
        if not self.schema.tables:
            self.schema.reflect(self.store.engine)
        with self.store.engine.connect() as connection:
            return {
                name: sorted(
                    map(tuple, connection.execute(select(*_columns(table)))),
                    key=repr,
                )
                for name, table in self.schema.tables.items()
                if name != "verdicts"
            }


def _columns(table: Table) -> list[Any]:
    return [column for column in table.c if (table.name, column.name) != ("rounds", "state")]


def told(error: grpc.RpcError) -> tuple[str, str, str]:
    """Status, class name and text of a refusal."""
    call: Any = error
    names = [value for key, value in call.trailing_metadata() or () if key == ERROR_KEY]
    return call.code().name, names[0] if names else "", call.details()


@contextmanager
def serve(
    scene: Scene,
    folder: Path,
    *,
    make: type[Board] = Board,
    opened: bool = True,
    **settings: Any,
) -> Iterator[Served]:
    """Serve the scene's round: every member is enrolled, every trustee registered.

    :param make: the board, for a coordinator that is not honest.
    :param opened: whether the roster is countersigned already.
    """
    clock = Clock()
    store = Store.create(sqlite_url(folder / "board.sqlite"))
    registry = Registry(store.engine, COORDINATOR, clock=clock)
    keys = [member.key for member in scene.roster.members]
    registry.admit_many((key, f"E-{key.fingerprint}", key.fingerprint) for key in keys)
    for trustee in scene.held.signing:
        registry.add_trustee(trustee.public, trustee.public.fingerprint)
    board = make(
        store,
        COORDINATOR,
        clock=clock,
        read_ceremony=scene.read_ceremony,
        revoked=registry.revoked,
    )
    board.create_round(scene.record)
    if opened:
        scene.countersign(board)
    tls.create_authority(folder / "tls", ["127.0.0.1"])
    credentials = tls.server_credentials(
        folder / "tls" / "server.pem", folder / "tls" / "server-key.pem"
    )
    configured = CoordinatorSettings(**({"listen": "127.0.0.1:0"} | settings))
    running = server.start(board, registry, configured, credentials, clock=clock)
    target = Target(running.address, (folder / "tls" / "authority.pem").read_bytes())
    try:
        with open_channel(target) as channel:
            yield Served(scene, board, registry, store, target, channel, clock)
    finally:
        running.stop()
        board.close()
        store.close()


def requests(scene: Scene) -> dict[str, Any]:
    """A request for each call of the board that its rightful caller could make."""
    round_id, key_id = scene.round_id, scene.held.ceremony.key_id
    later = Scene(round_id="round-2", members=scene.members).record
    question = wire.LedgerQuestion(key_id=key_id, nonce=b"n" * 32)
    return {
        "ListRounds": pb.ListRoundsRequest(),
        "Describe": pb.DescribeRequest(round_id=round_id),
        "Submit": pb.SubmitRequest(round_id=round_id, contribution=scene.contribution(1)),
        "Outcome": pb.OutcomeRequest(round_id=round_id),
        "Masking": pb.MaskingRequest(round_id=round_id),
        "SubmitMasked": pb.SubmitMaskedRequest(
            round_id=round_id,
            masked=member_key(1).sign("masked", encode(wire.Masked(plan_hash=scene.plan.hash))),
        ),
        "Post": pb.PostRequest(
            round_id=round_id,
            statement=roster_vote(scene.plan, scene.roster, scene.held.signing[3]),
        ),
        "Read": pb.ReadRequest(round_id=round_id),
        "SendSealed": pb.SendSealedRequest(
            round_id=round_id, phase="counts", sender=4, recipient=1, envelope=b"sealed"
        ),
        "FetchSealed": pb.FetchSealedRequest(round_id=round_id, phase="counts", recipient=4),
        "Members": pb.MembersRequest(round_id=round_id),
        "PostPeer": pb.PostPeerRequest(
            statement=scene.held.signing[3].sign("ledger-question", encode(question))
        ),
        "ReadPeers": pb.ReadPeersRequest(key_id=key_id),
        "CreateRound": pb.CreateRoundRequest(
            plan=later.plan,
            roster=later.roster,
            ceremony=later.ceremony,
            ceremony_countersignatures=list(later.countersignatures),
        ),
        "Announce": pb.AnnounceRequest(
            round_id=round_id, statement=make_reminder(scene.plan, NOW, 0, COORDINATOR)
        ),
    }


RIGHTFUL: dict[str, frozenset[str]] = {
    "ListRounds": frozenset({"member", "trustee", "operator"}),
    "Describe": frozenset({"member", "trustee", "operator"}),
    "Read": frozenset({"member", "trustee", "operator"}),
    "Submit": frozenset({"member"}),
    "Outcome": frozenset({"member"}),
    "Masking": frozenset({"member"}),
    "SubmitMasked": frozenset({"member"}),
    "Post": frozenset({"trustee"}),
    "SendSealed": frozenset({"trustee"}),
    "FetchSealed": frozenset({"trustee"}),
    "Members": frozenset({"trustee", "operator"}),
    "PostPeer": frozenset({"trustee"}),
    "ReadPeers": frozenset({"trustee"}),
    "CreateRound": frozenset({"operator"}),
    "Announce": frozenset({"operator"}),
}
"""Who may make each call, written down once more here: SPEC.md section 7."""


def callers(scene: Scene) -> dict[str, SigningKey]:
    """One of each standing: the ones that :func:`requests` are made for."""
    return {"member": member_key(1), "trustee": scene.held.signing[3], "operator": COORDINATOR}
