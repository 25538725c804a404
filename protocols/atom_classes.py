"""Size classes of declared atoms: what a closing that touches earlier releases adds to a round.

Trustees multiply the contributions of each declared atom (:mod:`protocols.atoms`), open its size
classes with those of the bands, sealed like these, and hold every atom against the whole policy. An
atom that fails for a band-level measure withholds the cohort, one that fails for a cohort-level
measure withholds that. A release of totals only has one band over all bins in every ranking, and of
a table the total; verifiers check that, too. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from protocols.aggregate import Aggregates, aggregate
from protocols.atoms import Declared
from protocols.bands import BinRange
from protocols.certificate import BandCertificate, Classes, Counts, RankingResult, withhold
from protocols.closing import Counted
from protocols.contribution import read
from protocols.differencing import Atom
from protocols.errors import OpeningInconsistent
from protocols.layout import Layout
from protocols.plan import Level, Plan
from protocols.policy import Histogram, check_cell, merge
from protocols.roster import Roster
from protocols.signing import statement_hash
from protocols.suppression import only_total

CORRECTED = (
    "members of an earlier round sent other data of the period than they sent then, and the "
    "difference of the totals would show what they corrected; it may be published with what they "
    "sent then"
)
"""Why a cohort is withheld whose members' classes are not those of an earlier round.

Neither this nor the next names the round or a measure: trustees whose ledgers hold different
rounds have to arrive at the same bytes."""

INCOMPARABLE = (
    "the data of the period cannot be compared with what members sent in an earlier round, since a "
    "measure has another name, unit or number of size classes now; it may be published with the "
    "measures of the earlier round as they were"
)
"""Why a cohort is withheld whose classes say nothing about an earlier round's."""

TOTALS_ONLY = (
    "only the total is published: an earlier round of the same or a consecutive period opened data "
    "of the same enterprises, and parts of both could be subtracted from each other (publishable "
    "for a period a year or more from the last of their bands or cells)"
)
"""Why cells of a table are withheld."""

SENTENCES = 2
"""Violations that a reason names at most."""


@dataclass(frozen=True)
class AtomClasses:
    """Size-class counts of one atom, by measure and guard, at both levels."""

    band: Mapping[str, Histogram]
    cohort: Mapping[str, Histogram]


@dataclass(frozen=True)
class KnownClasses:
    """The size-class counts of one measure over a cohort, as a trustee keeps them for later rounds.

    :ivar resolution: classes an octave. Two of these are of equal data only if all is equal;
        classes above the highest filled one are left out, since bounds may differ.
    """

    unit: str
    resolution: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, plan: Plan, measure: str, histogram: Histogram) -> KnownClasses:
        """Those of a measure of ``plan``."""
        filled = max((size for size, members in enumerate(histogram) if members), default=-1)
        counts = tuple(histogram[: filled + 1])
        return cls(plan.measure(measure).unit, plan.policy.classes_per_octave, counts)


def known_classes(plan: Plan, classes: Classes) -> dict[str, KnownClasses]:
    """What a trustee keeps of a cohort that it certified: the classes of each measure."""
    parts = [*classes.bands, *classes.units.values()]
    histograms = dict(merge(parts) if parts else {}) | dict(classes.cohort)
    return {name: KnownClasses.of(plan, name, h) for name, h in histograms.items()}


def corrected(plan: Plan, known: Mapping[str, KnownClasses], atoms: Sequence[AtomClasses]) -> bool:
    """Whether the members of an earlier round of the period sent other data now.

    A fresh atom hides how much a small correction is, not a large one. Contributions are encrypted
    anew, so equal data is only seen in equal class counts.

    :param known: of the earlier round. :param atoms: those that its members make up now.
    """
    return any(
        known[name].counts != own.counts
        for name, own in _classes_now(plan, atoms).items()
        if name in known and _alike(known[name], own)
    )


def comparable(plan: Plan, known: Mapping[str, KnownClasses], atoms: Sequence[AtomClasses]) -> bool:
    """Whether the earlier round classed every measure of this one, by its name and as finely.

    A measure of another name could be an earlier one under a new name, so it is not passed over.
    """
    now = _classes_now(plan, atoms)
    return all(name in known and _alike(known[name], own) for name, own in now.items())


def with_atoms(
    counted: Counted, declared: Declared, plan: Plan, roster: Roster, contributions: Iterable[bytes]
) -> Aggregates:
    """The aggregates together with those of each declared atom.

    Run by each trustee, after the declaration was found to part the inclusion list.

    :param contributions: those that :func:`protocols.closing.recompute` has checked.
    """
    whole = counted.aggregates
    place = {digest: index for index, digest in enumerate(counted.included)}
    held = {
        place[digest]: data for data in contributions if (digest := statement_hash(data)) in place
    }
    atoms = (
        aggregate(
            whole.layout,
            whole.key,
            (read(held[index], plan, whole.layout, roster, whole.key) for index in atom),
        )
        for atom in declared.atoms
    )
    return replace(whole, atoms=tuple(atoms))


def labels(layout: Layout, declared: Declared) -> list[str]:
    """What is opened of the declared atoms, together with the classes of the bands."""
    own = _band_labels(layout) + layout.cohort_class_labels()
    return [f"A/{place}/{label}" for place in range(len(declared.atoms)) for label in own]


def read_classes(
    layout: Layout, declared: Declared, opened: Mapping[str, int]
) -> tuple[AtomClasses, ...]:
    """Decode what :func:`labels` names.

    :raises OpeningInconsistent: a measure is not classed once a member.
    """
    return tuple(
        _read_one(layout, place, atom, opened) for place, atom in enumerate(declared.atoms)
    )


def one_part(plan: Plan, counts: Counts, declared: Declared) -> Counts:
    """The counts as the next steps use them: with nothing to part where totals are all there is.

    Size classes of bands are not even opened then: theirs could be subtracted from earlier ones.
    """
    if not declared.totals_only:
        return counts
    ranked = plan.sums_indicator
    filled = frozenset(leaf for leaf, members in enumerate(counts.leaves) if members)
    return replace(
        counts,
        tentative=(BinRange(0, ranked.bins, counts.members),) if ranked else (),
        units=(filled,) if filled else (),
    )


def restrict(
    certificate: BandCertificate,
    plan: Plan,
    counts: Counts,
    classes: Classes,
    declared: Declared,
    atoms: Sequence[AtomClasses],
) -> BandCertificate:
    """What is left of a certificate beside the earlier releases.

    Run by each trustee; all arrive at the same one.

    :param certificate: :func:`protocols.certificate.certify`'s on the very same counts and classes.
    :param atoms: :func:`read_classes`'s, one for each declared atom.
    """
    if certificate.withheld:
        return certificate
    if reason := _why_not(plan, [atom.band for atom in atoms]):
        return withhold(plan, certificate.statement_hash, certificate.members, reason)
    withheld = dict(certificate.withheld_measures)
    for measure in plan.measures_at(Level.COHORT):
        if reason := _why_not(plan, [{measure.name: a.cohort[measure.name]} for a in atoms]):
            for name in (measure.name,) if measure.published else measure.protects:
                withheld.setdefault(name, reason)
    kept = tuple(name for name in certificate.cohort_measures if name not in withheld)
    limited = replace(
        certificate, cohort_measures=kept, withheld_measures=dict(sorted(withheld.items()))
    )
    return _totals(limited, plan, counts, classes) if declared.totals_only else limited


def check_totals_only(certificate: BandCertificate, declared: Declared) -> None:
    """What anybody can check of a certificate beside the closing's declaration.

    :raises OpeningInconsistent: it parts a cohort of which totals only may be published.
    """
    parted = any(len(ranking.bands) > 1 for ranking in certificate.rankings)
    if declared.totals_only and (parted or any(cell.members for cell in certificate.table[1:])):
        raise OpeningInconsistent(
            "the certificate parts a cohort of which the closing allows totals only"
        )


def _band_labels(layout: Layout) -> list[str]:
    return layout.class_labels(0, layout.bins) if layout.bins else []


def _read_one(layout: Layout, place: int, atom: Atom, opened: Mapping[str, int]) -> AtomClasses:
    start = f"A/{place}/"
    own = {label.removeprefix(start): m for label, m in opened.items() if label.startswith(start)}
    bands = layout.decode_classes(Level.BAND, _band_labels(layout), own) if layout.bins else {}
    cohort = layout.decode_classes(Level.COHORT, layout.cohort_class_labels(), own)
    for measure, histogram in (*bands.items(), *cohort.items()):
        if sum(histogram) != len(atom):
            raise OpeningInconsistent(
                f"the classes of {measure} do not count every member of an atom once: "
                "a contribution is not one-hot"
            )
    return AtomClasses(bands, cohort)


def _classes_now(plan: Plan, atoms: Sequence[AtomClasses]) -> dict[str, KnownClasses]:
    now = dict(merge([atom.band for atom in atoms])) | merge([atom.cohort for atom in atoms])
    return {name: KnownClasses.of(plan, name, histogram) for name, histogram in now.items()}


def _alike(known: KnownClasses, now: KnownClasses) -> bool:
    return (known.unit, known.resolution) == (now.unit, now.resolution)


def _why_not(plan: Plan, atoms: Sequence[Mapping[str, Histogram]]) -> str:
    """Why atoms may not be left by subtraction, in words for the authority; empty if all pass."""
    found = [v for atom in atoms if (v := check_cell(atom, plan.policy, plan.public_limits))]
    if not found:
        return ""
    texts = list(dict.fromkeys(violation.text for held in found for violation in held))
    # Not how many: who chose the groups would learn which.
    return (
        "subtracting what earlier rounds published would leave enterprises unsafe: "
        f"{'; '.join(texts[:SENTENCES])}"
    )


def _totals(
    certificate: BandCertificate, plan: Plan, counts: Counts, classes: Classes
) -> BandCertificate:
    members = certificate.members
    rankings = tuple(
        RankingResult(indicator.name, (BinRange(0, indicator.bins, members),))
        for indicator in plan.ranked_indicators
    )
    table = certificate.table
    if plan.table is not None:
        table = only_total(
            plan.table, counts.members, classes.units, plan.policy, plan.public_limits, TOTALS_ONLY
        )
    return replace(certificate, rankings=rankings, table=table)
