"""The certified sums as every backend opens them: what a release's document is computed from.

Under Paillier they are unpacked from opened plaintexts (:func:`from_plaintexts`); in a
``certified`` round they are read from the sum of the masked vectors
(:mod:`protocols.federated.sections`). What is made of them is the same, so releases of both are.
SPEC.md sections 4 and 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.cells import atom_members, atoms_of
from protocols.certificate import BandCertificate
from protocols.errors import OpeningInconsistent
from protocols.layout import Layout
from protocols.plan import Plan


@dataclass(frozen=True)
class Section:
    """What is summed together: a band's bins, or an atom's leaves (``places``), and how many
    members the certificate says are in them."""

    places: tuple[int, ...]
    members: int


@dataclass(frozen=True)
class CertifiedSums:
    """Sums by measure, the offsets of noise included.

    :ivar sections: of the band-level measures, in the order of :func:`sections_of`.
    :ivar cohort: of the cohort-level measures that the certificate allows.
    """

    sections: tuple[Mapping[str, int], ...]
    cohort: Mapping[str, int]


def sections_of(plan: Plan, certificate: BandCertificate) -> tuple[Section, ...]:
    """The bands of the sums ranking, or the atoms of the table by ascending position; disjoint.

    Atoms, not cells: exactly what a reader can compute from the cells. None if nothing is summed by
    parts, or the cohort is withheld.
    """
    if certificate.withheld:
        return ()
    if plan.table is not None:
        members = atom_members(plan.table, certificate.table)
        atoms = atoms_of(plan.table, certificate.table)
        return tuple(Section(leaves, members[position]) for position, leaves in atoms.items())
    ranked = plan.sums_indicator
    bands = certificate.ranking(ranked.name) if ranked else ()
    return tuple(Section(tuple(range(b.first, b.end)), b.members) for b in bands)


def from_plaintexts(
    plan: Plan, layout: Layout, certificate: BandCertificate, opened: Mapping[str, int]
) -> CertifiedSums:
    """The sums in plaintexts that were opened under Paillier.

    :param opened: by label, those of :func:`protocols.certificate.sum_labels`.
    :raises PackingError: plaintexts that no sum of packed values can have.
    :raises OpeningInconsistent: one is missing.
    """
    try:
        return CertifiedSums(
            tuple(
                layout.decode_sums(layout.union_sum_labels(section.places), opened)
                for section in sections_of(plan, certificate)
            ),
            {m: layout.decode_cohort_sum(m, opened) for m in certificate.cohort_measures},
        )
    except KeyError as error:
        raise OpeningInconsistent(f"{error} was not opened") from error
