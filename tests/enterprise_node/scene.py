"""A node of Region A, its exchange folder, and a coordinator of a few lines that it talks to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

from enterprise_node.exchange import Exchange
from enterprise_node.gateway.client import Admission, Summary
from enterprise_node.gateway.errors import (
    CoordinatorRefused,
    CoordinatorUnreachable,
    NotAdmitted,
)
from enterprise_node.gateway.relay import Relay
from enterprise_node.private.events import Event
from enterprise_node.private.intake import OwnMeasures, read_own
from enterprise_node.private.policy import ANY, Approver, NodePolicy, TrusteeRules
from enterprise_node.private.rounds import Offer
from enterprise_node.private.settings import Settings
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.store import NodeStore
from protocols.bins import log_edges
from protocols.closing import inclusion_tree
from protocols.contribution import KIND
from protocols.errors import ProtocolError
from protocols.notices import roster_vote
from protocols.passes import read_pass
from protocols.places import place_of
from protocols.plan import (
    Direction,
    Indicator,
    Level,
    Measure,
    Part,
    Plan,
    Policy,
    Ranking,
    Relation,
)
from protocols.roster import Member, Roster
from protocols.signing import SigningKey, VerifyKey, open_signed, statement_hash
from protocols.terms import Description, MemberDescription
from protocols.transcript import Transcript, sign_receipt
from protocols.wire import messages_pb2
from protocols.wire import service_pb2 as pb
from tests import keys

REGION_A = Path(__file__).resolve().parents[2] / "examples" / "region_a"
RECORDS = REGION_A / "region_a.csv"
MAPPING = REGION_A / "mapping.toml"
ROUND = "region-a-2020"
GROUP = "Group A01"
COORDINATOR = keys.signing_key(0, "coordinator")


@cache
def own_of(enterprise: str = "A01") -> OwnMeasures:
    """An enterprise's own measures; nobody changes them."""
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
        relations=(
            Relation("emissions", (Part("electricity", Fraction("0.7034")),), "other_emissions"),
        ),
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


def roster_with(*members: VerifyKey) -> Roster:
    """A roster of these keys and five others."""
    others = [keys.signing_key(number).public for number in range(1, 6)]
    return Roster.of(Member(key, f"group {key.fingerprint}") for key in (*members, *others))


def pinned() -> tuple[VerifyKey, ...]:
    """The signing keys of the test ceremony's trustees."""
    return tuple(key.public for key in keys.trustees().signing)


def policy_for(coordinator: SigningKey = COORDINATOR, **changes: object) -> NodePolicy:
    """A policy that answers the test coordinator's plans by itself."""
    policy = NodePolicy(
        coordinator_key=coordinator.public,
        approval=Approver.AUTOMATIC,
        cohorts=("region-a",),
        indicators=("cef",),
        measures=(ANY,),
        trustees=TrusteeRules(keys=pinned(), minimum_quorum=3),
    )
    return policy.model_copy(update=changes)


def settings_for(enterprise: str) -> Settings:
    """Settings of a node that its coordinator registered."""
    return Settings(enterprise, enterprise, GROUP)


def make_node(folder: Path, enterprise: str = "A01", **changes: object) -> NodeStore:
    """A node's folder with one enterprise's records imported."""
    store = NodeStore.create(folder, settings_for(enterprise), policy_for(**changes))  # type: ignore[arg-type]
    store.save_import(own_of(enterprise), RECORDS.read_bytes(), MAPPING.read_bytes())
    return store


@dataclass
class Desk:
    """A coordinator with one round, as a gateway's client sees it. Has no rule but the passes."""

    round_id: str
    description: Description
    votes: tuple[bytes, ...]
    members: set[VerifyKey]
    state: str = "open"
    notices: list[bytes] = field(default_factory=list)
    admitted: bool = True
    down: bool = False
    refusing: str = ""
    log: Transcript = field(default_factory=lambda: Transcript(ROUND))
    submitted: list[bytes] = field(default_factory=list)
    masks: bytes = b""
    """What members mask for; empty while nothing is to be masked."""
    masked: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    admission: Admission = field(default_factory=lambda: Admission("waiting", b"", ""))
    enrolments: list[bytes] = field(default_factory=list)
    address: str = "desk.example:7443"
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self.log = Transcript(self.round_id)
        self.log.append("plan", self.description.plan)
        for vote in self.votes:
            self.log.append("roster", vote)

    def enrol(self, statement: bytes) -> Admission:
        self._up("enrol")
        self.enrolments.append(statement)
        return self.admission

    def rounds(self, bearer: bytes) -> list[Summary]:
        signer = self._admit("rounds", bearer)
        member = signer in self.members
        masking = member and bool(self.masks) and not self.masked
        return [Summary(self.round_id, self.state, len(self.log.entries), member, masking)]

    def describe(self, bearer: bytes, round_id: str) -> pb.RoundDescription:
        signer = self._admit("describe", bearer)
        told = self.description
        return pb.RoundDescription(
            plan=told.plan,
            place=place_of(Roster.from_bytes(told.roster), signer).to_message(),
            ceremony=told.ceremony,
            ceremony_countersignatures=list(told.countersignatures),
            state=self.state,
            roster_votes=list(self.votes),
            notices=self.notices,
        )

    def submit(self, bearer: bytes, round_id: str, contribution: bytes) -> bytes:
        self._admit("submit", bearer)
        if self.refusing:
            raise CoordinatorRefused(self.refusing, "ContributionRefused")
        open_signed(contribution, KIND)
        if contribution not in self.submitted:
            self.submitted.append(contribution)
            self.log.append("contribution", contribution)
        entry = next(e for e in self.log.entries if e.payload == contribution)
        return sign_receipt(COORDINATOR, self.round_id, entry)

    def outcome(self, bearer: bytes, round_id: str, index: int | None) -> bytes:
        self._admit("outcome", bearer)
        return outcome_of(self.log, index).SerializeToString(deterministic=True)

    def masking(self, bearer: bytes, round_id: str) -> bytes:
        self._admit("masking", bearer)
        return self.masks

    def submit_masked(self, bearer: bytes, round_id: str, masked: bytes) -> bytes:
        self._admit("submit_masked", bearer)
        if self.refusing:
            raise CoordinatorRefused(self.refusing, "PolicyRefusal")
        if masked not in self.masked:
            self.masked.append(masked)
        return b"receipt"

    def _up(self, call: str) -> None:
        self.asked.append(call)
        if self.down:
            raise CoordinatorUnreachable("nobody answers")

    def _admit(self, call: str, bearer: bytes) -> VerifyKey:
        self._up(call)
        try:
            signer = read_pass(bearer, COORDINATOR.public, now=int(self.clock()))
        except ProtocolError as error:
            raise NotAdmitted(str(error)) from error
        if not self.admitted:
            raise NotAdmitted("this key is not enrolled")
        return signer


@dataclass
class Scene:
    """A node, what it shares with its gateway, and the coordinator behind that."""

    store: NodeStore
    exchange: Exchange
    plan: Plan
    roster: Roster
    desk: Desk
    clock: Callable[[], float] = time.time

    def step(self) -> list[Event]:
        """One step of the private side, in a process of its own as it were."""
        with PrivateSide(NodeStore(self.store.folder), self.exchange, self.clock) as side:
            return side.step()

    def relay(self) -> Relay:
        """The gateway, started anew."""
        return Relay(self.exchange, self.desk)  # type: ignore[arg-type]

    def turn(self, times: int = 1) -> list[Event]:
        """Private side, gateway, private side; what the private side had to say."""
        happened = self.step()
        for _ in range(times):
            self.relay().step()
            happened += self.step()
        return happened

    def offer(self, **changes: object) -> Offer:
        """The round as the gateway brings it."""
        told = describe_to(self.store.key().public, self.desk.description)
        offer = Offer(told, "open", self.desk.votes, tuple(self.desk.notices))
        return replace(offer, **changes)  # type: ignore[arg-type]


def describe(
    plan: Plan,
    roster: Roster,
    held: keys.Trustees | None = None,
    coordinator: SigningKey = COORDINATOR,
) -> Description:
    """What a coordinator says about a round, under the test ceremony or another."""
    held = held or keys.trustees()
    return Description(
        coordinator.sign("plan", plan.to_bytes()),
        roster.to_bytes(),
        held.ceremony.received,
        tuple(held.countersignatures),
    )


def describe_to(key: VerifyKey, told: Description) -> MemberDescription:
    """The same, as the member with ``key`` gets it."""
    place = place_of(Roster.from_bytes(told.roster), key).to_bytes()
    return MemberDescription(told.plan, place, told.ceremony, told.countersignatures)


def outcome_of(log: Transcript, index: int | None = None) -> pb.OutcomeReply:
    """What a coordinator says about the end of a round, to the member behind an entry.

    It counts every contribution that the trustees' first closing vote is over.
    """
    reply = pb.OutcomeReply(
        release=next(log.of_kind("release"), b""),
        endorsements=list(log.of_kind("endorsement")),
        closings=list(log.of_kind("closing")),
    )
    contributions = [entry for entry in log.entries if entry.kind == "contribution"]
    found = [e for e in contributions if e.index == index] if index else contributions[-1:]
    for entry in found:
        digest = statement_hash(entry.payload)
        reply.contribution.index = entry.index
        reply.contribution.payload_hash = digest
        reply.contribution.entry_hash = entry.hash
        included = sorted(map(statement_hash, log.of_kind("contribution")))
        place = included.index(digest)
        reply.counted.place = place
        reply.counted.proof.extend(inclusion_tree(included).prove([place]))
    return reply


def make_scene(folder: Path, enterprise: str = "A01", **changes: object) -> Scene:
    """A node that heard of nothing yet, and a coordinator with a round for it.

    :param changes: of the plan; ``policy_...`` of the node's policy.
    """
    of_policy = {
        name.removeprefix("policy_"): changes.pop(name)
        for name in list(changes)
        if name.startswith("policy_")
    }
    store = make_node(folder / "node", enterprise, **of_policy)
    roster = roster_with(store.key().public)
    plan = plan_for(roster, store.own(), **changes)
    votes = tuple(roster_vote(plan, roster, key) for key in keys.trustees().signing[:3])
    desk = Desk(plan.round_id, describe(plan, roster), votes, {store.key().public})
    return Scene(store, store.exchange(), plan, roster, desk)


def version_of(contribution: bytes) -> int:
    """The version that a signed contribution names."""
    payload = open_signed(contribution, KIND).payload
    return int(messages_pb2.Contribution.FromString(payload).version)
