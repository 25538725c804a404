"""The release: openings of the certified sums, and the document that is computed from them.

The coordinator builds it, trustees and verifiers build it again and compare bytes. The document is
canonical JSON with every integer a decimal string; docs/release-schema.md describes it for readers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.aggregate import Aggregates
from protocols.cells import atoms_of
from protocols.certificate import BandCertificate, Classes, Counts, sum_labels
from protocols.document import build_document as build_document
from protocols.errors import OpeningInconsistent, PlanError
from protocols.figures import Figures
from protocols.layout import Layout
from protocols.plan import Plan
from protocols.policy import Histogram, merge, sum_bounds
from protocols.threshold import Opened, verify_opening
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import (
    decode,
    decode_fixed,
    decode_uint,
    encode,
    encode_fixed,
    encode_uint,
)

KIND = "release"


@dataclass(frozen=True)
class Release:
    """A decoded release; whether it is right is :func:`check`'s business."""

    plan_hash: bytes
    certificate_hash: bytes
    openings: Mapping[str, Opened]
    document_bytes: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The document as an object, for reports and positions.

        :raises OpeningInconsistent: bytes that are no JSON object, signed or not.
        """
        try:
            loaded = json.loads(self.document_bytes)
        except (ValueError, RecursionError) as error:
            raise OpeningInconsistent("the release's document is not JSON") from error
        if not isinstance(loaded, dict):
            raise OpeningInconsistent("the release's document is not an object")
        return loaded

    @classmethod
    def from_bytes(cls, payload: bytes, modulus_bytes: int) -> Release:
        """Decode a release statement's payload; labels must not repeat."""
        message = decode(pb.Release, payload)
        openings = {
            o.label: Opened(decode_uint(o.plaintext), decode_fixed(o.root, modulus_bytes))
            for o in message.openings
        }
        if len(openings) != len(message.openings):
            raise OpeningInconsistent("the release opens an aggregate twice")
        return cls(message.plan_hash, message.certificate_hash, openings, message.document)


def build(
    plan: Plan,
    layout: Layout,
    certificate: BandCertificate,
    openings: Mapping[str, Opened],
    modulus_bytes: int,
) -> bytes:
    """The release's payload; run by the coordinator after it opened the certified sums.

    :raises OpeningInconsistent: openings that are not exactly the certified ones.
    """
    document = canonical_json(build_document(plan, layout, certificate, plaintexts(openings)))
    return encode(
        pb.Release(
            plan_hash=plan.hash,
            certificate_hash=certificate.hash,
            openings=[
                pb.Opening(
                    label=label,
                    plaintext=encode_uint(openings[label].plaintext),
                    root=encode_fixed(openings[label].root, modulus_bytes),
                )
                for label in sum_labels(plan, layout, certificate)
            ],
            document=document,
        )
    )


def check(
    release: Release,
    plan: Plan,
    layout: Layout,
    certificate: BandCertificate,
    aggregates: Aggregates,
) -> None:
    """Run by trustees before they endorse, and by verifiers: every opening, and the document.

    :raises OpeningInconsistent: the first thing that does not hold.
    """
    if release.plan_hash != plan.hash or release.certificate_hash != certificate.hash:
        raise PlanError("the release belongs to another plan or certificate")
    check_openings(release.openings, sum_labels(plan, layout, certificate), aggregates)
    check_document(release, plan, layout, certificate)


def check_openings(
    openings: Mapping[str, Opened], labels: Iterable[str], aggregates: Aggregates
) -> None:
    """Exactly ``labels`` are opened, each correctly."""
    wanted = list(labels)
    if list(openings) != wanted:
        raise OpeningInconsistent("the release does not open exactly what the certificate allows")
    for label in wanted:
        if not verify_opening(aggregates.key, int(aggregates.ciphertext(label)), openings[label]):
            raise OpeningInconsistent(f"the opening of {label} is not that of the aggregate")


def check_document(
    release: Release, plan: Plan, layout: Layout, certificate: BandCertificate
) -> None:
    """The document is, byte for byte, the one that follows from the openings."""
    document = build_document(plan, layout, certificate, plaintexts(release.openings))
    if canonical_json(document) != release.document_bytes:
        raise OpeningInconsistent("the published figures do not follow from the openings")


def endorse_payload(statement_hash: bytes) -> bytes:
    """What a trustee signs to endorse the release statement with this hash."""
    return encode(pb.Endorsement(release_hash=statement_hash))


def plaintexts(openings: Mapping[str, Opened]) -> dict[str, int]:
    """The opened integers by label."""
    return {label: opened.plaintext for label, opened in openings.items()}


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """One byte string for one document: sorted keys, no blanks, UTF-8."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def check_against_classes(
    plan: Plan,
    layout: Layout,
    certificate: BandCertificate,
    opened: Mapping[str, int],
    counts: Counts,
    classes: Classes,
) -> None:
    """Every opened sum lies between the bounds of the classes that were opened for it.

    Run by trustees, who alone know the classes, before they endorse.

    :raises OpeningInconsistent: a member's values contradict its classes.
    """
    if build_document(plan, layout, certificate, opened)["withheld"]:
        return  # nothing is published that could contradict anything
    check = _ClassCheck(Figures(plan, layout.shares), plan.policy.classes_per_octave)
    ranked = plan.sums_indicator
    bands = certificate.ranking(ranked.name) if ranked else ()
    for band in bands:
        inside = [
            histograms
            for cell, histograms in zip(counts.tentative, classes.bands, strict=True)
            if band.first <= cell.first and cell.end <= band.end
        ]
        sums = layout.decode_sums(layout.sum_labels(band.first, band.end), opened)
        check.sums(sums, merge(inside), band.members)
    atoms = atoms_of(plan.table, certificate.table) if plan.table else {}
    for atom in atoms.values():
        inside = [classes.units[unit] for unit in counts.units if unit <= set(atom)]
        sums = layout.decode_sums(layout.union_sum_labels(atom), opened)
        check.sums(sums, merge(inside), sum(counts.leaves[leaf] for leaf in atom))
    cohort = {m: layout.decode_cohort_sum(m, opened) for m in certificate.cohort_measures}
    check.sums(cohort, classes.cohort, certificate.members)


@dataclass(frozen=True)
class _ClassCheck:
    figures: Figures
    resolution: int

    def sums(
        self, opened: Mapping[str, int], classes: Mapping[str, Histogram], members: int
    ) -> None:
        """Noise may have brought a sum out of its bounds, but not by more than it can."""
        for measure, value in self.figures.of(opened, members).items():
            lower, upper = sum_bounds(classes[measure], self.resolution)
            allowed = self.figures.allowance(measure, members)
            if not lower - allowed <= value <= upper + allowed:
                raise OpeningInconsistent(
                    f"the sum of {measure} contradicts its size classes: a contribution was "
                    "malformed"
                )
