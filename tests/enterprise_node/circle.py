"""A round of totals: the private sides of several nodes, and the coordinator's side in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from enterprise_node.exchange import Envelope
from enterprise_node.private.backends import Backend
from enterprise_node.private.events import Event
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.store import NodeStore
from protocols.federated.terms import Aggregation
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.stages import Stage
from protocols.plan import Plan
from protocols.roster import Member, Roster
from protocols.signing import SigningKey
from tests.enterprise_node.scene import COORDINATOR, ROUND, make_node, own_of, plan_for

MEMBERS = 6
HOUR = 3600


@dataclass
class Node:
    """One member: its folder, and what the gateway would carry."""

    store: NodeStore
    clock: Callable[[], float] = time.time

    def step(self) -> list[Event]:
        """One step of the private side, in a process of its own as it were."""
        store = NodeStore(self.store.folder)
        with PrivateSide(store, store.exchange(), self.clock) as side:
            return side.step()

    def bring(self, payload: bytes, kind: str = "totals", round_id: str = ROUND) -> list[Event]:
        """The gateway hands something in, and the private side runs."""
        self.store.exchange().inbox.put(Envelope(kind, round_id, payload))
        return self.step()

    def answer(self, round_id: str = ROUND) -> bytes | None:
        """What lies in the outbox for the coordinator."""
        envelope = self.store.exchange().outbox.get("totals", round_id)
        return None if envelope is None else envelope.payload


@dataclass
class Circle:
    """Nodes by their places on the roster, and a plan of totals for them."""

    folder: Path
    policy: dict[str, object] = field(default_factory=dict)
    plan_changes: dict[str, object] = field(default_factory=dict)
    coordinator: SigningKey = COORDINATOR

    def __post_init__(self) -> None:
        allowed = {"backends": (Backend.TOTALS,), **self.policy}
        made = [
            make_node(self.folder / name, name, **allowed)
            for name in (f"A{number:02}" for number in range(1, 1 + MEMBERS))
        ]
        by_key = {store.key().public: Node(store) for store in made}
        self.roster = Roster.of(Member(key, f"group {key.fingerprint}") for key in by_key)
        self.nodes = {place: by_key[m.key] for place, m in enumerate(self.roster.members)}
        self.gathering = Gathering(
            self.coordinator.sign("plan", self.plan.to_bytes()), self.roster, self.coordinator
        )

    @cached_property
    def plan(self) -> Plan:
        """Region A's small plan, as one of totals."""
        terms = Aggregation.totals(MEMBERS, int(time.time()) + 2 * HOUR)
        changes = {"aggregation": terms, "key_id": b"", **self.plan_changes}
        return plan_for(self.roster, own_of(), **changes)

    def carry(self, but: Iterable[int] = ()) -> dict[int, list[Event]]:
        """Bring every member that is asked its step, and take its answer along."""
        gone, happened = set(but), {}
        for place, step in self.gathering.steps().items():
            if place in gone:
                continue
            happened[place] = self.nodes[place].bring(step)
            answer = self.nodes[place].answer()
            if answer is not None:
                self.gathering.receive(place, answer)
        return happened

    def play(self, gone: dict[Stage, set[int]] | None = None) -> None:
        """The whole round; ``gone``: who is gone from a stage on."""
        missing: set[int] = set()
        while self.gathering.stage not in (Stage.DONE, Stage.ABANDONED):
            missing |= (gone or {}).get(self.gathering.stage, set())
            self.carry(but=missing)
            self.gathering.go_on()

    def total(self, measure: str, places: Iterable[int]) -> int:
        """The plain sum over members."""
        return sum(self.nodes[place].store.own().integers[measure] for place in places)
