"""The atoms that a closing declares, and what a trustee asks of the declaration.

:mod:`protocols.differencing` says what the atoms are for. The coordinator declares what its own
store of closed rounds demands (:func:`declare`); every trustee holds the declaration against its
own ledger before it signs (:func:`check_declared`). Places are those of the inclusion list.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from protocols.differencing import Atom, Decision
from protocols.errors import PolicyRefusal, TranscriptBroken
from protocols.plan_terms import Policy
from protocols.wire import messages_pb2 as pb


@dataclass(frozen=True)
class Declared:
    """The atoms that a closing declares.

    :ivar atoms: a partition of the counted contributions, in the order of their first members;
        empty where nothing is cut.
    :ivar fresh: which of the atoms no release of an overlapping period held, by place.
    """

    atoms: tuple[Atom, ...] = ()
    fresh: frozenset[int] = frozenset()
    totals_only: bool = False

    def partition(self, count: int) -> tuple[Atom, ...]:
        """The atoms of ``count`` contributions, also where none were cut."""
        return self.atoms or (tuple(range(count)),)


NOTHING_DECLARED = Declared()


def declare(decision: Decision) -> Declared:
    """What a closing says of a decision: no atoms where the whole cohort is one."""
    if len(decision.atoms) < 2:
        return Declared(totals_only=decision.totals_only)
    new = (n for n, atom in enumerate(decision.atoms) if decision.fresh.issuperset(atom))
    fresh = frozenset(new) if decision.needs_fresh else frozenset()
    return Declared(decision.atoms, fresh, decision.totals_only)


def check_declared(
    declared: Declared, decision: Decision, items: Sequence[Hashable], policy: Policy
) -> None:
    """What a trustee asks of a closing before it signs: it says what its own ledger demands.

    No finer atoms either: of each the size classes are opened and held against the policy, so that
    a coordinator could ask for those of any k enterprises of its choice. Totals only is always
    accepted. Where the ledgers of trustees differ, no declaration may suit q of them; then the
    round is not closed.

    :param decision: :func:`decide`'s, on the trustee's own ledger.
    :param items: the counted ones, in the order that both count them.
    :raises PolicyRefusal: with every reason against it, and what would mend it.
    """
    reasons = [refusal.text for refusal in decision.refused]
    if not reasons:
        reasons = _undeclared(declared, decision, items, policy)
    if reasons:
        raise PolicyRefusal("; ".join(reasons))


def atom_messages(declared: Declared) -> list[pb.Atom]:
    """The atoms as they stand in statements."""
    return [
        pb.Atom(members=atom, fresh=place in declared.fresh)
        for place, atom in enumerate(declared.atoms)
    ]


def read_atoms(atoms: Iterable[pb.Atom], *, totals_only: bool) -> Declared:
    """What a statement declares, whatever that is; :func:`check_partition` looks at it."""
    held = list(atoms)
    fresh = frozenset(place for place, atom in enumerate(held) if atom.fresh)
    return Declared(tuple(tuple(atom.members) for atom in held), fresh, totals_only)


def check_partition(declared: Declared, count: int) -> None:
    """Refuse everything but the one way of writing a partition of ``count`` places.

    :raises TranscriptBroken: it is something else.
    """
    atoms = declared.atoms
    if not atoms:
        return
    parted = sorted(index for atom in atoms for index in atom) == list(range(count))
    in_order = list(atoms) == sorted(tuple(sorted(atom)) for atom in atoms)
    if not (parted and in_order and all(atoms) and len(atoms) >= 2):
        raise TranscriptBroken("the declared atoms do not part the inclusion list in order")


def _undeclared(
    declared: Declared, decision: Decision, items: Sequence[Hashable], policy: Policy
) -> list[str]:
    parts = declared.partition(len(items))
    reasons = []
    if sorted(index for atom in parts for index in atom) != list(range(len(items))):
        return ["the declared atoms are no partition of what is counted; declare each member once"]
    minimum = policy.minimum_cohort
    if any(len({items[index] for index in atom}) < minimum for atom in parts):
        reasons.append(f"a declared atom has fewer than {minimum} enterprises")
    owner = {index: place for place, atom in enumerate(decision.atoms) for index in atom}
    cut = [{owner[index] for index in atom} for atom in parts]
    if any(len(held) > 1 for held in cut):
        reasons.append(
            f"what was opened before, last in round {decision.cut_by}, cuts it into "
            f"{len(decision.atoms)} atoms, and the closing does not declare them; the coordinator "
            "has to propose it with these atoms, from the rounds that it closed before"
        )
    elif len(parts) > len(decision.atoms):
        reasons.append(
            "the closing declares finer atoms than what this trustee saw opened before cuts it "
            "into, and their size classes would be seen for nothing; the coordinator has to "
            "propose it with the atoms of the rounds that were closed"
        )
    if decision.totals_only and not declared.totals_only:
        reasons.append(f"it has to publish totals only: {decision.totals_reason}")
    if decision.needs_fresh and not (
        declared.fresh and all(decision.fresh.issuperset(parts[place]) for place in declared.fresh)
    ):
        reasons.append("it declares no atom of enterprises whose data of the period is new")
    return reasons
