"""Which rounds count an enterprise, and which corrections wait: read from the store.

Works while the coordinator serves. Used by ``cefed coordinator member leave`` and ``corrections``,
``round create`` and ``round status``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from coordinator.earlier import Held, counts
from coordinator.states import FINAL, State
from coordinator.status import list_rounds, plan_of, record_of
from coordinator.store import Correction, Store
from protocols import closing, notices
from protocols.ceremony import Ceremony
from protocols.periods import Relation, follows, relation
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.signing import VerifyKey, open_signed
from protocols.terms import CeremonyReader

MOST_NAMED = 20
"""Awaited members named in a line; ``--json`` names all."""
_VOTES = (notices.REFUSAL, "closing")


@dataclass(frozen=True)
class Part:
    """An enterprise's part in a round that has one of its keys on the roster.

    ``counted``: whether the closing counts its contribution; None before the closing.
    """

    round_id: str
    period: str
    state: State
    counted: bool | None

    @property
    def contained(self) -> bool:
        """Whether published figures contain it."""
        return self.state is State.RELEASED and self.counted is True

    @property
    def under_way(self) -> bool:
        """Whether the round may still publish something with it."""
        return self.state not in FINAL and self.counted is not False


def parts_of(store: Store, keys: Collection[bytes]) -> list[Part]:
    """Every round with one of these keys on its roster, in the order of the names."""
    parts = []
    for row in list_rounds(store):
        record = record_of(store, row.round_id)
        roster = Roster.from_bytes(record.roster)
        if any(member.key.raw in keys for member in roster.members):
            plan = plan_of(record)
            counted = _counted(store, plan)
            found = None if counted is None else not counted.isdisjoint(keys)
            parts.append(Part(row.round_id, plan.period, State(row.state), found))
    return parts


@dataclass(frozen=True)
class Waiting:
    """The corrections of one round that came after its closing, until a later period's round.

    ``members``: the keys that sent one.
    """

    round_id: str
    period: str
    members: tuple[bytes, ...]


def waiting(store: Store) -> list[Waiting]:
    """The queue of corrections, by round."""
    late: dict[str, list[Correction]] = {}
    for correction in store.corrections():
        late.setdefault(correction.round_id, []).append(correction)
    if not late:
        return []
    rounds = list_rounds(store)
    plans = {row.round_id: plan_of(record_of(store, row.round_id)) for row in rounds}
    released = [plans[row.round_id] for row in rounds if State(row.state) is State.RELEASED]
    found = []
    for plan in plans.values():
        noted = late.get(plan.round_id, [])
        left = tuple(c.member for c in noted if not _taken_up(store, c, plan, released))
        if left:
            found.append(Waiting(plan.round_id, plan.period, left))
    return found


@dataclass(frozen=True)
class Awaited:
    """Members of an earlier round whose contributions this one needs: without them the difference
    of the two would show them, and it is cancelled at its deadline.

    ``members``: ids of the enterprises, ascending; the start of the key where there is no id.
    """

    round_id: str
    members: tuple[str, ...]

    @property
    def line(self) -> str:
        """For people."""
        shown = ", ".join(self.members[:MOST_NAMED])
        if len(self.members) > MOST_NAMED:
            shown = f"{shown} and {len(self.members) - MOST_NAMED} more"
        who, them = f"{len(self.members)} members", "all of them"
        have, show = "have", "them"
        if len(self.members) == 1:
            who, them, have, show = "1 member", "it", "has", "it"
        return (
            f"  {who} of {self.round_id} {have} not contributed: {shown}; without {them} this "
            f"round is cancelled at the deadline, since subtraction would show {show}"
        )


def awaited(store: Store, round_id: str, names: Mapping[bytes, str]) -> list[Awaited]:
    """For a round that collects, by earlier round; empty when nobody has to come any more.

    :param names: the enterprise's id behind each key of the registry, so that an enterprise with a
        new key since is the same.
    """

    def named(keys: Iterable[bytes]) -> frozenset[str]:
        return frozenset(names.get(key, key.hex()[:16]) for key in keys)

    row = next((row for row in list_rounds(store) if row.round_id == round_id), None)
    if row is None or State(row.state) not in (State.PROPOSED, State.OPEN):
        return []
    record, heads = record_of(store, round_id), store.heads(round_id)
    plan, roster = plan_of(record), Roster.from_bytes(record.roster)
    come = named(head.signer for head in heads if head.kind == "contribution")
    listed = named(member.key.raw for member in roster.members)
    found = []
    for other in list_rounds(store):
        earlier = plan_of(record_of(store, other.round_id))
        if relation(earlier.period, plan.period) is Relation.APART or other == row:
            continue
        keys = _counted(store, earlier) or frozenset()
        counted, small = named(keys), closing.check_cohort_size(earlier, len(keys)) is not None
        if small or listed.isdisjoint(counted):
            continue
        if missing := counted - come:
            found.append(Awaited(other.round_id, tuple(sorted(missing))))
    return found


def closed_rounds(
    store: Store, but: str, *, read_ceremony: CeremonyReader = Ceremony.from_signed
) -> Iterator[Held]:
    """Every closing that later rounds are held against, but of one round; from the store alone."""
    for row in list_rounds(store):
        record = record_of(store, row.round_id)
        plan, heads = plan_of(record), store.heads(row.round_id)
        proposal = _proposal(store, plan)
        if proposal is None or row.round_id == but:
            continue
        voted = {kind: {h.signer for h in heads if h.kind == kind} for kind in _VOTES}
        refused = len(voted[notices.REFUSAL] - voted["closing"])
        quorum = read_ceremony(record.ceremony).closing_quorum
        if counts(plan, len(proposal.included), refused, quorum):
            signers = {head.payload_hash: head.signer for head in heads}
            keys = [VerifyKey(signers[digest]) for digest in proposal.included]
            yield plan, keys, proposal.declared


def _taken_up(store: Store, correction: Correction, plan: Plan, released: Iterable[Plan]) -> bool:
    """Whether a released round of a later period, which still collected then, counts the member.

    Rounds over the same data hold what was sent the first time, however many enterprises are new:
    members' nodes see to that, and trustees withhold a cohort whose classes differ (SPEC.md
    section 3). Nor does a round of an earlier period hold anything of what was corrected.
    """
    return any(
        other.deadline > correction.time
        and follows(other.period, plan.period)
        and correction.member in (_counted(store, other) or frozenset())
        for other in released
    )


def _counted(store: Store, plan: Plan) -> frozenset[bytes] | None:
    """The keys whose contributions the closing counts; None before it."""
    proposal = _proposal(store, plan)
    if proposal is None:
        return None
    included, heads = set(proposal.included), store.heads(plan.round_id)
    return frozenset(head.signer for head in heads if head.payload_hash in included)


def _proposal(store: Store, plan: Plan) -> closing.Proposal | None:
    """What the coordinator proposed to close; None before it."""
    close = next((head for head in store.heads(plan.round_id) if head.kind == "close"), None)
    if close is None:
        return None
    payload = store.payload(plan.round_id, close.index)
    return closing.read_proposal(open_signed(payload, "close").payload, plan)
