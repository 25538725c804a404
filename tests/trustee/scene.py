"""A small round for tests of coordinator and trustee: plan, members, trustees, and a board.

The pure tests use the 512-bit key, the tests over sockets the 2048-bit one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

from coordinator.board import Board
from coordinator.store import Store
from protocols.ceremony import Ceremony
from protocols.contribution import build
from protocols.layout import Layout
from protocols.paillier import encryptor_for
from protocols.plan import Direction, Indicator, Level, Measure, Plan, Policy, Ranking
from protocols.roster import Member, Roster
from protocols.signing import SigningKey
from protocols.terms import Description, Terms
from protocols.threshold import KeyShare
from protocols.transcript import Entry
from tests.keys import Trustees, signing_key, trustees
from trustee.agreement import TrusteeLimits, agree
from trustee.client import Listed
from trustee.duties import Duties
from trustee.exchange import Holder
from trustee.ledger import Ledger

COORDINATOR = signing_key(1, "coordinator")
NOW = 1_700_000_000
DEADLINE = NOW + 1000
MEMBERS = 12


def member_key(number: int) -> SigningKey:
    """The signing key of a member of the roster; numbers from 1."""
    return signing_key(number, "node")


def values(number: int) -> dict[str, int]:
    """The measures of a member: no two alike, none dominant."""
    return {
        "output": 40_000 + 7_001 * number,
        "emissions": 900 + 31 * number * number,
        "electricity": 5_000 + 13 * number,
    }


@dataclass
class Scene:
    """Everything agreed on before a round."""

    small: bool = True
    members: int = MEMBERS
    round_id: str = "round-1"
    period: str = "2020"
    minimum: int = 5
    deadline: int = DEADLINE
    title: str = "A cohort for tests"
    held: Trustees = field(init=False)
    roster: Roster = field(init=False)
    plan: Plan = field(init=False)
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        self.held = trustees(self.small)
        keys = [member_key(i).public for i in range(1, self.members + 1)]
        self.roster = Roster.of(Member(key, key.fingerprint) for key in keys)
        self.plan = self.make_plan()
        self.layout = Layout(self.plan, self.held.ceremony.key.public.bits)

    def make_plan(self) -> Plan:
        """Two band-level measures, one for the cohort, one ranked indicator with eight bins."""
        edges = tuple(Fraction(x) for x in (12, 15, 18, 21, 25, 30, 38))
        return Plan(
            round_id=self.round_id,
            cohort="cohort-1",
            title=self.title,
            period=self.period,
            definitions=(("scope", "electricity and fuels"),),
            measures=(
                Measure("output", "yuan", 1_000_000, 1),
                Measure("emissions", "kgCO2", 1_000_000, 1),
                Measure("electricity", "kWh", 1_000_000, level=Level.COHORT),
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
                    edges,
                ),
            ),
            policy=Policy(self.minimum, 10),
            roster_hash=self.roster.hash,
            participants=self.members,
            key_id=self.held.ceremony.key_id,
            opens_at=NOW - 10,
            deadline=self.deadline,
        )

    @property
    def record(self) -> Description:
        """The round as the operator creates it."""
        return Description(
            COORDINATOR.sign("plan", self.plan.to_bytes()),
            self.roster.to_bytes(),
            self.held.ceremony.received,
            tuple(self.held.countersignatures),
        )

    @property
    def read_ceremony(self) -> Callable[[bytes], Ceremony]:
        """How boards of this scene read a ceremony record."""
        return partial(Ceremony.from_signed, unsafe_small_modulus=self.small)

    def contribution(self, number: int, signer: SigningKey | None = None) -> bytes:
        """The signed contribution of a member."""
        encryptor = encryptor_for(self.held.ceremony.key.public)
        key = member_key(number) if signer is None else signer
        return build(self.plan, self.layout, values(number), key, encryptor)

    def board(self, path: Path, clock: Callable[[], int] = lambda: NOW) -> Board:
        """A board over the store in ``path``, with this round in it."""
        board = Board(Store.at(path), COORDINATOR, clock=clock, read_ceremony=self.read_ceremony)
        board.create_round(self.record)
        return board

    def terms(self) -> Terms:
        """The terms as a trustee checked them."""
        return agree(
            self.round_id, self.record, self.held.ceremony, COORDINATOR.public, TrusteeLimits()
        )

    def holder(self, index: int, *, lying: bool = False) -> Holder:
        """Trustee ``index`` in person; a lying one makes its shares with another secret."""
        held = self.held
        share = held.shares[index - 1]
        if lying:
            share = KeyShare(index, int(share.secret()) + 2)
        return Holder(
            held.ceremony.trustees[index - 1],
            held.signing[index - 1],
            held.sealing[index - 1],
            share,
        )


@dataclass
class Direct:
    """A board as the service sees it, without a socket between."""

    board: Board

    def rounds(self) -> list[Listed]:
        return [Listed(r.round_id, r.state, r.entries) for r in self.board.rounds()]

    def describe(self, round_id: str) -> Description:
        record, _ = self.board.describe(round_id)
        return record

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        return self.board.read(round_id, from_index)

    def post(self, round_id: str, statement: bytes) -> None:
        self.board.post(round_id, statement)

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        self.board.send_sealed(round_id, phase, sender, recipient, envelope)

    def sealed(self, round_id: str, recipient: int, phase: str) -> Mapping[int, bytes]:
        return dict(self.board.sealed(round_id, recipient, phase))


def new_ledger(path: Path) -> Ledger:
    """A ledger in ``path``, created if it is not there."""
    if not path.exists():
        Ledger.create(path)
    return Ledger(path, clock=lambda: NOW)


def new_duties(scene: Scene, index: int, folder: Path, *, lying: bool = False) -> Duties:
    """A trustee's duties in the scene's round, with its ledger in ``folder``."""
    ledger = new_ledger(folder / f"ledger-{index}.jsonl")
    return Duties(scene.terms(), scene.holder(index, lying=lying), ledger)
