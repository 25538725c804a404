"""Bundles as an attacker would hand them out, each with the one condition that must reject it.

The attacker is the coordinator, and where a defect lies behind a quorum it has the *signing* keys
of all trustees too (never their key shares): everything is re-signed and re-hashed, so that the
named condition and not an outer signature has to notice. Used by the verification tests and the
test vectors.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from protocols import closing, contribution, notices, release
from protocols.bands import BinRange
from protocols.certificate import BandCertificate, RankingResult
from protocols.closing import ClosingStatement
from protocols.knowledge import KnowledgeProof
from protocols.paillier import Encryptor, encryptor_for
from protocols.plan import Policy
from protocols.roster import Member, Roster
from protocols.signing import open_signed, statement_hash
from protocols.threshold import Opened, combine, make_share
from protocols.transcript import replay
from protocols.walkthrough import Cast, Played
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode, encode_fixed, encode_uint
from tests.keys import hold_ceremony, signing_key

Entries = list[tuple[str, bytes]]


@dataclass
class Bundle:
    """The parts of a public bundle, free to be changed."""

    cast: Cast
    played: Played
    ceremony: bytes
    countersignatures: list[bytes]
    roster: bytes
    entries: Entries

    @classmethod
    def of(cls, cast: Cast, played: Played) -> Bundle:
        return cls(
            cast,
            played,
            cast.ceremony.received,
            list(cast.countersignatures),
            played.roster.to_bytes(),
            [(entry.kind, entry.payload) for entry in played.transcript.entries],
        )

    def first(self, kind: str) -> int:
        return next(i for i, (name, _) in enumerate(self.entries) if name == kind)

    def replace(self, kind: str, payloads: list[bytes]) -> None:
        """Put ``payloads`` in the place of all entries of ``kind``."""
        place = self.first(kind)
        kept = [entry for entry in self.entries if entry[0] != kind]
        self.entries = [*kept[:place], *((kind, p) for p in payloads), *kept[place:]]

    def of_kind(self, kind: str) -> list[bytes]:
        return [payload for name, payload in self.entries if name == kind]

    def replan(self, **changes: Any) -> None:
        plan = dataclasses.replace(self.played.plan, **changes)
        self.replace("plan", [self.cast.coordinator.sign("plan", plan.to_bytes())])

    def statement(self) -> ClosingStatement:
        return closing.tally(self.of_kind("closing"), self.played.plan, self.cast.ceremony)

    def close_again(
        self,
        contributions: list[bytes],
        statement: ClosingStatement | None,
        listed: list[bytes] | None = None,
    ) -> None:
        """Log other contributions, post a list, and all trustees' votes for ``statement`` if any.

        :param listed: what the list names, by default all of them.
        """
        self.replace("contribution", contributions)
        hashes = [statement_hash(data) for data in (contributions if listed is None else listed)]
        self.replace("close", [self._close(hashes)])
        if statement is not None:
            votes = [closing.vote(statement, bytes(32), key) for key in self.cast.trustees]
            self.replace("closing", votes)

    def _close(self, hashes: list[bytes]) -> bytes:
        before = takewhile(lambda entry: entry[0] != "close", self.entries)
        head = replay(self.played.plan.round_id, before).head
        return closing.propose(self.played.plan, hashes, head, self.cast.coordinator)

    def certify_again(self, certificate: BandCertificate) -> None:
        """All trustees sign another certificate, and the release refers to it."""
        payload = certificate.to_bytes()
        self.replace("certificate", [k.sign("certificate", payload) for k in self.cast.trustees])
        self.release_again(certificate_hash=certificate.hash)

    def release_again(
        self,
        openings: dict[str, Opened] | None = None,
        document: bytes | None = None,
        certificate_hash: bytes | None = None,
    ) -> None:
        """Another release, signed by the coordinator and endorsed by all trustees."""
        held = self.played.release
        size = self.cast.ceremony.key.public.modulus_bytes
        message = pb.Release(
            plan_hash=held.plan_hash,
            certificate_hash=certificate_hash or held.certificate_hash,
            openings=[
                pb.Opening(
                    label=label,
                    plaintext=encode_uint(opened.plaintext),
                    root=encode_fixed(opened.root, size),
                )
                for label, opened in (openings or held.openings).items()
            ],
            document=document or held.document_bytes,
        )
        signed = self.cast.coordinator.sign("release", encode(message))
        self.replace("release", [signed])
        payload = release.endorse_payload(statement_hash(signed))
        self.replace("endorsement", [k.sign("endorsement", payload) for k in self.cast.trustees])


def other_ceremony(b: Bundle) -> None:
    """The attacker dealt its own key and signs as the one trustee it corrupted."""
    own = hold_ceremony()
    b.ceremony = own.ceremony.received
    b.countersignatures = own.countersignatures[:1]


def key_of_another_ceremony(b: Bundle) -> None:
    """A ceremony that its trustees signed, but not the one that the plan names."""
    own = hold_ceremony()
    b.ceremony, b.countersignatures = own.ceremony.received, own.countersignatures


def changed_policy(b: Bundle) -> None:
    """The plan is signed again with a minimum cohort of three."""
    b.replan(policy=Policy(minimum_cohort=3))


def swapped_roster(b: Bundle) -> None:
    """One more member on the roster than the plan was made for."""
    members = [*b.played.roster.members, Member(signing_key(99).public, "sybil")]
    b.roster = Roster.of(members).to_bytes()


def dropped_contribution(b: Bundle) -> None:
    """The coordinator leaves an enterprise out after the trustees closed."""
    b.close_again(b.of_kind("contribution")[1:], None)


def sybil_contribution(b: Bundle) -> None:
    """An enterprise is replaced by somebody who is not on the roster."""
    played = b.played
    measures = {m.name: max(1, m.minimum) for m in played.plan.measures}
    encryptor = encryptor_for(b.cast.ceremony.key.public)
    sybil = contribution.build(played.plan, played.layout, measures, signing_key(99), encryptor)
    _close_with(b, [*b.of_kind("contribution")[1:], sybil])


def member_twice(b: Bundle) -> None:
    """One enterprise is counted with two versions."""
    played = b.played
    measures = {m.name: max(1, m.minimum) for m in played.plan.measures}
    encryptor = encryptor_for(b.cast.ceremony.key.public)
    second = contribution.build(
        played.plan, played.layout, measures, b.cast.members[0], encryptor, version=2
    )
    _close_with(b, [*b.of_kind("contribution")[1:], second, b.of_kind("contribution")[0]])


def uncounted_contribution(b: Bundle) -> None:
    """A contribution stays in the log, where it was acknowledged, and is not counted."""
    _close_with(b, b.of_kind("contribution"), listed=b.of_kind("contribution")[1:])


def superseded_contribution(b: Bundle) -> None:
    """An enterprise corrected its contribution, and the earlier version is counted."""
    played = b.played
    measures = {m.name: max(1, m.minimum) for m in played.plan.measures}
    encryptor = encryptor_for(b.cast.ceremony.key.public)
    second = contribution.build(
        played.plan, played.layout, measures, b.cast.members[0], encryptor, version=2
    )
    before = b.of_kind("contribution")
    _close_with(b, [*before, second], listed=before)


def two_roster_votes(b: Bundle) -> None:
    """Two trustees saw the members' certificates, where three must."""
    b.replace("roster", b.of_kind("roster")[:2])


def late_roster_votes(b: Bundle) -> None:
    """The trustees countersigned the roster only when the contributions had come."""
    votes = [entry for entry in b.entries if entry[0] == "roster"]
    kept = [entry for entry in b.entries if entry[0] != "roster"]
    close = next(i for i, (kind, _) in enumerate(kept) if kind == "close")
    b.entries = [*kept[:close], *votes, *kept[close:]]


def cancelled_round(b: Bundle) -> None:
    """The coordinator cancelled the round and published it all the same."""
    plan = b.played.plan
    data = notices.make_cancellation(plan, plan.opens_at, "wrong bins", b.cast.coordinator)
    b.entries.append((notices.CANCELLATION, data))


def foreign_deadline(b: Bundle) -> None:
    """A trustee moved the deadline."""
    plan = b.played.plan
    data = notices.make_deadline(
        plan, plan.opens_at, plan.deadline + 60, "more time", b.cast.trustees[0]
    )
    b.entries.insert(b.first("contribution"), (notices.DEADLINE, data))


def copied_ciphertexts(b: Bundle) -> None:
    """A member's ciphertexts are those of another, blinded afresh, with the other's proof."""
    _close_with(b, [copied_contribution(b), *b.of_kind("contribution")[1:]])


def copied_contribution(b: Bundle, encryptor: Encryptor | None = None) -> bytes:
    """Member 0 hands in member 1's ciphertexts times fresh encryptions of zero."""
    played, key = b.played, b.cast.ceremony.key.public
    encryptor = encryptor or encryptor_for(key)
    victim = contribution.read(
        b.of_kind("contribution")[1], played.plan, played.layout, played.roster, key
    )
    blinded = [c * encryptor.encrypt(0) % key.n_squared for c in victim.ciphertexts]
    proof: KnowledgeProof = victim.proof
    return contribution.assemble(played.plan.hash, blinded, proof, b.cast.members[0], key)


def two_closing_votes(b: Bundle) -> None:
    """Two trustees, where three must sign."""
    b.replace("closing", b.of_kind("closing")[:2])


def repeated_closing_votes(b: Bundle) -> None:
    """Two trustees, one of them three times."""
    votes = b.of_kind("closing")
    b.replace("closing", [votes[0], votes[1], votes[1], votes[1]])


def other_aggregates(b: Bundle) -> None:
    """All trustees sign an aggregate that is not the product of the contributions."""
    statement = dataclasses.replace(b.statement(), aggregates_hash=bytes(32))
    b.close_again(b.of_kind("contribution"), statement)
    b.certify_again(dataclasses.replace(b.played.certificate, statement_hash=statement.hash))


def band_below_k(b: Bundle) -> None:
    """All trustees sign a certificate whose first band has fewer than k members."""
    ranking = b.played.certificate.rankings[0]
    first, second = ranking.bands[:2]
    moved = first.members - 4
    bands = (
        BinRange(first.first, first.end, 4),
        BinRange(second.first, second.end, second.members + moved),
        *ranking.bands[2:],
    )
    rankings = (RankingResult(ranking.indicator, bands), *b.played.certificate.rankings[1:])
    b.certify_again(dataclasses.replace(b.played.certificate, rankings=rankings))


def certificate_of_another_closing(b: Bundle) -> None:
    """A certificate that rests on another closing statement."""
    b.certify_again(dataclasses.replace(b.played.certificate, statement_hash=bytes(32)))


def release_by_a_trustee(b: Bundle) -> None:
    """The release is signed, but not by the plan's coordinator."""
    payload = open_signed(b.of_kind("release")[0], "release").payload
    signed = b.cast.trustees[0].sign("release", payload)
    b.replace("release", [signed])
    endorsement = release.endorse_payload(statement_hash(signed))
    b.replace("endorsement", [k.sign("endorsement", endorsement) for k in b.cast.trustees])


def wrong_opening(b: Bundle) -> None:
    """A sum is one unit higher, and every published figure follows from it."""
    openings = dict(b.played.release.openings)
    label = next(iter(openings))
    openings[label] = Opened(openings[label].plaintext + 1, openings[label].root)
    held = {name: opened.plaintext for name, opened in openings.items()}
    document = release.build_document(b.played.plan, b.played.layout, b.played.certificate, held)
    b.release_again(openings, release.canonical_json(document))


def extra_opening(b: Bundle) -> None:
    """t corrupt trustees opened one bin more than the certificate allows."""
    key = b.cast.ceremony.key
    label = b.played.layout.sum_labels(0, 1)[0]
    ciphertext = int(b.played.aggregates.ciphertext(label))
    made = [make_share(key, share, ciphertext) for share in b.cast.shares[:2]]
    b.release_again({**b.played.release.openings, label: combine(key, ciphertext, made)})


def changed_figure(b: Bundle) -> None:
    """A published total differs from the openings."""
    document = json.loads(b.played.release.document_bytes)
    measure = next(iter(document["measures"].values()))
    measure["value"] = str(int(measure["value"]) + 1)
    b.release_again(document=release.canonical_json(document))


def endorsement_of_another_release(b: Bundle) -> None:
    """The trustees endorsed something else."""
    payload = release.endorse_payload(bytes(32))
    b.replace("endorsement", [k.sign("endorsement", payload) for k in b.cast.trustees])


def two_endorsements(b: Bundle) -> None:
    """Two trustees endorsed, where three must."""
    b.replace("endorsement", b.of_kind("endorsement")[:2])


def late_contribution(b: Bundle) -> None:
    """A contribution stands in the log after the list was closed."""
    entry = b.entries.pop(b.first("contribution"))
    b.entries.insert(b.first("close") + 1, entry)


def reordered_log(b: Bundle) -> None:
    """Two contributions change places in the log."""
    place = b.first("contribution")
    b.entries[place], b.entries[place + 1] = b.entries[place + 1], b.entries[place]


def two_releases(b: Bundle) -> None:
    """The log holds two releases."""
    b.entries.append(b.entries[b.first("release")])


TAMPERINGS: dict[str, tuple[Callable[[Bundle], None], str]] = {
    "other-ceremony": (other_ceremony, "ceremony-countersigned"),
    "key-of-another-ceremony": (key_of_another_ceremony, "plan-key"),
    "changed-policy": (changed_policy, "contributions"),
    "swapped-roster": (swapped_roster, "roster"),
    "dropped-contribution": (dropped_contribution, "closing-list"),
    "sybil-contribution": (sybil_contribution, "contributions"),
    "member-twice": (member_twice, "contributions"),
    "uncounted-contribution": (uncounted_contribution, "closing-list"),
    "superseded-contribution": (superseded_contribution, "contributions"),
    "two-roster-votes": (two_roster_votes, "roster-countersigned"),
    "late-roster-votes": (late_roster_votes, "roster-countersigned"),
    "cancelled-round": (cancelled_round, "announcements"),
    "foreign-deadline": (foreign_deadline, "announcements"),
    "copied-ciphertexts": (copied_ciphertexts, "contributions"),
    "two-closing-votes": (two_closing_votes, "closing-quorum"),
    "repeated-closing-votes": (repeated_closing_votes, "closing-quorum"),
    "other-aggregates": (other_aggregates, "aggregates"),
    "band-below-k": (band_below_k, "certificate-quorum"),
    "certificate-of-another-closing": (certificate_of_another_closing, "certificate-quorum"),
    "release-by-a-trustee": (release_by_a_trustee, "release-signed"),
    "wrong-opening": (wrong_opening, "openings"),
    "extra-opening": (extra_opening, "openings"),
    "changed-figure": (changed_figure, "figures"),
    "endorsement-of-another-release": (endorsement_of_another_release, "endorsed"),
    "two-endorsements": (two_endorsements, "endorsed"),
    "late-contribution": (late_contribution, "transcript-order"),
    "reordered-log": (reordered_log, "transcript-head"),
    "two-releases": (two_releases, "transcript-order"),
}


def _close_with(b: Bundle, contributions: list[bytes], listed: list[bytes] | None = None) -> None:
    """Log ``contributions`` and close over those ``listed`` with the votes of all trustees."""
    counted = contributions if listed is None else listed
    included = tuple(sorted(statement_hash(data) for data in counted))
    statement = dataclasses.replace(b.statement(), included=included)
    b.close_again(contributions, statement, counted)
    members = len(included)
    certificate = dataclasses.replace(
        b.played.certificate, statement_hash=statement.hash, members=members
    )
    if members == b.played.certificate.members:
        b.certify_again(certificate)
