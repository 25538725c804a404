"""A totals round in memory: a small plan, its members, and a transport that loses what it is told.

Keys are derived from numbers, so that a run is the same each time; the members' round secrets are
fresh unless a test gives them.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

from protocols.federated.offer import TotalsTerms, read_totals_terms
from protocols.federated.terms import Aggregation
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.member import Member
from protocols.federated.totals.stages import ANSWERED, Stage
from protocols.federated.totals.steps import invitation, read_step
from protocols.plan import Direction, Indicator, Level, Measure, Plan, Policy, Ranking
from protocols.roster import Roster
from protocols.signing import SigningKey

UNTIL = 1 << 32
MEASURES = (
    Measure("output", "yuan", bound=10**9, minimum=1, level=Level.COHORT),
    Measure("emissions", "kgCO2", bound=10**7, level=Level.COHORT),
)
COORDINATOR = SigningKey.from_seed(b"coordinator of totals rounds....")

Losses = Mapping[Stage, Collection[int]]
"""Places whose answers of a stage, and all later ones, are lost."""


@cache
def signer(number: int) -> SigningKey:
    """The enterprise key of a numbered member."""
    return SigningKey.from_seed(number.to_bytes(32, "big"))


@cache
def roster_of(members: int) -> Roster:
    return Roster.of_keys(signer(number).public for number in range(members))


@cache
def key_at(members: int, place: int) -> SigningKey:
    """The key of the member at a place of the roster."""
    by_public = {signer(number).public.raw: signer(number) for number in range(members)}
    return by_public[roster_of(members).members[place].key.raw]


@cache
def plan_of(members: int, minimum: int = 5, round_id: str = "totals-1") -> Plan:
    roster = roster_of(members)
    return Plan(
        round_id=round_id,
        cohort="steel",
        title="Totals",
        period="2025",
        definitions=(),
        measures=MEASURES,
        indicators=(
            Indicator(
                "intensity",
                "kgCO2/yuan",
                "emissions",
                "output",
                Fraction(1),
                Direction.LOWER,
                Ranking.NONE,
            ),
        ),
        policy=Policy(minimum_cohort=minimum),
        roster_hash=roster.hash,
        participants=members,
        key_id=b"",
        opens_at=1,
        deadline=UNTIL - 3600,
        aggregation=Aggregation.totals(members, UNTIL),
    )


@cache
def signed_plan(plan: Plan) -> bytes:
    return COORDINATOR.sign("plan", plan.to_bytes())


def gathering_of(plan: Plan) -> Gathering:
    return Gathering(signed_plan(plan), roster_of(plan.participants), COORDINATOR)


def values_of(place: int) -> dict[str, int]:
    """What the member at a place has, the same each time."""
    drawn = random.Random(place)
    return {"output": drawn.randint(1, 10**9), "emissions": drawn.randint(0, 10**7)}


def terms_of(step: bytes) -> TotalsTerms:
    """What a node reads from its first step."""
    return read_totals_terms(invitation(read_step(step, COORDINATOR.public)), COORDINATOR.public)


@dataclass
class Play:
    """A round that is played stage by stage; tests look at and change anything in between."""

    plan: Plan
    restart: bool = False
    gathering: Gathering = field(init=False)
    members: dict[int, Member] = field(default_factory=dict)
    steps: dict[tuple[Stage, int], bytes] = field(default_factory=dict)
    answers: dict[tuple[Stage, int], bytes] = field(default_factory=dict)
    memories: dict[tuple[Stage, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gathering = gathering_of(self.plan)

    def member(self, place: int) -> Member:
        """The member at a place, once it was invited."""
        return self.members[place]

    def answer(self, place: int, step: bytes) -> bytes:
        """A member's answer; with ``restart`` it is a new process each time."""
        stage = read_step(step, COORDINATOR.public).stage
        if place not in self.members:
            self.members[place] = self.new_member(place, step)
        self.memories[stage, place] = self.members[place].remember()
        answer = self.members[place].answer(step)
        self.steps[stage, place], self.answers[stage, place] = step, answer
        if self.restart:
            memory = self.members[place].remember()
            self.members[place] = self.new_member(place, self.steps[Stage.KEYS, place], memory)
        return answer

    def new_member(self, place: int, first: bytes, memory: bytes | None = None) -> Member:
        key = key_at(self.plan.participants, place)
        return Member(terms_of(first), key, values_of(place), memory)

    def stage(self, lost: Collection[int] = (), end: bool = True) -> None:
        """One stage, without the answers of those who are lost."""
        for place, step in self.gathering.steps().items():
            if place not in lost:
                self.gathering.receive(place, self.answer(place, step))
        if end:
            self.gathering.go_on()

    def until(self, stage: Stage, losses: Losses | None = None) -> Play:
        """All stages before this one, or up to where the round is over."""
        gone: set[int] = set()
        while self.gathering.stage in ANSWERED and self.gathering.stage is not stage:
            gone |= set((losses or {}).get(self.gathering.stage, ()))
            self.stage(gone)
        return self

    def fork(self, stage: Stage) -> Play:
        """The round as it stood when ``stage`` began, played again from what was recorded."""
        again = Play(self.plan)
        for earlier in ANSWERED[: ANSWERED.index(stage)]:
            for (when, place), answer in self.answers.items():
                if when is earlier:
                    again.gathering.receive(place, answer)
            again.gathering.go_on()
        for (when, place), memory in self.memories.items():
            if when is stage:
                first = self.steps[Stage.KEYS, place]
                again.members[place] = self.new_member(place, first, memory)
        return again

    def finish(self, losses: Losses | None = None) -> Gathering:
        """The round to its end."""
        return self.until(Stage.DONE, losses).gathering


def sums_of(places: Collection[int]) -> dict[str, int]:
    """The oracle: a plain sum."""
    return {
        measure.name: sum(values_of(place)[measure.name] for place in places)
        for measure in MEASURES
    }
