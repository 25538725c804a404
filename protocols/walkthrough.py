"""A whole round in memory, as one narrated function: the executable specification.

``python -m protocols.walkthrough`` plays it with sixteen invented enterprises and prints each step,
``python -m protocols.walkthrough certified`` the same on masked vectors instead of ciphertexts.
The running roles call the same functions over sockets; tests and test vectors play it with frozen
keys. Read it next to SPEC.md section 4.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from protocols import ceremony as ceremonies
from protocols import certificate as certificates
from protocols import closing, contribution, notices, opening, release
from protocols.aggregate import Aggregates
from protocols.bins import log_edges
from protocols.ceremony import Ceremony, Trustee
from protocols.certificate import BandCertificate
from protocols.federated import keybook, keys, masked
from protocols.federated.masks import KEY_BYTES, RoundKey
from protocols.federated.terms import Aggregation
from protocols.layout import Layout
from protocols.paillier import DEFAULT_MODULUS_BITS, Encryptor
from protocols.plan import Direction, Indicator, Measure, Mode, Plan, Policy, Ranking
from protocols.primes import safe_prime
from protocols.release import Release, plaintexts
from protocols.roster import Member, Roster
from protocols.sealing import SealingKey
from protocols.signing import SigningKey, statement_hash
from protocols.threshold import KeyShare
from protocols.transcript import Transcript
from protocols.verification import Report, verify_round

Say = Callable[[str], None]
Randbits = Callable[[int], int]


@dataclass(frozen=True)
class Cast:
    """Everybody's keys. In reality each is held by another organisation."""

    coordinator: SigningKey
    members: tuple[SigningKey, ...]
    trustees: tuple[SigningKey, ...]
    shares: tuple[KeyShare, ...]
    ceremony: Ceremony
    countersignatures: tuple[bytes, ...]


@dataclass(frozen=True)
class Played:
    """A finished round: what is public, and the aggregates that everybody can recompute."""

    plan: Plan
    layout: Layout
    roster: Roster
    transcript: Transcript
    aggregates: Aggregates
    certificate: BandCertificate
    release: Release


def hold_ceremony(primes: tuple[int, int], members: int) -> Cast:
    """Deal a key to four trustees (two open, three close), and give everybody signing keys.

    :param primes: two safe primes of at least 1024 bits each.
    """
    trustee_keys = tuple(SigningKey.generate() for _ in range(4))
    sealing_keys = [SealingKey.generate() for _ in trustee_keys]
    trustees = [
        Trustee(i, f"trustee {i}", signing.public, sealing.public)
        for i, (signing, sealing) in enumerate(zip(trustee_keys, sealing_keys, strict=True), 1)
    ]
    record, sealed = ceremonies.run_dealer(
        SigningKey.generate(),
        primes,
        trustees,
        threshold=2,
        quorum=3,
        period="2025",
        created_at=1_767_225_600,
    )
    ceremony = Ceremony.from_signed(record)
    return Cast(
        coordinator=SigningKey.generate(),
        members=tuple(SigningKey.generate() for _ in range(members)),
        trustees=trustee_keys,
        shares=tuple(
            ceremonies.open_share(ceremony, key, i, envelope)
            for i, (key, envelope) in enumerate(zip(sealing_keys, sealed, strict=True), 1)
        ),
        ceremony=ceremony,
        countersignatures=tuple(ceremonies.countersign(ceremony, key) for key in trustee_keys),
    )


def run_round(
    cast: Cast,
    measures: Sequence[Mapping[str, int]],
    make_plan: Callable[[Roster, Ceremony], Plan],
    say: Say = print,
    randbits: Randbits = secrets.randbits,
    categories: Sequence[str | None] | None = None,
) -> Played:
    """Run a round in which member i contributes ``measures[i]``; see the steps it says.

    :param categories: member i's leaf, for a plan with a table.
    :param randbits: the only source of randomness, so that test vectors can be frozen.
    """
    ceremony = cast.ceremony
    public = ceremony.key.public

    say("1. Plan: the coordinator signs what is measured, for whom, and under which policy.")
    roster = Roster.of(Member(key.public, f"group-{i}") for i, key in enumerate(cast.members))
    plan = make_plan(roster, ceremony)
    layout = Layout(plan, public.bits)
    transcript = Transcript(plan.round_id)
    transcript.append("plan", cast.coordinator.sign("plan", plan.to_bytes()))

    say("2. Roster: each trustee has seen the members' certificates and countersigns.")
    for trustee_key in cast.trustees:
        transcript.append("roster", notices.roster_vote(plan, roster, trustee_key))
    notices.roster_tally(transcript.of_kind("roster"), plan, ceremony)

    say(f"3. Contributions: each member encrypts {len(layout.labels)} packed plaintexts, once.")
    certified = plan.mode is Mode.CERTIFIED
    if certified:
        say("   With it goes a signed round key, and the values stay at home for now.")
    encryptor = Encryptor(public, randbits=randbits)
    leaves = categories if categories is not None else [None] * len(measures)
    round_keys = {
        key.public: RoundKey(randbits(8 * KEY_BYTES).to_bytes(KEY_BYTES, "big"))
        for key in cast.members
        if certified
    }
    for key, own, leaf in zip(cast.members, measures, leaves, strict=True):
        round_key = b""
        if certified:
            mask_key = round_keys[key.public].public
            round_key = keys.make_round_key(plan.hash, mask_key, b"", key)
        data = contribution.build(
            plan,
            layout,
            own,
            key,
            encryptor,
            category=leaf,
            round_key=round_key,
            randbits=randbits,
        )
        transcript.append("contribution", data)

    say("4. Closing: every trustee checks every contribution and multiplies them itself.")
    arrived = list(transcript.of_kind("contribution"))
    counted = closing.recompute(plan, layout, roster, ceremony, arrived)
    close = closing.propose(plan, counted.included, transcript.head, cast.coordinator)
    transcript.append("close", close)
    aggregates = counted.aggregates
    own_view = closing.ClosingStatement.of(plan.hash, counted.included, aggregates.hash)
    for trustee_key in cast.trustees:
        transcript.append("closing", closing.vote(own_view, bytes(32), trustee_key))
    statement = closing.tally(transcript.of_kind("closing"), plan, ceremony)

    def share_set(index: int, phase: str, basis: bytes, labels: list[str]) -> bytes:
        share = cast.shares[index - 1]
        return opening.make_share_set(
            plan, ceremony, aggregates, share, phase, basis, labels, randbits
        )

    def open_together(phase: str, basis: bytes, labels: list[str]) -> dict[str, int]:
        """Trustees 2 and 4 exchange shares; the opening they combine proves itself."""
        sets = [
            opening.read_share_set(
                share_set(index, phase, basis, labels),
                plan,
                phase,
                basis,
                ceremony.trustees[index - 1],
                labels,
            )
            for index in (2, 4)
        ]
        return plaintexts(opening.open_all(ceremony, aggregates, labels, sets))

    def certify() -> BandCertificate:
        reason = closing.check_cohort_size(plan, len(counted.members))
        if reason:
            say(f"5. Withheld: {reason}. Nothing is opened.")
            return certificates.withhold(plan, statement.hash, len(counted.members), reason)
        say("5. Counts: among themselves, trustees open how many members are in each bin or leaf.")
        opened = open_together(opening.COUNTS, statement.hash, layout.count_labels())
        counts = certificates.read_counts(plan, layout, opened, len(counted.members))
        parts = len(counts.tentative) + len(counts.units)
        say(f"   {parts} tentative bands or units of at least {plan.policy.minimum_cohort}.")
        say("6. Classes: they open size classes of each of these, and apply the policy.")
        labels = certificates.class_labels(layout, counts)
        opened = open_together(opening.CLASSES, statement.hash, labels)
        classes = certificates.read_classes(layout, counts, opened)
        root = keybook.root_of(counted.round_keys) if certified else b""
        return certificates.certify(plan, layout, statement.hash, counts, classes, root)

    proposed = certify()
    for trustee_key in cast.trustees:
        transcript.append("certificate", trustee_key.sign("certificate", proposed.to_bytes()))
    certificate = certificates.tally(transcript.of_kind("certificate"), plan, ceremony)

    def share_sums() -> bytes:
        """Shares of the certified sums; the coordinator's opening of them proves itself."""
        say("7. Sums: with three signatures under the bands, shares go to the coordinator.")
        labels = certificates.sum_labels(plan, layout, certificate)
        sets = []
        for index in (1, 3):
            data = share_set(index, opening.SUMS, certificate.hash, labels)
            transcript.append("sums", cast.trustees[index - 1].sign("sums", data))
            sender = ceremony.trustees[index - 1]
            sets.append(
                opening.read_share_set(data, plan, opening.SUMS, certificate.hash, sender, labels)
            )
        openings = opening.open_all(ceremony, aggregates, labels, sets)
        return release.build(plan, layout, certificate, openings, public.modulus_bytes)

    def add_up_masked() -> bytes:
        """Every counted member masks its values for the certificate; the masks cancel."""
        say("7. Masking: with three signatures under the bands, every member masks its values.")
        if certificate.withheld:
            return release.build_masked(plan, certificate, masked.NOTHING)
        signed = list(transcript.of_kind("certificate"))
        book = keybook.KeyBook(plan, certificate, counted.round_keys)
        for key, own, leaf in zip(cast.members, measures, leaves, strict=True):
            place = counted.signers.index(key.public)
            reply = book.reply(place, signed)
            round_key = counted.round_keys[place]
            terms = masked.read_masking(reply, plan, ceremony, key.public, round_key)
            secret = round_keys[key.public]
            vector = masked.mask(terms, own, secret, key, category=leaf, randbits=randbits)
            transcript.append("masked", vector)
        statements = transcript.of_kind("masked")
        total = masked.add_up(statements, plan, certificate, roster, counted.signers)
        return release.build_masked(plan, certificate, total)

    payload = add_up_masked() if certified else share_sums()
    entry = transcript.append("release", cast.coordinator.sign("release", payload))

    say("8. Endorsement: trustees check every opening and figure, and sign the release.")
    result = Release.from_bytes(payload, public.modulus_bytes)
    if certified:
        statements, signers = transcript.of_kind("masked"), counted.signers
        total = masked.NOTHING
        if not certificate.withheld:
            total = masked.add_up(statements, plan, certificate, roster, signers)
        release.check_masked(result, plan, certificate, total)
    else:
        release.check(result, plan, layout, certificate, aggregates)
    for trustee_key in cast.trustees:
        endorsement = release.endorse_payload(statement_hash(entry.payload))
        transcript.append("endorsement", trustee_key.sign("endorsement", endorsement))
    return Played(plan, layout, roster, transcript, aggregates, certificate, result)


def verify(cast: Cast, played: Played) -> Report:
    """What anybody does offline with the round's public bundle."""
    return verify_round(
        played.plan.round_id,
        cast.ceremony.received,
        cast.countersignatures,
        played.roster.to_bytes(),
        [(entry.kind, entry.payload) for entry in played.transcript.entries],
    )


def example_plan(roster: Roster, ceremony: Ceremony) -> Plan:
    """Output and emissions, ranked by carbon efficiency in sixteen bins."""
    return Plan(
        round_id="walkthrough",
        cohort="example",
        title="Sixteen invented enterprises",
        period=ceremony.period,
        definitions=(("scope", "invented"),),
        measures=(
            Measure("output", "yuan", bound=10**12),
            Measure("emissions", "kgCO2", bound=10**10),
        ),
        indicators=(
            Indicator(
                "cef",
                "yuan/tCO2",
                "output",
                "emissions",
                Fraction(1000),
                Direction.HIGHER,
                Ranking.SUMS,
                log_edges(Fraction(10), Fraction(500), 16),
            ),
        ),
        policy=Policy(),
        roster_hash=roster.hash,
        participants=len(roster.members),
        key_id=ceremony.key_id,
        opens_at=1_767_225_600,
        deadline=1_798_761_600,
    )


def certified_plan(roster: Roster, ceremony: Ceremony) -> Plan:
    """The same round with values masked for the certificate, not encrypted (SPEC.md section 11)."""
    plan = example_plan(roster, ceremony)
    terms = Aggregation.certified(plan.participants, plan.deadline + 86_400)
    return replace(plan, aggregation=terms)


def example_measures() -> list[dict[str, int]]:
    """Sixteen enterprises between 20 and 320 yuan of output a kilogram."""
    return [{"output": 20_000_000 * (i + 1), "emissions": 1_000_000 + 13 * i} for i in range(16)]


def main(argv: Sequence[str]) -> None:
    """Play the example with fresh 3072-bit keys; with the word ``certified`` on masked vectors."""
    half = DEFAULT_MODULUS_BITS // 2
    print("0. Ceremony: a dealer shares the key among four trustees; two open, three close.")
    measures = example_measures()
    cast = hold_ceremony((safe_prime(half), safe_prime(half)), len(measures))
    played = run_round(cast, measures, certified_plan if "certified" in argv else example_plan)
    print("8. Verification: anybody, offline, from the public bundle.")
    for condition in verify(cast, played).conditions:
        print(f"   {condition.number:2d}. {condition.text}: {condition.outcome.value}")
    print(json.dumps(played.release.document, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
