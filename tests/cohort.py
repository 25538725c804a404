"""A small cohort for tests: plan, members, trustees, and a board with the round in it.

The pure tests use the 512-bit key, the tests over sockets the 2048-bit one. What a trustee does in
this round is added by :mod:`tests.trustee.scene`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from coordinator.board import Board
from coordinator.database import sqlite_url
from coordinator.store import Store
from protocols.ceremony import Ceremony
from protocols.contribution import build
from protocols.federated.keys import make_round_key
from protocols.federated.masked import mask, read_masking
from protocols.federated.masks import RoundKey
from protocols.federated.terms import Aggregation
from protocols.layout import Layout
from protocols.notices import roster_vote
from protocols.paillier import encryptor_for
from protocols.plan import (
    Direction,
    Indicator,
    Level,
    Measure,
    Plan,
    Policy,
    Ranking,
    Unrelated,
)
from protocols.roster import Member, Roster
from protocols.signing import SigningKey
from protocols.terms import Description
from tests.keys import Trustees, signing_key, trustees

COORDINATOR = signing_key(1, "coordinator")
NOW = 1_700_000_000
DEADLINE = NOW + 1000
MASKING_SECONDS = 1000
"""Between the deadline and the end of the time for masking."""
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
    certified: bool = False
    """Whether values are masked for the certificate, instead of encrypted."""
    numbers: tuple[int, ...] = ()
    """Whose keys are on the roster; by default the first ``members``."""
    held: Trustees = field(init=False)
    roster: Roster = field(init=False)
    plan: Plan = field(init=False)
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        # Spelled as elsewhere, so that one ceremony is shared.
        first = self.period == "2020"
        self.held = trustees(self.small) if first else trustees(self.small, self.period)
        self.numbers = self.numbers or tuple(range(1, self.members + 1))
        self.members = len(self.numbers)
        keys = [member_key(i).public for i in self.numbers]
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
            unrelated=(Unrelated(("emissions", "electricity"), "invented numbers"),),
            aggregation=(
                Aggregation.certified(self.members, self.deadline + MASKING_SECONDS)
                if self.certified
                else None
            ),
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

    def contribution(
        self, number: int, signer: SigningKey | None = None, *, version: int = 1
    ) -> bytes:
        """The signed contribution of a member."""
        encryptor = encryptor_for(self.held.ceremony.key.public)
        key = member_key(number) if signer is None else signer
        return build(
            self.plan,
            self.layout,
            values(number),
            key,
            encryptor,
            version=version,
            round_key=self.round_key(number, key, version) if self.certified else b"",
        )

    def secret_key(self, number: int, version: int = 1) -> RoundKey:
        """What a member masks with in a certified round."""
        return RoundKey(f"mask {number} {version}".encode().ljust(32, b"."))

    def round_key(self, number: int, signer: SigningKey, version: int = 1) -> bytes:
        """The signed round key in a member's contribution."""
        public = self.secret_key(number, version).public
        return make_round_key(self.plan.hash, public, b"", signer)

    def masked(self, board: Board, number: int, *, version: int = 1) -> bytes:
        """The signed masked vector of a member that asks the board what to mask for."""
        key = member_key(number)
        reply = board.masking(self.round_id, key.public)
        own = self.round_key(number, key, version)
        terms = read_masking(reply, self.plan, self.held.ceremony, key.public, own)
        return mask(terms, values(number), self.secret_key(number, version), key)

    def board(
        self,
        place: Path | str,
        clock: Callable[[], int] = lambda: NOW,
        *,
        opened: bool = True,
        **settings: Any,
    ) -> Board:
        """A board with this round in it, over the SQLite file or the database URL ``place``.

        :param opened: have enough trustees countersign the roster, so that it takes contributions.
        """
        url = place if isinstance(place, str) else sqlite_url(place)
        board = Board(
            Store.create(url),
            COORDINATOR,
            clock=clock,
            read_ceremony=self.read_ceremony,
            **settings,
        )
        board.create_round(self.record)
        if opened:
            self.countersign(board)
        return board

    def countersign(self, board: Board, trustees: int = 3) -> None:
        """The first trustees vote for the roster, where that is still due."""
        _, state, _, _ = board.describe(self.round_id)
        if state in ("proposed", "open"):
            for key in self.held.signing[:trustees]:
                vote = roster_vote(self.plan, self.roster, key)
                board.post(self.round_id, vote, key.public)

    def submit(self, board: Board, number: int, *, version: int = 1) -> bytes:
        """Have a member contribute; the receipt."""
        data = self.contribution(number, version=version)
        return board.submit(self.round_id, data, member_key(number).public)
