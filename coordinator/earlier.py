"""What a round may be closed with beside the rounds that this coordinator closed before.

The coordinator runs the rule of :mod:`protocols.differencing` on its own store, so that it declares
what the trustees' ledgers will demand, and so that a round that they would refuse is not shown to
them at all. SPEC.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from coordinator.desk import Desk
from coordinator.registry import Registry
from protocols import closing
from protocols.atoms import Declared
from protocols.differencing import Decision, Opened, Refused, decide
from protocols.errors import PolicyRefusal
from protocols.items import Identities, Item, marks
from protocols.periods import Relation, relation
from protocols.plan import Plan
from protocols.privacy_loss import Told, reasons_against
from protocols.roster import Roster
from protocols.shared_measures import clash, published, words
from protocols.signing import VerifyKey
from protocols.terms import Terms

Held = tuple[Plan, list[VerifyKey], Declared]
"""Of a closing that counts: its plan, whom it counts, in order, and the atoms it declared."""

Identify = Callable[[Sequence[VerifyKey]], Sequence[Item]]
"""Who is behind keys, in their order."""

PRIVACY_LOSS, MEASURES = "privacy-loss", "measures"
LASTING = frozenset({"departure", "identity", "nothing-new", "period", PRIVACY_LOSS, MEASURES})
"""Rules that a roster breaks whoever of it contributes, unless all those of an earlier round stay
away. The others, small atoms above all, may depend on who does."""


def by_key(keys: Sequence[VerifyKey]) -> list[Item]:
    """The :data:`Identify` of a board without a registry: everybody is its key."""
    return [Item(key.raw, key.raw, key.raw) for key in keys]


def registered(registry: Registry) -> Identify:
    """The :data:`Identify` of a registry: every key that ever asked to be a member."""

    def identify(keys: Sequence[VerifyKey]) -> list[Item]:
        known = {
            row.key.raw: Item.of(row.key.raw, row.enterprise_id, row.group)
            for row in registry.members()
        }
        return [known.get(key.raw) or by_key([key])[0] for key in keys]

    return identify


def decide_closing(
    desk: Desk, included: Sequence[bytes], desks: Iterable[Desk], identify: Identify
) -> Decision:
    """What the other rounds that were closed demand of this one.

    :param included: the contributions that are counted, ascending.
    """
    plan = desk.round.terms.plan
    return _decide(plan, _counted(desk, included), _closed(desks, plan.round_id), identify)


def check_roster(terms: Terms, desks: Iterable[Desk], identify: Identify) -> None:
    """Refuse to propose a round that could not be closed whoever of its roster contributes.

    :raises PolicyRefusal: with the reasons, and what would mend it.
    """
    plan, roster = terms.plan, terms.roster
    refused = _decide(plan, _keys(roster), _closed(desks, plan.round_id), identify).refused
    reasons = [refusal.text for refusal in refused if refusal.rule in LASTING]
    if reasons:
        raise PolicyRefusal("no round can be closed with this roster: " + "; ".join(reasons))


def warnings(plan: Plan, roster: Roster, closed: Iterable[Held], identify: Identify) -> list[str]:
    """What a round that may be proposed is told at once: why it cannot be closed as it stands.

    It would be cancelled if everybody on the roster contributes, and perhaps not if some do not.
    For ``cefed coordinator round create``.

    :param closed: the closings of other rounds (:func:`coordinator.history.closed_rounds`).
    """
    refused = _decide(plan, _keys(roster), closed, identify).refused
    return [refusal.text for refusal in refused if refusal.rule not in LASTING]


def counts(plan: Plan, included: int, refused: int, quorum: int) -> bool:
    """Whether a closing opened something, or may, so that later ones are held against it.

    A trustee demands atoms for what its own ledger holds, and no others. So what q of them refused
    to close is passed over: it is in none of their ledgers, and can never be opened.

    :param included: how many it counts. :param refused: how many trustees left the round without
        signing it. :param quorum: q.
    """
    return refused < quorum and closing.check_cohort_size(plan, included) is None


def _keys(roster: Roster) -> list[VerifyKey]:
    return [member.key for member in roster.members]


def _decide(
    plan: Plan, keys: Sequence[VerifyKey], closed: Iterable[Held], identify: Identify
) -> Decision:
    held = list(closed)
    groups = [keys, *(own for _, own, _ in held)]
    # All at once: the registry is asked once, and who is the same shows across all of them.
    identities, items = Identities(), iter(identify([key for own in groups for key in own]))
    numbers = [[identities.link(marks(next(items))) for _ in own] for own in groups]
    proposed, *earlier = map(identities.roots, numbers)
    names, *named = map(identities.names, numbers)
    before = [(other, own) for (other, _, _), own in zip(held, earlier, strict=True)]
    opened = [
        Opened(
            other.round_id,
            other.period,
            own,
            names=its_names,
            banded=closing.parted(other) and not declared.totals_only,
            classed=tuple([own[place] for place in atom] for atom in declared.atoms),
            tabled=other.table is not None and not declared.totals_only,
        )
        for (other, _, declared), own, its_names in zip(held, earlier, named, strict=True)
    ]
    banded, tabled = closing.parted(plan), plan.table is not None
    decision = decide(
        opened,
        Opened(plan.round_id, plan.period, proposed, banded=banded, names=names, tabled=tabled),
        plan.policy,
    )
    reasons = reasons_against(
        [Told.of(other.round_id, other.period, own, other.noise) for other, own in before],
        Told.of(plan.round_id, plan.period, proposed, plan.noise),
    )
    refused = [Refused(PRIVACY_LOSS, "", text) for text in reasons]
    refused += _other_measures(plan, proposed, before)
    return replace(decision, refused=(*decision.refused, *refused))


def _other_measures(
    plan: Plan, items: Sequence[int], before: Iterable[tuple[Plan, Sequence[int]]]
) -> Iterable[Refused]:
    measures, members = published(plan), set(items)
    for other, own in before:
        if relation(other.period, plan.period) is Relation.APART or members.isdisjoint(own):
            continue
        pair = clash(published(other), measures)
        if pair is not None:
            yield Refused(MEASURES, other.round_id, words(other.round_id, other.period, pair))


def _closed(desks: Iterable[Desk], but: str) -> Iterator[Held]:
    """Every other closing that counts."""
    for desk in desks:
        plan, proposal = desk.round.terms.plan, desk.round.proposal
        if proposal is None or desk.round_id == but:
            continue
        refused = desk.round.refusals.keys() - desk.round.votes["closing"].keys()
        quorum = desk.round.terms.ceremony.closing_quorum
        if counts(plan, len(proposal.included), len(refused), quorum):
            yield plan, _counted(desk, proposal.included), proposal.declared


def _counted(desk: Desk, included: Sequence[bytes]) -> list[VerifyKey]:
    """Who signed these contributions, in their order."""
    signers = {item.hash: item.member for item in desk.contributions}
    return [signers[digest] for digest in included]
