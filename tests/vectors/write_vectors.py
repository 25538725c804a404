"""Write the frozen test vectors: ``python -m tests.vectors.write_vectors``.

Deterministic: the same code gives the same bytes, so a change of the vectors is a change of the
protocol, and belongs into one commit with SPEC.md and the code. ``positive.json`` holds known
answers and one complete round, ``negative.json`` inputs that must be refused, each named by its
defect, with the check that must refuse it and the error it must raise. ``federated.json`` has both
for the federated backend (:mod:`tests.vectors.federated`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from protocols import closing, contribution
from protocols.bins import bin_of, log_edges
from protocols.encoding import size_class, to_integer
from protocols.knowledge import prove
from protocols.packing import Packing
from protocols.paillier import Encryptor
from protocols.signing import SigningKey
from protocols.threshold import DecryptionShare, make_share
from protocols.walkthrough import Cast, Played, example_measures, run_round
from tests.bundles import Bundle
from tests.keys import cast, hold_ceremony, signing_key, test_primes
from tests.scenes import plan_with_cohort_level
from tests.tampering import TAMPERINGS, copied_contribution
from tests.vectors import federated
from tests.vectors.stream import Stream

FOLDER = Path(__file__).parent
Vector = dict[str, Any]


def measures() -> list[dict[str, int]]:
    """Sixteen members with a cohort-level measure and its guard."""
    return [
        {**own, "electricity": 1_400_000 + 1000 * i, "other": 5000 + i}
        for i, own in enumerate(example_measures())
    ]


def _logged(member: int, version: int, marks: list[str] | None) -> Vector:
    """``marks`` stand for the ciphertexts; None for a proof that does not hold."""
    return {"member": member, "version": version, "marks": marks}


SELECTIONS: list[Vector] = [
    {
        "name": "everybody-once",
        "log": [_logged(1, 1, ["a"]), _logged(2, 1, ["b"])],
        "counted": [0, 1],
    },
    {
        "name": "a-correction-supersedes",
        "log": [_logged(1, 1, ["a"]), _logged(2, 1, ["b"]), _logged(1, 2, ["c"])],
        "counted": [1, 2],
    },
    {
        "name": "a-correction-without-a-proof-does-not",
        "log": [_logged(1, 1, ["a"]), _logged(1, 2, None)],
        "counted": [0],
    },
    {
        "name": "the-first-of-two-equal-versions",
        "log": [_logged(1, 1, ["a"]), _logged(1, 1, ["b"])],
        "counted": [0],
    },
    {
        "name": "a-member-without-any-proof",
        "log": [_logged(1, 1, None), _logged(2, 1, ["b"])],
        "counted": [1],
    },
    {
        "name": "a-repeated-ciphertext-leaves-the-later-one-out",
        "log": [_logged(1, 1, ["a", "b"]), _logged(2, 1, ["b", "c"])],
        "counted": [0],
    },
    {
        "name": "a-copy-without-a-proof-harms-nobody",
        "log": [_logged(2, 1, None), _logged(1, 1, ["a", "b"])],
        "counted": [1],
    },
    {
        "name": "a-contribution-that-repeats-itself",
        "log": [_logged(1, 1, ["a", "a"]), _logged(2, 1, ["b"])],
        "counted": [1],
    },
    {
        "name": "a-superseded-version-blocks-no-ciphertext",
        "log": [_logged(1, 1, ["a"]), _logged(1, 2, ["b"]), _logged(2, 1, ["a"])],
        "counted": [1, 2],
    },
]
"""The inclusion rule: places of the log that are counted. Written by hand from SPEC.md."""


def scene() -> tuple[Cast, Played]:
    """The frozen round that all vectors are about."""
    held = hold_ceremony(randbelow=Stream("ceremony").randbelow)
    players = cast(held, len(measures()))
    played = run_round(
        players,
        measures(),
        plan_with_cohort_level,
        say=lambda _: None,
        randbits=Stream("round").randbits,
    )
    return players, played


def positive(players: Cast, played: Played) -> Vector:
    """Known answers, and the round."""
    key = players.ceremony.key.public
    encryptor = Encryptor(key, randbits=Stream("paillier").randbits)
    exponents = [int(encryptor.draw()) for _ in range(3)]
    plaintexts = [0, 1, int(key.n) - 1]
    ciphertexts = [encryptor.encrypt(m, s) for m, s in zip(plaintexts, exponents, strict=True)]
    proof = prove(
        encryptor, b"context", ciphertexts, plaintexts, exponents, Stream("proof").randbits
    )
    share = make_share(
        players.ceremony.key, players.shares[0], int(ciphertexts[1]), Stream("share").randbits
    )
    edges = log_edges(Fraction(500), Fraction(200_000), 8)
    packing = Packing((5, 100, 1), 7, 64)
    return {
        "rounding": [
            {"value": str(value), "integer": str(to_integer(value))}
            for value in (Fraction(1, 2), Fraction(3, 2), Fraction(5, 2), Fraction(7, 3))
        ],
        "classes": [{"value": v, "class": size_class(v)} for v in (0, 1, 2, 3, 4, 1023, 1024)],
        "edges": [str(edge) for edge in edges],
        "bins": [
            {"numerator": n, "denominator": d, "bin": bin_of(n, d, edges)}
            for n, d in ((0, 1), (499, 1), (500, 1), (400_001, 2), (200_000, 1), (10**9, 3))
        ],
        "packing": {
            "bounds": [5, 100, 1],
            "participants": 7,
            "capacity_bits": 64,
            "values": [3, 100, 1],
            "plaintexts": [str(p) for p in packing.pack([3, 100, 1])],
        },
        "selection": SELECTIONS,
        "paillier": {
            "n": hex(key.n),
            "h": hex(key.base),
            "h_s": hex(key.base_powered),
            "primes": [hex(p) for p in test_primes()],
            "ciphertexts": [
                {"plaintext": hex(m), "exponent": hex(s), "ciphertext": hex(c)}
                for m, s, c in zip(plaintexts, exponents, ciphertexts, strict=True)
            ],
        },
        "proof": {"context": b"context".hex(), **_hexed(proof)},
        "share": _hexed(share),
        "signature": {
            "seed": bytes(range(32)).hex(),
            "kind": "plan",
            "payload": b"payload".hex(),
            "signed": _signed_example(),
        },
        "round": {
            "round_id": played.plan.round_id,
            "plan_hash": played.plan.hash.hex(),
            "roster_hash": played.roster.hash.hex(),
            "key_id": players.ceremony.key_id.hex(),
            "aggregates_hash": played.aggregates.hash.hex(),
            "certificate_hash": played.certificate.hash.hex(),
            "transcript_head": played.transcript.head.hex(),
            "measures": measures(),
            "document": played.release.document,
            **_bundle(Bundle.of(players, played)),
        },
    }


def negative(players: Cast, played: Played) -> list[Vector]:
    """Inputs that must be refused."""
    return [
        *_moduli(),
        *_ciphertexts(players),
        *_values(),
        *_contributions(players, played),
        *_shares(players),
        *_closings(players, played),
        *_cells(),
        *_rounds(players, played),
    ]


def _moduli() -> list[Vector]:
    p, q = test_primes()
    moduli = {
        "modulus-too-short": (p >> 8) * q,
        "modulus-even": 2 * p * q,
        "modulus-with-small-factor": 3 * p * q,
        "modulus-prime-power": p * p,
    }
    return [_vector(n, "modulus", "KeyRefused", modulus=hex(m)) for n, m in moduli.items()]


def _ciphertexts(players: Cast) -> list[Vector]:
    key = players.ceremony.key.public
    values = {
        "ciphertext-zero": 0,
        "ciphertext-n-squared": int(key.n_squared),
        "ciphertext-above-n-squared": int(key.n_squared) + 2,
        "ciphertext-shares-a-factor": test_primes()[0] * 12345,
    }
    return [
        _vector(n, "ciphertext", "InvalidCiphertext", ciphertext=hex(c)) for n, c in values.items()
    ]


def _values() -> list[Vector]:
    good = measures()[0]
    return [
        _vector(
            "slot-over-its-bound",
            "encode",
            "BoundExceeded",
            measures={**good, "output": 10**12 + 1},
        ),
        _vector(
            "denominator-zero", "encode", "ContributionRefused", measures={**good, "emissions": 0}
        ),
        _vector(
            "measure-missing",
            "encode",
            "ContributionRefused",
            measures={name: value for name, value in good.items() if name != "other"},
        ),
        _vector("plaintext-above-packed-length", "sums", "PackingError", plaintext=hex(1 << 2000)),
    ]


def _contributions(players: Cast, played: Played) -> list[Vector]:
    key = players.ceremony.key.public
    encryptor = Encryptor(key, randbits=Stream("negative").randbits)
    randbits = Stream("negative proof").randbits
    plan, layout, own = played.plan, played.layout, measures()[0]
    member = players.members[0]
    received = list(played.transcript.of_kind("contribution"))
    honest = contribution.read(received[0], plan, layout, played.roster, key)
    other_plan = dataclasses.replace(plan, title="Another plan")

    def built(**changes: Any) -> bytes:
        chosen: dict[str, Any] = {"plan": plan, "signer": member, "version": 1, **changes}
        return contribution.build(
            chosen["plan"],
            layout,
            own,
            chosen["signer"],
            encryptor,
            version=chosen["version"],
            randbits=randbits,
        )

    def with_ciphertext(value: int) -> bytes:
        changed = [value, *honest.ciphertexts[1:]]
        return contribution.assemble(plan.hash, changed, honest.proof, member, key)

    stolen = contribution.assemble(
        plan.hash, list(honest.ciphertexts), honest.proof, players.members[1], key
    )
    cases: list[tuple[str, str, bytes]] = [
        ("wrong-plan-hash", "PlanError", built(plan=other_plan)),
        ("wrong-signer", "InvalidSignature", built(signer=signing_key(99))),
        ("version-zero", "MalformedMessage", built(version=0)),
        ("version-seventeen", "MalformedMessage", built(version=17)),
        ("contribution-with-ciphertext-zero", "InvalidCiphertext", with_ciphertext(0)),
        (
            "contribution-with-ciphertext-n-squared",
            "InvalidCiphertext",
            with_ciphertext(int(key.n_squared)),
        ),
        (
            "contribution-with-common-factor",
            "InvalidCiphertext",
            with_ciphertext(test_primes()[1]),
        ),
        (
            "copied-ciphertext-with-fresh-blinding",
            "InvalidProof",
            _copied(players, played, encryptor),
        ),
        ("proof-for-another-signer", "InvalidProof", stolen),
        (
            "too-few-ciphertexts",
            "MalformedMessage",
            contribution.assemble(
                plan.hash, list(honest.ciphertexts[1:]), honest.proof, member, key
            ),
        ),
        ("trailing-bytes", "MalformedMessage", received[0] + b"\x7a\x00"),
    ]
    return [
        _vector(name, "contribution", error, contribution=data.hex()) for name, error, data in cases
    ]


def _copied(players: Cast, played: Played, encryptor: Encryptor) -> bytes:
    return copied_contribution(Bundle.of(players, played), encryptor)


def _shares(players: Cast) -> list[Vector]:
    key = players.ceremony.key
    encryptor = Encryptor(key.public, randbits=Stream("shares").randbits)
    ciphertext, other = int(encryptor.encrypt(5)), int(encryptor.encrypt(6))
    randbits = Stream("share proofs").randbits
    foreign = hold_ceremony(randbelow=Stream("another ceremony").randbelow)
    cases: dict[str, DecryptionShare] = {
        "wrong-share": make_share(key, players.shares[0], other, randbits),
        "share-from-another-ceremony": make_share(key, foreign.shares[0], ciphertext, randbits),
        "share-in-anothers-name": dataclasses.replace(
            make_share(key, players.shares[0], ciphertext, randbits), index=2
        ),
        "share-of-nobody": dataclasses.replace(
            make_share(key, players.shares[0], ciphertext, randbits), index=5
        ),
    }
    return [
        _vector(name, "share", "InvalidShare", ciphertext=hex(ciphertext), **_hexed(share))
        for name, share in cases.items()
    ]


def _closings(players: Cast, played: Played) -> list[Vector]:
    votes = list(played.transcript.of_kind("closing"))
    statement = closing.tally(votes, played.plan, players.ceremony)
    other = dataclasses.replace(statement, members=statement.members - 1)
    outsider = closing.vote(statement, bytes(32), signing_key(99))
    second = closing.vote(other, bytes(32), players.trustees[0])
    cases = {
        "closing-with-too-few-trustees": ("QuorumMissing", votes[:2]),
        "closing-with-repeated-trustees": ("QuorumMissing", [votes[0], votes[1], votes[1]]),
        "closing-signed-by-an-outsider": ("InvalidSignature", [votes[0], votes[1], outsider]),
        "closing-with-two-votes-of-a-trustee": ("InvalidSignature", [*votes[:3], second]),
    }
    return [
        _vector(name, "closing", error, votes=[vote.hex() for vote in chosen])
        for name, (error, chosen) in cases.items()
    ]


def _cells() -> list[Vector]:
    even = [0, 0, 0, 0, 6]
    dominated = [0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    cases = {
        "band-below-k": {"output": [0, 0, 4], "emissions": [0, 0, 4]},
        "band-with-too-few-non-zero": {"output": even, "emissions": [2, 0, 4]},
        "band-that-fails-p-percent-for-one-measure-only": {"output": even, "emissions": dominated},
    }
    return [_vector(n, "cell", "", histograms=cell) for n, cell in cases.items()]


def _rounds(players: Cast, played: Played) -> list[Vector]:
    """Tampered bundles; only those that need no fresh randomness can be frozen."""
    chosen = {
        "tampered-release-figure": "changed-figure",
        "tampered-release-opening": "wrong-opening",
        "tampered-transcript-dropped-contribution": "dropped-contribution",
        "tampered-transcript-late-contribution": "late-contribution",
        "tampered-certificate-band-below-k": "band-below-k",
    }
    vectors = []
    for name, tampering in chosen.items():
        bundle = Bundle.of(players, played)
        tamper, condition = TAMPERINGS[tampering]
        original = list(bundle.entries)
        tamper(bundle)
        vectors.append(
            _vector(name, "round", condition, entries=_changes(original, bundle.entries))
        )
    return vectors


def _changes(
    original: list[tuple[str, bytes]], changed: list[tuple[str, bytes]]
) -> list[int | list[str]]:
    """The tampered log: the index of an entry of the honest round, or a new entry."""
    return [
        original.index(entry) if entry in original else [entry[0], entry[1].hex()]
        for entry in changed
    ]


def _bundle(bundle: Bundle) -> Vector:
    return {
        "ceremony": bundle.ceremony.hex(),
        "countersignatures": [data.hex() for data in bundle.countersignatures],
        "roster": bundle.roster.hex(),
        "entries": [[kind, payload.hex()] for kind, payload in bundle.entries],
    }


def _hexed(value: Any) -> Vector:
    return {name: hex(number) for name, number in dataclasses.asdict(value).items()}


def _vector(name: str, check: str, error: str, **inputs: Any) -> Vector:
    return {"name": name, "check": check, "error": error, "inputs": inputs}


def _signed_example() -> str:
    return SigningKey.from_seed(bytes(range(32))).sign("plan", b"payload").hex()


def render() -> dict[str, str]:
    """File name to content."""
    players, played = scene()
    writers: dict[str, Callable[[Cast, Played], Any]] = {
        "positive.json": positive,
        "negative.json": negative,
    }
    rendered = {
        name: json.dumps(write(players, played), indent=1, sort_keys=True) + "\n"
        for name, write in writers.items()
    }
    return {**rendered, federated.NAME: federated.render()}


def main() -> None:
    """Write the files beside this script."""
    for name, text in render().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"{name}: {len(text):,} characters")


if __name__ == "__main__":
    main()
