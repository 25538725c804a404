"""What ``cefed bench ingest`` measures with: rounds of real size under a key that nobody opens.

The modulus is the product of two primes drawn for the run and forgotten: nothing is ever opened, so
there is no share and the trustees' verification keys are placeholders. Everything that acceptance
looks at is real.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import gmpy2

from protocols.bins import log_edges
from protocols.ceremony import KIND, Ceremony
from protocols.contribution import build
from protocols.layout import Layout
from protocols.paillier import Encryptor
from protocols.plan import (
    Direction,
    Indicator,
    Level,
    Measure,
    Plan,
    Policy,
    Ranking,
    Unrelated,
)
from protocols.roster import Roster
from protocols.sealing import SealingKey
from protocols.signing import SigningKey
from protocols.terms import Description
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode, encode_fixed, encode_uint

PERIOD = "2020"
TRUSTEES, THRESHOLD, QUORUM = 4, 2, 3
BINS = 64
BOUND = 10**10
DAY_SECONDS = 86_400

KINDS = ("default", "small")
"""A plan ranked over 64 bins, and one with unranked indicators only."""

CIPHERTEXTS = {"default": 2 * BINS + 1, "small": 6}
"""Counts, and for each bin classes and sums; or the cohort's classes and one sum a measure."""


@dataclass(frozen=True)
class Parties:
    """Everybody in the benchmark, and the ceremony's record."""

    coordinator: SigningKey
    members: tuple[SigningKey, ...]
    trustees: tuple[SigningKey, ...]
    ceremony: Ceremony
    countersignatures: tuple[bytes, ...]


def gather(coordinator: SigningKey, members: int, modulus_bits: int) -> Parties:
    """Fresh keys for everybody."""
    trustees = tuple(SigningKey.generate() for _ in range(TRUSTEES))
    record = _ceremony(trustees, modulus_bits)
    ceremony = Ceremony.from_signed(record)
    payload = pb.Signed.FromString(record).payload
    return Parties(
        coordinator,
        tuple(SigningKey.generate() for _ in range(members)),
        trustees,
        ceremony,
        tuple(trustee.sign(KIND, payload) for trustee in trustees),
    )


def make_plan(kind: str, number: int, roster: Roster, ceremony: Ceremony) -> Plan:
    """Plan ``number`` of a kind of :data:`KINDS`."""
    level = Level.BAND if kind == "default" else Level.COHORT
    names = ("sales", "emissions", "energy", "electricity", "fuel")
    measures = [Measure(name, "unit", BOUND, 1, level) for name in names]
    edges = log_edges(Fraction(1, 1000), Fraction(1000), BINS) if kind == "default" else ()
    ranking = Ranking.SUMS if kind == "default" else Ranking.NONE
    now = int(time.time())
    return Plan(
        round_id=f"{kind}-{number}",
        cohort=kind,
        title=f"Benchmark, {kind}",
        period=PERIOD,
        definitions=(("scope", "none"),),
        measures=tuple(measures),
        indicators=(
            Indicator(
                "cef",
                "unit",
                "sales",
                "emissions",
                Fraction(1),
                Direction.HIGHER,
                ranking,
                tuple(edges),
            ),
        ),
        policy=Policy(),
        roster_hash=roster.hash,
        participants=len(roster.members),
        key_id=ceremony.key_id,
        opens_at=now - DAY_SECONDS,
        deadline=now + DAY_SECONDS,
        unrelated=(Unrelated(names, "random numbers"),),
    )


def describe(plan: Plan, roster: Roster, parties: Parties) -> Description:
    """The round as the operator creates it."""
    return Description(
        parties.coordinator.sign("plan", plan.to_bytes()),
        roster.to_bytes(),
        parties.ceremony.received,
        parties.countersignatures,
    )


def real_contributions(
    plan: Plan, parties: Parties, members: Sequence[SigningKey], encryptor: Encryptor
) -> Iterator[bytes]:
    """Contributions with everything: encrypted, proved, signed."""
    layout = Layout(plan, parties.ceremony.key.public.bits)
    for member in members:
        measures = {m.name: 1 + secrets.randbelow(m.bound) for m in plan.measures}
        yield build(plan, layout, measures, member, encryptor)


def _ceremony(trustees: Sequence[SigningKey], modulus_bits: int) -> bytes:
    dealer = SigningKey.generate()
    modulus = _prime(modulus_bits // 2) * _prime(modulus_bits // 2)
    size = modulus_bits // 8
    payload = encode(
        pb.Ceremony(
            period=PERIOD,
            threshold=THRESHOLD,
            closing_quorum=QUORUM,
            modulus=encode_uint(int(modulus)),
            verification_base=encode_fixed(4, size),
            verification_keys=[encode_fixed(4 ** (i + 2), size) for i in range(TRUSTEES)],
            trustees=[
                pb.TrusteeIdentity(
                    index=i,
                    name=f"trustee-{i}",
                    signing_key=key.public.raw,
                    sealing_key=SealingKey.generate().public,
                )
                for i, key in enumerate(trustees, start=1)
            ],
            dealer=dealer.public.raw,
            created_at=int(time.time()),
        )
    )
    return dealer.sign(KIND, payload)


def _prime(bits: int) -> gmpy2.mpz:
    """A prime with its top two bits set, so that the product of two has twice the length."""
    while True:
        start = secrets.randbits(bits) | 3 << (bits - 2) | 1
        found = gmpy2.next_prime(start)
        if found.bit_length() == bits:
            return found
