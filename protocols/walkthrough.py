"""A whole round in memory, as one narrated function: the executable specification.

``python -m protocols.walkthrough`` plays it with sixteen invented enterprises and prints each step.
The running roles call the same functions over sockets. Read it next to SPEC.md section 4.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from protocols import ceremony as ceremonies
from protocols import certificate as certificates
from protocols import closing, contribution, opening, release
from protocols.bins import log_edges
from protocols.ceremony import Ceremony, Trustee
from protocols.layout import Layout
from protocols.paillier import DEFAULT_MODULUS_BITS, encryptor_for
from protocols.plan import Direction, Indicator, Measure, Plan, Policy, Ranking
from protocols.primes import safe_prime
from protocols.release import Release, plaintexts
from protocols.roster import Member, Roster
from protocols.sealing import SealingKey
from protocols.signing import SigningKey, statement_hash
from protocols.transcript import Transcript
from protocols.verification import Report, verify_round

Say = Callable[[str], None]


def run_round(
    measures: Sequence[Mapping[str, int]],
    primes: tuple[int, int],
    say: Say = print,
    make_plan: Callable[[Roster, Ceremony], Plan] | None = None,
) -> tuple[Release, Report]:
    """Run a round over ``measures``, one mapping a member, and verify it.

    :param primes: two safe primes of at least 1024 bits each.
    :param make_plan: the plan for roster and key; the invented example's by default.
    :returns: the release and the verification of the round's public bundle.
    """
    say("1. Ceremony: a dealer shares the key among four trustees; any two open, three close.")
    trustee_keys = [SigningKey.generate() for _ in range(4)]
    sealing_keys = [SealingKey.generate() for _ in range(4)]
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
    shares = [
        ceremonies.open_share(ceremony, key, i, envelope)
        for i, (key, envelope) in enumerate(zip(sealing_keys, sealed, strict=True), 1)
    ]
    countersignatures = [ceremonies.countersign(ceremony, key) for key in trustee_keys]
    public = ceremony.key.public

    say("2. Plan: the coordinator signs what is measured, for whom, and under which policy.")
    coordinator = SigningKey.generate()
    members = [SigningKey.generate() for _ in measures]
    roster = Roster.of(Member(key.public, key.public.fingerprint) for key in members)
    plan = (make_plan or example_plan)(roster, ceremony)
    layout = Layout(plan, public.bits)
    transcript = Transcript(plan.round_id)
    transcript.append("plan", coordinator.sign("plan", plan.to_bytes()))

    say(f"3. Contributions: each member encrypts {len(layout.labels)} packed plaintexts, once.")
    encryptor = encryptor_for(public)
    for key, own in zip(members, measures, strict=True):
        transcript.append("contribution", contribution.build(plan, layout, own, key, encryptor))

    say("4. Closing: every trustee checks every contribution and multiplies them itself.")
    arrived = list(transcript.of_kind("contribution"))
    hashes = [statement_hash(data) for data in arrived]
    transcript.append("close", closing.propose(plan, hashes, coordinator))
    included = tuple(sorted(hashes))
    aggregates, accepted = closing.recompute(plan, layout, roster, ceremony, arrived, included)
    statement = closing.ClosingStatement(plan.hash, included, aggregates.hash)
    for trustee_key in trustee_keys:
        transcript.append("closing", closing.vote(statement, bytes(32), trustee_key))
    statement = closing.tally(transcript.of_kind("closing"), plan, ceremony)

    def open_together(phase: str, basis: bytes, labels: list[str]) -> dict[str, int]:
        """Trustees 2 and 4 make shares; whoever holds both opens, and the opening proves itself."""
        sets = []
        for index in (2, 4):
            data = opening.make_share_set(
                plan, ceremony, aggregates, shares[index - 1], phase, basis, labels
            )
            sender = ceremony.trustees[index - 1]
            sets.append(opening.read_share_set(data, plan, phase, basis, sender, labels))
        return plaintexts(opening.open_all(ceremony, aggregates, labels, sets))

    def certify() -> certificates.BandCertificate:
        reason = closing.check_cohort_size(plan, roster, accepted)
        if reason:
            say(f"5. Withheld: {reason}. Nothing is opened.")
            return certificates.withhold(plan, statement.hash, len(included), reason)
        say("5. Counts: among themselves, trustees open how many members are in each bin.")
        opened = open_together(opening.COUNTS, statement.hash, layout.count_labels())
        counts = certificates.read_counts(plan, layout, opened, len(included))
        say(f"   {len(counts.tentative)} tentative bands of at least {plan.policy.minimum_cohort}.")
        say("6. Classes: they open size classes of each tentative band, and apply the policy.")
        labels = certificates.class_labels(layout, counts)
        opened = open_together(opening.CLASSES, statement.hash, labels)
        classes = certificates.read_classes(layout, counts, opened)
        return certificates.certify(plan, layout, statement.hash, counts, classes)

    proposed = certify()
    for trustee_key in trustee_keys:
        transcript.append("certificate", trustee_key.sign("certificate", proposed.to_bytes()))
    certificate = certificates.tally(transcript.of_kind("certificate"), plan, ceremony)

    say("7. Sums: with three signatures under the bands, shares go to the coordinator.")
    labels = certificates.sum_labels(plan, layout, certificate)
    sets = []
    for index in (1, 3):
        data = opening.make_share_set(
            plan, ceremony, aggregates, shares[index - 1], opening.SUMS, certificate.hash, labels
        )
        transcript.append("sums", trustee_keys[index - 1].sign("sums", data))
        sender = ceremony.trustees[index - 1]
        sets.append(
            opening.read_share_set(data, plan, opening.SUMS, certificate.hash, sender, labels)
        )
    openings = opening.open_all(ceremony, aggregates, labels, sets)
    payload = release.build(plan, layout, certificate, openings, public.modulus_bytes)
    published = coordinator.sign("release", payload)
    entry = transcript.append("release", published)

    say("8. Endorsement: trustees check every opening and figure, and sign the release.")
    result = Release.from_bytes(payload, public.modulus_bytes)
    release.check(result, plan, layout, certificate, aggregates)
    for trustee_key in trustee_keys:
        endorsement = release.endorse_payload(statement_hash(entry.payload))
        transcript.append("endorsement", trustee_key.sign("endorsement", endorsement))

    say("9. Verification: anybody, offline, from the public bundle.")
    report = verify_round(
        plan.round_id,
        ceremony.received,
        countersignatures,
        roster.to_bytes(),
        [(e.kind, e.payload) for e in transcript.entries],
    )
    for condition in report.conditions:
        say(f"   {condition.number:2d}. {condition.text}: {condition.outcome.value}")
    return result, report


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
                log_edges(Fraction(1), Fraction(1000), 16),
            ),
        ),
        policy=Policy(),
        roster_hash=roster.hash,
        participants=len(roster.members),
        key_id=ceremony.key_id,
        opens_at=1_767_225_600,
        deadline=1_798_761_600,
    )


def example_measures() -> list[dict[str, int]]:
    """Sixteen enterprises between 20 and 320 yuan of output a kilogram."""
    return [{"output": 20_000_000 * (i + 1), "emissions": 1_000_000 + 13 * i} for i in range(16)]


def main() -> None:
    """Play the example with fresh 3072-bit keys."""
    half = DEFAULT_MODULUS_BITS // 2
    result, _ = run_round(example_measures(), (safe_prime(half), safe_prime(half)))
    print(json.dumps(result.document, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
