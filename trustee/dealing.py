"""The dealer's part of a key ceremony: primes, shares, a signed record, and then forgetting.

The dealer is neither the coordinator nor a node. It writes nothing secret but the shares sealed to
their trustees; the primes live in this process only and end with it. SPEC.md section 5.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from protocols.ceremony import Ceremony, Trustee, check_counts, run_dealer
from protocols.errors import KeyRefused
from protocols.paillier import DEFAULT_MODULUS_BITS, MINIMUM_MODULUS_BITS
from protocols.primes import safe_prime
from protocols.signing import SigningKey
from trustee.errors import FolderError
from trustee.folder import CEREMONY, Identity, write_file

Primes = tuple[int, int]


@dataclass(frozen=True)
class Dealt:
    """What a ceremony left on disk."""

    ceremony: Ceremony
    record: Path
    shares: tuple[Path, ...]


def draw_primes(modulus_bits: int) -> Primes:
    """Two different safe primes of half the modulus's length; a minute or two at 3072 bits."""
    if modulus_bits < MINIMUM_MODULUS_BITS or modulus_bits % 2:
        raise KeyRefused(
            f"a modulus of {modulus_bits} bits is refused: use {DEFAULT_MODULUS_BITS}, at least "
            f"{MINIMUM_MODULUS_BITS}, an even number"
        )
    first = safe_prime(modulus_bits // 2)
    while (second := safe_prime(modulus_bits // 2)) == first:
        pass
    return first, second


def in_words(identities: Sequence[Identity], threshold: int, quorum: int, period: str) -> str:
    """What is about to be dealt, so that swapped counts are noticed."""
    names = ", ".join(identity.name for identity in identities)
    return (
        f"One key for the period {period}, shared among {len(identities)} trustees: {names}. "
        f"Any {threshold} of them together can open an aggregate; {threshold - 1} cannot. "
        f"{quorum} of them must sign what is counted before anything is opened."
    )


def deal(
    out: Path,
    identities: Sequence[Identity],
    *,
    threshold: int,
    quorum: int,
    period: str,
    primes: Callable[[], Primes],
    clock: Callable[[], float] = time.time,
    dealer: SigningKey | None = None,
) -> Dealt:
    """Hold a ceremony and write ``ceremony.bin`` and ``share-<index>.sealed`` to ``out``.

    :param primes: called once, after every count was checked; :func:`draw_primes` or frozen ones.
    :param dealer: the dealer's signing key; by default a fresh one that is forgotten.
    :raises KeyRefused: counts that cannot work, or two identities that share a key or a name.
    """
    check_counts(threshold, quorum, len(identities))
    if len({i.name for i in identities}) != len(identities):
        raise KeyRefused("two trustees have the same name")
    if len({i.signing_key.raw for i in identities}) != len(identities):
        raise KeyRefused("two trustees have the same key: was one identity given twice?")
    if (out / CEREMONY).exists():
        raise FolderError(f"{out} holds a ceremony already; give another folder")
    record, sealed = run_dealer(
        SigningKey.generate() if dealer is None else dealer,
        primes(),
        [
            Trustee(index, i.name, i.signing_key, i.sealing_key)
            for index, i in enumerate(identities, start=1)
        ],
        threshold=threshold,
        quorum=quorum,
        period=period,
        created_at=int(clock()),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"cannot make {out}: {error.strerror}") from error
    shares = []
    for index, envelope in enumerate(sealed, start=1):
        shares.append(out / f"share-{index}.sealed")
        write_file(shares[-1], envelope)
    write_file(out / CEREMONY, record)
    return Dealt(Ceremony.from_signed(record), out / CEREMONY, tuple(shares))
