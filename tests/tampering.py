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

from protocols import closing, contribution, notices, release
from protocols.atoms import NOTHING_DECLARED, Declared
from protocols.bands import BinRange
from protocols.certificate import RankingResult
from protocols.knowledge import KnowledgeProof
from protocols.paillier import Encryptor, encryptor_for
from protocols.plan import Policy
from protocols.roster import Member, Roster
from protocols.signing import open_signed, statement_hash
from protocols.threshold import Opened
from tests.bundles import Bundle
from tests.keys import hold_ceremony, signing_key


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


def atom_below_k(b: Bundle) -> None:
    """The closing declares one enterprise as an atom: its classes were opened alone."""
    b.declare_again(Declared((_places(b)[:1], _places(b)[1:])))


def bands_beside_a_fresh_atom(b: Bundle) -> None:
    """Earlier data of the period was opened, and bands are published all the same."""
    b.declare_again(Declared((_places(b)[:5], _places(b)[5:]), frozenset((0,))))


def bands_beside_totals_only(b: Bundle) -> None:
    """The closing allows totals only, and the certificate has bands."""
    b.declare_again(Declared(totals_only=True))


def overlapping_atoms(b: Bundle) -> None:
    """An enterprise is in two declared atoms, so that each has enough."""
    b.declare_again(Declared((_places(b)[:6], _places(b)[5:])))


def other_atoms(b: Bundle) -> None:
    """The trustees sign atoms that the coordinator's list does not declare."""
    b.declare_again(Declared((_places(b)[:6], _places(b)[6:])), NOTHING_DECLARED)


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
    b.open_too(b.played.layout.sum_labels(0, 1)[0])


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
    "atom-below-k": (atom_below_k, "declared-atoms"),
    "bands-beside-a-fresh-atom": (bands_beside_a_fresh_atom, "declared-atoms"),
    "bands-beside-totals-only": (bands_beside_totals_only, "certificate-quorum"),
    "overlapping-atoms": (overlapping_atoms, "contributions"),
    "other-atoms": (other_atoms, "closing-list"),
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


def _places(b: Bundle) -> tuple[int, ...]:
    """The places of the inclusion list."""
    return tuple(range(b.played.certificate.members))


def _close_with(b: Bundle, contributions: list[bytes], listed: list[bytes] | None = None) -> None:
    """Log ``contributions`` and close over those ``listed`` with the votes of all trustees."""
    counted = contributions if listed is None else listed
    included = sorted(statement_hash(data) for data in counted)
    root = closing.inclusion_tree(included).root
    statement = dataclasses.replace(b.statement(), included_root=root, members=len(included))
    b.close_again(contributions, statement, counted)
    members = len(included)
    certificate = dataclasses.replace(
        b.played.certificate, statement_hash=statement.hash, members=members
    )
    if members == b.played.certificate.members:
        b.certify_again(certificate)
