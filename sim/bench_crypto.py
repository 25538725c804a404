"""``cefed bench crypto``: what the cryptography costs, beside `phe`, in one run on one core.

Every figure is the median of several repetitions, interleaved so that a change of the machine's
speed hits both sides of a ratio alike. Targets are printed with what was reached; a miss is shown
as a miss.
"""

from __future__ import annotations

import platform
import secrets
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import gmpy2
from gmpy2 import mpz

from protocols import knowledge
from protocols.modular import product
from protocols.packing import Packing
from protocols.paillier import RANDOMNESS_BITS, WINDOW_BITS, Encryptor, PublicKey
from protocols.primes import safe_prime
from protocols.threshold import combine, deal, make_share, verify_opening, verify_share

REPETITIONS = 9
CIPHERTEXTS = 65
"""As many as a contribution of the default plan with 32 bins has."""

SLOT_PARTICIPANTS, SLOT_BOUND, SLOTS = 1_000, 2**36, 65
"""Packed values for the per-value figure: sums over 1,000 members of values up to 6.9e10."""


@dataclass(frozen=True)
class Figure:
    """One line of the table: milliseconds, and a ratio to what it is compared with."""

    name: str
    milliseconds: float
    compared_with: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class BenchResult:
    """Everything ``--json`` prints."""

    machine: str
    modulus_bits: int
    randomness_bits: int
    window_bits: int
    figures: tuple[Figure, ...]

    def as_json(self) -> dict[str, object]:
        """Plain containers for :func:`json.dumps`."""
        return asdict(self)


def run(
    modulus_bits: int = 3072,
    window_bits: int = WINDOW_BITS,
    repetitions: int = REPETITIONS,
    progress: Callable[[str], None] = lambda _: None,
) -> BenchResult:
    """Measure on a fresh key. At 3072 bits about half a minute, most of it for safe primes."""
    progress("drawing two safe primes")
    primes = (safe_prime(modulus_bits // 2), safe_prime(modulus_bits // 2))
    key, shares = deal(*primes, threshold=2, trustees=4)
    public = key.public
    progress("building the table")
    started = time.perf_counter()
    encryptor = Encryptor(public, window_bits=window_bits)
    table_ms = (time.perf_counter() - started) * 1e3
    progress("measuring")
    figures = [
        *_encryption(public, encryptor, repetitions),
        _addition(public, encryptor, repetitions),
        *_proofs(encryptor, repetitions),
    ]
    plaintext = secrets.randbits(public.bits - 8)
    ciphertext = int(encryptor.encrypt(plaintext))
    made = [make_share(key, share, ciphertext) for share in shares[:2]]
    opened = combine(key, ciphertext, made)
    figures += [
        Figure(name, _median(call, repetitions))
        for name, call in (
            ("share with its proof", lambda: make_share(key, shares[0], ciphertext)),
            ("check a share's proof", lambda: verify_share(key, ciphertext, made[0])),
            ("combine two shares and open", lambda: combine(key, ciphertext, made)),
            ("verify an opening, no key", lambda: verify_opening(public, ciphertext, opened)),
        )
    ]
    figures.append(Figure("window table, once a process", table_ms))
    return BenchResult(_machine(), public.bits, RANDOMNESS_BITS, window_bits, tuple(figures))


def _encryption(public: PublicKey, encryptor: Encryptor, repetitions: int) -> list[Figure]:
    packing = Packing((SLOT_BOUND,) * SLOTS, SLOT_PARTICIPANTS, public.bits - 1)
    values = [secrets.randbelow(SLOT_BOUND) for _ in range(SLOTS)]
    plaintexts = packing.pack(values)
    ours, theirs = _interleaved(
        lambda: [encryptor.encrypt(plaintexts[0]) for _ in range(20)],
        lambda: public.phe_key.raw_encrypt(plaintexts[0]),
        repetitions,
    )
    ours /= 20
    per_value = ours * len(plaintexts) / SLOTS
    return [
        Figure("phe: encrypt one value", theirs),
        Figure(
            "encrypt one ciphertext",
            ours,
            "phe",
            theirs / ours,
            "at most 0.6 ms and at least 40 times phe (3072 bits)",
            ours <= 0.6 and theirs / ours >= 40,
        ),
        Figure(
            f"encrypt one of {SLOTS} packed values",
            per_value,
            "phe",
            theirs / per_value,
            "at least 1,000 times phe",
            theirs / per_value >= 1000,
        ),
    ]


def _addition(public: PublicKey, encryptor: Encryptor, repetitions: int) -> Figure:
    ciphertexts = [encryptor.encrypt(i) for i in range(200)]
    n_squared = public.n_squared

    def bare() -> None:
        result = mpz(1)
        for ciphertext in ciphertexts:
            result = result * ciphertext % n_squared

    ours, floor = _interleaved(lambda: product(ciphertexts, n_squared), bare, repetitions * 3)
    return Figure(
        "add one ciphertext",
        ours / len(ciphertexts),
        "bare modular multiplication",
        ours / floor,
        "at most 1.25 times",
        ours / floor <= 1.25,
    )


def _proofs(encryptor: Encryptor, repetitions: int) -> list[Figure]:
    plaintexts = [secrets.randbits(500) for _ in range(CIPHERTEXTS)]
    exponents = [encryptor.draw() for _ in plaintexts]
    pairs = zip(plaintexts, exponents, strict=True)
    ciphertexts = [encryptor.encrypt(m, s) for m, s in pairs]
    proof = knowledge.prove(encryptor, b"bench", ciphertexts, plaintexts, exponents)

    def prove() -> None:
        knowledge.prove(encryptor, b"bench", ciphertexts, plaintexts, exponents)

    proving = _median(prove, repetitions) / CIPHERTEXTS
    checking = _median(
        lambda: knowledge.verify(encryptor, b"bench", ciphertexts, proof), repetitions
    )
    return [
        Figure("prove knowledge, a ciphertext", proving),
        Figure("check the proof, a ciphertext", checking / CIPHERTEXTS),
    ]


def _interleaved(
    first: Callable[[], object], second: Callable[[], object], repetitions: int
) -> tuple[float, float]:
    """Median milliseconds of two calls, measured in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repetitions):
        for held, call in zip(times, (first, second), strict=True):
            held.append(_once(call))
    return statistics.median(times[0]), statistics.median(times[1])


def _median(call: Callable[[], object], repetitions: int) -> float:
    return statistics.median(_once(call) for _ in range(repetitions))


def _once(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(
                (line.split(":", 1)[1].strip() for line in file if line.startswith("model name")),
                model,
            )
    except OSError:
        pass  # not Linux: the platform module's answer stands
    return (
        f"{model}; Python {platform.python_version()}; gmpy2 {gmpy2.version()}; "
        f"{gmpy2.mp_version()}; one core used"
    )
