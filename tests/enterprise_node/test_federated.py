"""Whole rounds in memory: private sides and gateways over exchange folders, and a coordinator.

A certified round goes over the real board, with trustees who act by protocol; a round of totals
over the real gathering. Every step of a private side is one of a new process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from coordinator.board import Board
from coordinator.database import sqlite_url
from coordinator.store import Store
from enterprise_node.exchange import Envelope
from enterprise_node.gateway.client import Admission, Summary
from enterprise_node.gateway.errors import CoordinatorRefused
from enterprise_node.gateway.relay import Relay
from enterprise_node.private.events import Event
from protocols.errors import ProtocolError
from protocols.federated.terms import Aggregation
from protocols.federated.totals.stages import Stage
from protocols.layout import Layout
from protocols.notices import make_cancellation, roster_vote
from protocols.passes import read_pass
from protocols.plan import Plan
from protocols.roster import Member, Roster
from protocols.wire import service_pb2 as pb
from tests import keys
from tests.cohort import Scene as Cohort
from tests.coordinator.acting import Acting
from tests.enterprise_node.circle import Circle, Node
from tests.enterprise_node.scene import (
    COORDINATOR,
    ROUND,
    describe,
    make_node,
    own_of,
    plan_for,
)

MEMBERS = 6
HOUR = 3600
ABOUT_ITSELF = ("backend", "plan_hash")
"""What a release says that differs between two backends."""


def figures(number: int) -> dict[str, int]:
    """The measures of member ``number``: no two alike, none dominant, in keeping with the plan."""
    electricity, other = 100_000 + 700 * number, 30_000 + 11 * number
    emissions = round(electricity * 0.7034) + other
    return {
        "output": emissions * (8 + 5 * number),
        "emissions": emissions,
        "electricity": electricity,
        "other_emissions": other,
    }


@dataclass
class Client:
    """The coordinator as a gateway reaches it: the board, without a socket."""

    board: Board
    address: str = "board.example:7443"
    submitted: int = 0

    def enrol(self, statement: bytes) -> Admission:
        raise AssertionError("every node of this test is enrolled")

    def rounds(self, bearer: bytes) -> list[Summary]:
        key = read_pass(bearer, COORDINATOR.public, now=int(time.time()))
        return [
            Summary(
                row.round_id,
                str(row.state).lower(),
                row.entries,
                row.member,
                self.board.masks_due(row.round_id, key),
            )
            for row in self.board.rounds(key)
        ]

    def describe(self, bearer: bytes, round_id: str) -> pb.RoundDescription:
        key = read_pass(bearer, COORDINATOR.public, now=int(time.time()))
        record, state, votes, notices = self.board.describe(round_id)
        return pb.RoundDescription(
            plan=record.plan,
            place=self.board.place(round_id, key).to_message(),
            ceremony=record.ceremony,
            ceremony_countersignatures=list(record.countersignatures),
            state=str(state),
            roster_votes=votes,
            notices=notices,
        )

    def submit(self, bearer: bytes, round_id: str, contribution: bytes) -> bytes:
        key = read_pass(bearer, COORDINATOR.public, now=int(time.time()))
        with _told():
            return self.board.submit(round_id, contribution, key)

    def outcome(self, bearer: bytes, round_id: str, index: int | None) -> bytes:
        key = read_pass(bearer, COORDINATOR.public, now=int(time.time()))
        with _told():
            reply = self.board.outcome(round_id, key, index or 0)
        return reply.SerializeToString(deterministic=True)

    def masking(self, bearer: bytes, round_id: str) -> bytes:
        key = read_pass(bearer, COORDINATOR.public, now=int(time.time()))
        with _told():
            return self.board.masking(round_id, key).SerializeToString(deterministic=True)

    def submit_masked(self, bearer: bytes, round_id: str, masked: bytes) -> bytes:
        self.submitted += 1
        with _told():
            return self.board.submit_masked(round_id, masked)


@contextmanager
def _told() -> Iterator[None]:
    """A refusal, as it reaches a gateway."""
    try:
        yield
    except ProtocolError as error:
        raise CoordinatorRefused(str(error), type(error).__name__) from error


@dataclass
class World:
    """Six nodes, their gateways, the board, and trustees who do what is due."""

    folder: Path
    certified: bool = True
    plan: Plan = field(init=False)
    roster: Roster = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = []
        for number in range(1, 1 + MEMBERS):
            name = f"A{number:02}"
            store = make_node(self.folder / name, name)
            own = replace(own_of(name), integers=figures(number))
            store.save_import(own, b"", b"")
            self.nodes.append(Node(store))
        members = [node.store.key().public for node in self.nodes]
        self.roster = Roster.of(Member(key, f"group {key.fingerprint}") for key in members)
        terms = Aggregation.certified(MEMBERS, int(time.time()) + 2 * HOUR)
        self.plan = plan_for(self.roster, own_of(), aggregation=terms if self.certified else None)
        self.store = Store.create(sqlite_url(self.folder / "coordinator.sqlite"))
        self.board = Board(self.store, COORDINATOR)
        self.client = Client(self.board)
        self.board.create_round(describe(self.plan, self.roster))
        held = keys.trustees()
        for key in held.signing[:3]:
            self.board.post(ROUND, roster_vote(self.plan, self.roster, key), key.public)
        layout = Layout(self.plan, held.ceremony.key.public.bits)
        scene = SimpleNamespace(
            plan=self.plan,
            layout=layout,
            roster=self.roster,
            held=held,
            round_id=ROUND,
            certified=self.certified,
        )
        self.trustees = Acting(cast("Cohort", scene), self.board)

    def close(self) -> None:
        """End the board's threads and its store."""
        self.board.close()
        self.store.close()

    def turn(self, *absent: int) -> dict[int, list[Event]]:
        """Private side, gateway, private side of every node that is there."""
        happened: dict[int, list[Event]] = {}
        for place, node in enumerate(self.nodes):
            if place not in absent:
                happened[place] = node.step()
                self.gateway(place)
                happened[place] += node.step()
        return happened

    def gateway(self, place: int) -> None:
        """The gateway of a node, started anew."""
        Relay(self.nodes[place].store.exchange(), cast("Any", self.client)).step()

    def advance(self) -> None:
        """All that the coordinator itself owes the round now."""
        before = None
        while self.board.rounds() != before:
            before = self.board.rounds()
            self.board.advance()

    def certify(self) -> None:
        """From the last contribution to the certificate."""
        self.turn()
        self.turn()
        self.advance()
        self.trustees.post(self.trustees.closings())
        self.advance()
        self.trustees.post(self.trustees.certificates())
        self.advance()

    def publish(self) -> None:
        """From the sums to the release that every node has."""
        if not self.certified:
            self.trustees.post(self.trustees.sums())
        self.advance()
        self.trustees.post(self.trustees.endorsements())
        self.advance()

    def document(self, place: int = 0) -> dict[str, Any]:
        """The release as a node keeps it."""
        path = self.nodes[place].store.round(ROUND).release_path
        document: dict[str, Any] = json.loads(path.read_bytes())
        return document

    @property
    def state(self) -> str:
        """How the round stands."""
        return str(self.board.rounds()[0].state)

    def masked(self) -> list[bytes]:
        """The masked vectors in the log."""
        return [e.payload for e in self.store.read(ROUND, 0) if e.kind == "masked"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A certified round of six members."""
    made = World(tmp_path)
    yield made
    made.close()


def test_a_certified_round_equals_the_one_under_paillier(tmp_path: Path, world: World) -> None:
    world.certify()
    assert {e.kind for events in world.turn().values() for e in events} == {"masked"}
    world.turn()
    assert len(world.masked()) == MEMBERS
    assert world.client.submitted == MEMBERS
    world.publish()
    assert {e.kind for events in world.turn().values() for e in events} == {"release"}
    for place, node in enumerate(world.nodes):
        assert node.store.round(ROUND).warning() is None
        assert world.document(place) == world.document()
        assert not list(node.store.round(ROUND).folder.glob("mask-seed-*"))
        assert {e.kind for e in node.store.exchange().outbox.read()[0]} == {"pass"}
    document = world.document()
    for name in ("output", "emissions", "electricity"):
        total = sum(figures(number)[name] for number in range(1, 1 + MEMBERS))
        assert document["measures"][name]["value"] == str(total)
    other = World(tmp_path / "paillier", certified=False)
    try:
        other.certify()
        other.publish()
        other.turn()
        expected = other.document()
    finally:
        other.close()
    assert document.keys() == expected.keys()
    for key in document.keys() - set(ABOUT_ITSELF):
        assert document[key] == expected[key], key


def test_a_member_that_is_gone_before_masking_keeps_all_of_it_closed(world: World) -> None:
    world.certify()
    world.turn(2)
    world.turn(2)
    world.advance()
    assert len(world.masked()) == MEMBERS - 1
    assert "masking" in world.state.lower()
    notice = make_cancellation(world.plan, int(time.time()), "one member is gone", COORDINATOR)
    world.board.announce(ROUND, notice)
    assert [e.text for e in world.turn()[2]][-1] == (
        "cancelled by the coordinator: one member is gone"
    )
    assert len(world.masked()) == MEMBERS - 1, "a node does not mask for a cancelled round"
    assert not world.nodes[2].store.round(ROUND).release_path.exists()


def test_one_that_is_gone_after_masking_costs_nothing(world: World) -> None:
    world.certify()
    world.turn()
    world.turn()
    world.publish()
    world.turn(3)
    assert world.document()["n"] == MEMBERS
    assert not world.nodes[3].store.round(ROUND).release_path.exists()
    world.turn()
    assert world.document(3) == world.document()


def test_an_envelope_that_is_damaged_on_its_way_is_made_again(world: World) -> None:
    world.certify()
    first = world.nodes[0].store.exchange()
    world.gateway(0)
    (brought,) = first.inbox.folder.glob("*masking-*.envelope")
    brought.write_bytes(brought.read_bytes()[:-1])
    assert any(event.kind == "damaged" for event in world.nodes[0].step())
    world.gateway(0)
    assert "masked" in {event.kind for event in world.nodes[0].step()}
    (left,) = first.outbox.folder.glob("masked-*.envelope")
    left.write_bytes(left.read_bytes().replace(b"masked", b"musked"))
    world.turn()
    world.turn()
    assert len(world.masked()) == MEMBERS
    world.publish()
    world.turn()
    assert world.document()["n"] == MEMBERS


def test_an_old_masking_reply_comes_again_after_the_release(world: World) -> None:
    world.certify()
    exchange = world.nodes[0].store.exchange()
    world.gateway(0)
    reply = next(e for e in exchange.inbox.read()[0] if e.kind == "masking").payload
    world.turn()
    world.turn()
    world.publish()
    world.turn()
    entries = world.nodes[0].store.ledger.entries()
    exchange.inbox.put(Envelope("masking", ROUND, reply))
    assert world.nodes[0].step() == []
    assert world.nodes[0].store.ledger.entries() == entries


@pytest.mark.parametrize("stage", list(Stage)[:5])
def test_totals_outlive_a_member_that_drops_out_anywhere(tmp_path: Path, stage: Stage) -> None:
    circle = Circle(tmp_path)
    circle.play({stage: {1}})
    release = circle.gathering.release
    assert release is not None
    counted = stage in (Stage.AGREEMENT, Stage.UNMASKING)
    places = [place for place in circle.nodes if counted or place != 1]
    (event,) = circle.nodes[0].bring(release, "release")
    document = json.loads(circle.nodes[0].store.round(ROUND).release_path.read_bytes())
    assert event.kind == "release"
    assert document["n"] == len(places)
    for name in ("output", "emissions", "electricity"):
        assert document["measures"][name]["value"] == str(circle.total(name, places))
