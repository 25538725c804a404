"""The release ledger's rule: whether one more release may be opened beside all earlier ones.

Run by each trustee on its own ledger before it signs a closing statement, and by the coordinator on
its store before it proposes one; pure and deterministic. SPEC.md section 3.

**Atoms.** The sets whose totals were ever opened cut the items into the *atoms* of their Venn
diagram: two items are in one atom if no opened set holds only one of them. Every linear combination
of opened totals has one coefficient for all items of an atom, so nothing finer than an atom can be
isolated, and whoever learns the total of every atom knows everything that the totals can tell. A
release is allowed only if every atom is empty, or has at least k items and passes the whole policy
on size classes that are opened for that atom alone.

An item is an enterprise's data of a period. What makes enterprises the same is
:mod:`protocols.items`' business, how periods lie to each other :mod:`protocols.periods`'. Releases
of *overlapping* periods hold the same data. In *consecutive* ones the data is other, but a large
enterprise that left is found in the difference of two years all the same, so they count as the same
for who is a member. Periods a year or more apart are not compared.

**The rules**, against every earlier release of an overlapping or consecutive period that shares an
enterprise with the proposed one:

* *departure*: it is contained in the proposed one. Of enterprises that are not in the round no size
  class can be opened, so that their atom can never be shown to be safe, however large it is;
* *small-atom*: no atom of the proposed release has 1 to k - 1 enterprises. The classes of all of
  them are opened and have to pass: :attr:`Decision.atoms`. Cut along the atoms that earlier
  releases declared, none has 1 to k - 1 either: trustees have seen the classes of those;
* *period*: an overlapping period is the same period. The totals of a year and of its quarters are
  of other data, and yet add up to each other, so corrections could hide between them;
* *nothing-new* (overlapping periods): the release has a *fresh* atom, of enterprises whose data of
  the period no release held before. Without one, its totals would be sums of earlier ones, and what
  differs would be the corrections of single enterprises;
* *identity*: enterprises that counted as several do not count as one now, or the reverse, and
  whoever is known again is so by key or id. Groups make enterprises one, which asks for more of
  them; that a firm's group was there before shows nothing of the firm;
* *totals only*: who is in which band is secret, so bands cannot be intersected with earlier sets.
  Where a release of an overlapping period shares enterprises, or one of a consecutive period has
  other members, the later one publishes the totals of the cohort and no bands. Cells with known
  members are given up in the first case only, since each would need a fresh atom of its own; else
  they cut atoms like any other set. A table's cells have members that are not known for certain,
  and some of them are withheld: where a consecutive period shares enterprises and published bands
  or cells, a table keeps to its total; and so do bands after a table. Otherwise what was withheld
  beside an unsafe cell in one year could be published in the next, and be subtracted.

**Why declared atoms suffice though every trustee has a ledger of its own.** The coordinator
declares the atoms; the closing statement carries them, and all of its signers check that they
are what their own ledgers demand (:mod:`protocols.atoms`). Any two quorums share an honest
trustee. For two releases that share enterprises it signed one after the other: the later contains
the earlier, and its declared atoms cut along it. This holds for every earlier release inside a
later one at once, since all look at the same declaration, so the atoms of all of them together are
unions of declared ones, each of at least k and safe; no trustee has to have seen them all. The same
goes for the declared fresh atom, which the shared trustees found disjoint from each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from protocols.periods import Relation, relation
from protocols.plan_terms import Policy

Items = Collection[Hashable]
Atom = tuple[int, ...]
"""Indexes of items, ascending."""


@dataclass(frozen=True)
class Opened:
    """One release as a ledger knows it: the sets of items whose totals are public.

    :ivar items: the whole cohort; of a set the sorted order counts where indexes are meant. An item
        that repeats stands for enterprises that are the same by now.
    :ivar cells: further sets with known members, such as the cells of a table; they may nest.
    :ivar banded: totals of a partition were published, or are to be, whose members are secret.
    :ivar tabled: the same, by cells of a table; which cell a member is in is its own to know.
    :ivar names: of each item in turn, what is the same only if key or id are; the items
        themselves where nothing else is known.
    :ivar classed: sets whose size classes trustees have seen, such as the atoms it declared.
    """

    round_id: str
    period: str
    items: Items
    cells: tuple[Items, ...] = ()
    banded: bool = True
    names: Sequence[Hashable] = ()
    classed: tuple[Items, ...] = ()
    tabled: bool = False

    @property
    def order(self) -> tuple[Hashable, ...]:
        """The items in the order in which :class:`Decision` counts them."""
        if isinstance(self.items, set | frozenset):
            return tuple(sorted(self.items))
        return tuple(self.items)


@dataclass(frozen=True)
class Refused:
    """A rule that a release breaks, against which earlier round, in words for the authority.

    The words say how many, and never who.
    """

    rule: str
    round_id: str
    text: str


@dataclass(frozen=True)
class Decision:
    """What the earlier releases demand of a proposed one.

    :ivar refused: why it must not be opened; empty if it may, under the conditions below.
    :ivar atoms: a partition of the proposed items, by index; every part has to pass the policy.
    :ivar fresh: indexes of the items that no release of an overlapping period held.
    :ivar needs_fresh: a release of an overlapping period shares items.
    :ivar totals_only: no bands and no cells, for the reason in ``totals_reason``.
    :ivar cut_by: the last round that cuts the proposed items; empty if none does.
    """

    refused: tuple[Refused, ...]
    atoms: tuple[Atom, ...]
    fresh: frozenset[int]
    needs_fresh: bool
    totals_only: bool
    totals_reason: str = ""
    cut_by: str = ""

    @property
    def allowed(self) -> bool:
        """Whether no rule on membership forbids it."""
        return not self.refused


def decide(earlier: Sequence[Opened], proposed: Opened, policy: Policy) -> Decision:
    """Hold a proposed release against everything that was opened before.

    :param earlier: every closing that was signed, whatever became of it; in any order.
    :param policy: the proposed plan's; its ``minimum_cohort`` is k.
    """
    order = proposed.order
    places: dict[Hashable, list[int]] = {}
    for index, item in enumerate(order):
        places.setdefault(item, []).append(index)
    labels = _Labels(places)
    compared = _Compared(places, proposed)
    classed: list[Items] = []
    for release in earlier:
        how = relation(release.period, proposed.period)
        if how is not Relation.APART and compared.take(release, proposed.period, how):
            labels.refine(release.items)
            for cell in release.cells:
                labels.refine(cell)
            classed += release.classed
    reason = compared.totals_reason(proposed)
    if not reason:
        for cell in proposed.cells:
            labels.refine(cell)
    atoms = labels.atoms()
    fresh = frozenset(
        index for item, held in places.items() if item not in compared.stale for index in held
    )
    refused = [*compared.refused, *_check_sizes(atoms, order, policy, compared.last)]
    if not refused and classed:
        for seen in classed:
            labels.refine(seen)
        refused += _check_seen(labels.atoms(), order, policy)
    if compared.overlapping and len({order[i] for i in fresh}) < policy.minimum_cohort:
        # What a small atom asks for, "at least k more, or none", would be refused here with none.
        refused = [r for r in refused if r.rule != "small-atom" or not r.round_id]
        refused.append(_nothing_new(proposed, compared.overlapping, policy))
    return Decision(
        tuple(refused),
        atoms,
        fresh,
        bool(compared.overlapping),
        bool(reason),
        reason,
        compared.last,
    )


class _Labels:
    """Partition refinement: items with one label are in one atom. Linear in what it is given."""

    def __init__(self, places: Mapping[Hashable, list[int]]) -> None:
        self._places = places
        self._label: dict[Hashable, int] = dict.fromkeys(places, 0)
        self._sizes = [len(places)]

    def refine(self, items: Items) -> None:
        """Part every atom into what is in ``items`` and what is not."""
        if len(self._sizes) == len(self._label):
            return  # every item is alone by now
        label, sizes = self._label, self._sizes
        own = label.keys() & items
        # Counting is several times faster than renaming, and mostly shows that nothing is cut.
        inside = Counter(map(label.__getitem__, own))
        parted = [old for old, count in inside.items() if count < sizes[old]]
        cut = {old: len(sizes) + number for number, old in enumerate(parted)}
        if not cut:
            return
        for old in parted:
            sizes[old] -= inside[old]
            sizes.append(inside[old])
        for item in own:
            label[item] = cut.get(label[item], label[item])

    def atoms(self) -> tuple[Atom, ...]:
        """The atoms by index, in the order of their first members."""
        groups: dict[int, list[int]] = {}
        for item, label in self._label.items():
            groups.setdefault(label, []).extend(self._places[item])
        return tuple(sorted(tuple(sorted(group)) for group in groups.values()))


class _Compared:
    """What the comparison with single earlier releases comes to."""

    def __init__(self, places: Mapping[Hashable, list[int]], proposed: Opened) -> None:
        self._places = places
        self._single = all(len(held) == 1 for held in places.values())
        self._here = Counter(_named(proposed))
        self._names = frozenset(proposed.names or proposed.items)
        self.refused: list[Refused] = []
        self.stale: set[Hashable] = set()
        """Items that a release of an overlapping period held."""
        self.overlapping: str = ""
        """A round of an overlapping period that shares items."""
        self.last: str = ""
        """The last round that cuts the proposed items."""
        self._changed: str = ""
        self._parted: str = ""
        """A round that shares items and may have published bands or cells."""
        self._tabled: str = ""
        """One that may have published cells."""

    def take(self, release: Opened, period: str, how: Relation) -> bool:
        """Compare one with a release of ``period``; whether it shares items."""
        places = self._places
        shared = sum(map(places.__contains__, release.items))
        if not shared:
            return False
        missing = len(release.items) - shared
        if missing:
            self.refused.append(_departure(release, missing))
        if changed := self._changed_identities(release):
            self.refused.append(_identity(release, changed))
        if how is Relation.OVERLAPPING:
            if release.period != period:
                self.refused.append(_other_period(release, period))
            self.stale.update(release.items)
            self.overlapping = release.round_id
        if missing or shared < len(places) or release.cells:
            self.last = release.round_id
        if missing or shared < len(places):
            self._changed = release.round_id
        if release.banded or release.tabled:
            self._parted = release.round_id
        if release.tabled:
            self._tabled = release.round_id
        return True

    def totals_reason(self, proposed: Opened) -> str:
        """Why the proposed release publishes no partition; empty if it may."""
        if self.overlapping and (proposed.banded or proposed.cells):
            return (
                f"{called(self.overlapping)} opened data of the same enterprises for an "
                "overlapping period, and parts of both could be subtracted from each other"
            )
        if self._changed and proposed.banded:
            return (
                f"{called(self._changed)} of a consecutive period had fewer members, and its bands "
                "could be subtracted from bands with the others in them"
            )
        before = self._parted if proposed.tabled else self._tabled
        if before and (proposed.tabled or proposed.banded):
            return (
                f"{called(before)} of a consecutive period published bands or cells of the same "
                "enterprises, and what it withheld could be found by subtracting cells; a table is "
                "published beside totals only, a year or more from the last bands or cells"
            )
        return ""

    def _changed_identities(self, release: Opened) -> int:
        """How many items stand for other enterprises there than here, or for more or fewer."""
        names = release.names or release.items
        distinct = names if isinstance(names, set | frozenset) else set(names)
        if (
            self._single
            and len(distinct) == len(release.items)
            and self._names.issuperset(distinct)
        ):
            return 0
        there, items = Counter(_named(release)), set(release.items)
        changed = {item for item, name in there if there[item, name] != self._here[item, name]}
        lacking = {item for item, name in self._here if not there[item, name]}
        return len((changed & self._places.keys()) | (lacking & items))


def _named(release: Opened) -> Iterator[tuple[Hashable, Hashable]]:
    """Each item with its name."""
    return zip(release.items, release.names or release.items, strict=True)


def _check_sizes(
    atoms: Sequence[Atom], order: Sequence[Hashable], policy: Policy, last: str
) -> list[Refused]:
    minimum = policy.minimum_cohort
    if len(set(order)) < minimum:
        text = f"it has fewer than {minimum} enterprises; more of them have to take part"
        return [Refused("minimum-cohort", "", text)]
    groups = _small_groups(atoms, order, minimum)
    if not groups:
        return []
    text = f"its own cells leave {groups}; it may be opened with coarser cells"
    if last:
        text = (
            f"subtracting what was opened before, last in {called(last)}, would leave {groups}; it "
            f"may be opened when the enterprises that were added since number at least {minimum}, "
            "or none"
        )
    return [Refused("small-atom", last, text)]


def _check_seen(atoms: Sequence[Atom], order: Sequence[Hashable], policy: Policy) -> list[Refused]:
    """What trustees would see of sizes, beside what they have seen."""
    groups = _small_groups(atoms, order, policy.minimum_cohort)
    if not groups:
        return []
    text = (
        "the size classes that trustees would see of it, held against those of the parts of an "
        f"earlier round, would leave {groups}; it may be opened without any enterprise of that "
        "round, or for a period that begins a year or more after its end"
    )
    return [Refused("small-atom", "", text)]


def _small_groups(atoms: Sequence[Atom], order: Sequence[Hashable], minimum: int) -> str:
    """How many atoms are too small, in words; empty if none is."""
    small = sum(len({order[index] for index in atom}) < minimum for atom in atoms)
    if not small:
        return ""
    return f"{small} {'group' if small == 1 else 'groups'} of fewer than {minimum} enterprises"


def called(round_id: str) -> str:
    """A round in a sentence; one that is named "round-1" needs no other word for it."""
    return round_id if round_id.casefold().startswith("round") else f"round {round_id}"


def _departure(release: Opened, missing: int) -> Refused:
    who, them = f"{missing} enterprises that are", "them"
    if missing == 1:
        who, them = "1 enterprise that is", "it"
    return Refused(
        "departure",
        release.round_id,
        f"{called(release.round_id)} ({release.period}) was opened with {who} not counted now, and "
        f"the difference of the two would show {them}; this one may be opened with all enterprises "
        "of that round or with none, or for a period that begins a year or more after its end",
    )


def _identity(release: Opened, changed: int) -> Refused:
    who, were = ("1 enterprise", "was") if changed == 1 else (f"{changed} enterprises", "were")
    return Refused(
        "identity",
        release.round_id,
        f"{who} of {called(release.round_id)} ({release.period}) {were} joined or parted by key, "
        "id or group since, or replaced by another of the group, so that the two cannot be "
        "compared; it may be opened without any enterprise of that round, or for a period that "
        "begins a year or more after its end",
    )


def _other_period(release: Opened, period: str) -> Refused:
    return Refused(
        "period",
        release.round_id,
        f"{called(release.round_id)} opened data of the same enterprises for {release.period}, "
        f"which overlaps with {period}; it may be opened for {release.period}, for a period that "
        "does not overlap, or without these enterprises",
    )


def _nothing_new(proposed: Opened, overlapping: str, policy: Policy) -> Refused:
    minimum = policy.minimum_cohort
    return Refused(
        "nothing-new",
        overlapping,
        f"all but fewer than {minimum} of its enterprises had their data of {proposed.period} "
        f"opened before, last in {called(overlapping)}, so that the difference would show "
        f"corrections of single enterprises; it may be opened with at least {minimum} enterprises "
        "more whose data was not, or for the next period",
    )
