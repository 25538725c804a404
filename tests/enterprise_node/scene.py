"""A coordinator on loopback with one round for a handful of Region A's enterprises."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from coordinator.board import Board
from coordinator.server import start
from coordinator.store import Store
from enterprise_node.private.intake import OwnMeasures, read_own
from enterprise_node.private.settings import Settings
from enterprise_node.private.store import NodeStore
from protocols.bins import log_edges
from protocols.plan import Direction, Indicator, Level, Measure, Plan, Policy, Ranking
from protocols.roster import Member, Roster
from protocols.signing import SigningKey, VerifyKey
from protocols.terms import Description, Limits
from tests import keys

REGION_A = Path(__file__).resolve().parents[2] / "examples" / "region_a"
RECORDS = REGION_A / "region_a.csv"
MAPPING = REGION_A / "mapping.toml"
ROUND = "region-a-2020"


def own_of(enterprise: str = "A01") -> OwnMeasures:
    """An enterprise's own measures."""
    return read_own(RECORDS, MAPPING, enterprise)


def plan_for(roster: Roster, own: OwnMeasures, **changes: object) -> Plan:
    """A small plan that fits Region A: 4 bins, so that a contribution is quick to make."""
    now = int(time.time())
    plan = Plan(
        round_id=ROUND,
        cohort="region-a",
        title="Region A",
        period="2020",
        definitions=own.definitions,
        measures=(
            Measure("output", "yuan", 10**11, 1),
            Measure("emissions", "kgCO2", 10**10, 1),
            Measure("electricity", "kWh", 10**10, level=Level.COHORT),
            Measure(
                "other_emissions",
                "kgCO2",
                10**10,
                level=Level.COHORT,
                published=False,
                protects=("electricity",),
            ),
        ),
        indicators=(
            Indicator(
                "cef",
                "yuan/tCO2",
                "output",
                "emissions",
                Fraction(1000),
                Direction.HIGHER,
                Ranking.SUMS,
                log_edges(Fraction(5), Fraction(50), 4),
            ),
        ),
        policy=Policy(),
        roster_hash=roster.hash,
        participants=len(roster.members),
        key_id=keys.trustees().ceremony.key_id,
        opens_at=now - 60,
        deadline=now + 3600,
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


def roster_with(*members: SigningKey) -> Roster:
    """A roster of these keys and five others."""
    others = [keys.signing_key(number) for number in range(1, 6)]
    return Roster.of(
        Member(key.public, f"group {key.public.fingerprint}") for key in (*members, *others)
    )


@dataclass
class Scene:
    """A node's folder, and the round it is asked to join."""

    store: NodeStore
    address: str
    plan: Plan
    roster: Roster
    coordinator: SigningKey

    def description(self, held: keys.Trustees | None = None) -> Description:
        """What the coordinator says about the round, under the test ceremony or another."""
        held = held or keys.trustees()
        return Description(
            self.coordinator.sign("plan", self.plan.to_bytes()),
            self.roster.to_bytes(),
            held.ceremony.received,
            tuple(held.countersignatures),
        )


def pinned() -> tuple[VerifyKey, ...]:
    """The signing keys of the test ceremony's trustees."""
    return tuple(key.public for key in keys.trustees().signing)


def settings_for(name: str, coordinator: SigningKey) -> Settings:
    """Settings of a node that knows the test coordinator and the test trustees."""
    return Settings(name, coordinator.public, pinned(), Limits())


def make_node(folder: Path, coordinator: SigningKey, enterprise: str = "A01") -> NodeStore:
    """A node's folder with one enterprise's records imported."""
    store = NodeStore.create(folder, settings_for(enterprise, coordinator))
    store.save_import(own_of(enterprise), RECORDS.read_bytes(), MAPPING.read_bytes())
    return store


def quiet_scene(folder: Path, **changes: object) -> Scene:
    """A scene without a coordinator's process."""
    coordinator = keys.signing_key(0, "coordinator")
    store = make_node(folder / "node", coordinator)
    roster = roster_with(store.key())
    return Scene(
        store, "127.0.0.1:1", plan_for(roster, store.own(), **changes), roster, coordinator
    )


@contextmanager
def scene(folder: Path, **changes: object) -> Iterator[Scene]:
    """A scene with a coordinator that answers."""
    made = quiet_scene(folder, **changes)
    with serving(made, folder):
        yield made


@contextmanager
def serving(made: Scene, folder: Path) -> Iterator[None]:
    """A coordinator on loopback that offers the scene's round; its address is put in the scene."""
    board_store = Store.at(folder / "board.sqlite")
    board = Board(board_store, made.coordinator)
    server = start(board, "127.0.0.1:0")
    try:
        told = made.description()
        board.create_round(told)
        made.address = server.address
        yield
    finally:
        server.stop()
        board_store.close()
