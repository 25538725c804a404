"""The release: openings of the certified sums, and the document that is computed from them.

In a ``certified`` round the masked vectors in the log take the place of openings, and whoever
checks the release has added them up (:func:`protocols.federated.masked.add_up`).
The coordinator builds it, trustees and verifiers build it again and compare bytes. The document is
canonical JSON with every integer a decimal string; docs/release-schema.md describes it for readers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.aggregate import Aggregates
from protocols.certificate import BandCertificate, Classes, Counts, sum_labels
from protocols.document import build_document as build_document
from protocols.document import document_of
from protocols.errors import OpeningInconsistent, PlanError
from protocols.federated import masked
from protocols.federated.masks import Words
from protocols.federated.sections import words
from protocols.figures import Figures
from protocols.layout import Layout
from protocols.noise import shares_of
from protocols.plan import Plan
from protocols.policy import Histogram, merge, sum_bounds
from protocols.sums import CertifiedSums, from_plaintexts, sections_of
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


def build_masked(plan: Plan, certificate: BandCertificate, total: Words) -> bytes:
    """The release's payload of a ``certified`` round, whose openings are the masked vectors.

    :param total: the sum of the masked vectors; of no words if the cohort is withheld.
    :raises OpeningInconsistent: another length.
    """
    document = canonical_json(masked_document(plan, certificate, total))
    return encode(
        pb.Release(plan_hash=plan.hash, certificate_hash=certificate.hash, document=document)
    )


def masked_document(plan: Plan, certificate: BandCertificate, total: Words) -> dict[str, Any]:
    """The document that follows from the sum of a ``certified`` round's masked vectors.

    :raises OpeningInconsistent: a sum of another length than the certificate asks for.
    """
    if len(total) != (0 if certificate.withheld else words(plan, certificate)):
        raise OpeningInconsistent("not exactly what the certificate allows has been added up")
    return document_of(plan, certificate, lambda: masked.sums(plan, certificate, total))


def check_masked(release: Release, plan: Plan, certificate: BandCertificate, total: Words) -> None:
    """:func:`check` for a ``certified`` round.

    :param total: the sum of the masked vectors as this party added them up.
    :raises OpeningInconsistent: the first thing that does not hold.
    """
    check_frame(release, plan, certificate)
    if release.openings:
        raise OpeningInconsistent("the release opens ciphertexts that no certificate allows")
    if canonical_json(masked_document(plan, certificate, total)) != release.document_bytes:
        raise OpeningInconsistent("the published figures do not follow from the masked vectors")


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
    check_frame(release, plan, certificate)
    check_openings(release.openings, sum_labels(plan, layout, certificate), aggregates)
    check_document(release, plan, layout, certificate)


def check_frame(release: Release, plan: Plan, certificate: BandCertificate) -> None:
    """:raises PlanError: the release belongs to another plan or certificate."""
    if release.plan_hash != plan.hash or release.certificate_hash != certificate.hash:
        raise PlanError("the release belongs to another plan or certificate")


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
    sums = from_plaintexts(plan, layout, certificate, opened)
    _check_classes(plan, certificate, sums, counts, classes)


def check_masked_against_classes(
    plan: Plan, certificate: BandCertificate, total: Words, counts: Counts, classes: Classes
) -> None:
    """:func:`check_against_classes` for a ``certified`` round and the sum of its vectors."""
    if masked_document(plan, certificate, total)["withheld"]:
        return
    _check_classes(plan, certificate, masked.sums(plan, certificate, total), counts, classes)


def _check_classes(
    plan: Plan,
    certificate: BandCertificate,
    sums: CertifiedSums,
    counts: Counts,
    classes: Classes,
) -> None:
    check = _ClassCheck(Figures(plan, shares_of(plan)), plan.policy.classes_per_octave)
    for section, values in zip(sections_of(plan, certificate), sums.sections, strict=True):
        places = set(section.places)
        if plan.table is not None:
            inside = [classes.units[unit] for unit in counts.units if unit <= places]
        else:
            inside = [
                histograms
                for cell, histograms in zip(counts.tentative, classes.bands, strict=True)
                if places.issuperset(range(cell.first, cell.end))
            ]
        check.sums(values, merge(inside), section.members)
    check.sums(sums.cohort, classes.cohort, certificate.members)


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
