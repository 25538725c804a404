"""The dealer's part of a key ceremony: primes, shares, a signed record, and then forgetting.

The dealer is neither the coordinator nor a node. It writes nothing secret but the shares sealed to
their trustees, and its own signing key, which it needs until it has attested the deletion
(:mod:`trustee.forgetting`) and which opens nothing. The primes live in this process only and end
with it. SPEC.md section 5. In the folder that it writes::

    ceremony.bin           the signed record, for everybody
    share-<index>.sealed   for trustee <index>, mode 0600
    protocol.txt           to print, fill in and sign by hand
    transcript.bin         the same facts, signed by the dealer
    dealer.pem             the dealer's key, mode 0600, until `cefed ceremony forget`
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from protocols.ceremony import Ceremony, Trustee, check_counts, run_dealer
from protocols.errors import KeyRefused
from protocols.keyfiles import save_signing_key, write_private
from protocols.paillier import DEFAULT_MODULUS_BITS, MINIMUM_MODULUS_BITS
from protocols.primes import safe_prime
from protocols.signing import SigningKey
from trustee import protocol
from trustee.errors import FolderError
from trustee.folder import Identity, write_file

Primes = tuple[int, int]

RECORD, DEALER = "ceremony.bin", "dealer.pem"
PROTOCOL, TRANSCRIPT = "protocol.txt", "transcript.bin"


@dataclass(frozen=True)
class Dealt:
    """What a ceremony left on disk."""

    ceremony: Ceremony
    record: Path
    shares: tuple[Path, ...]
    protocol: str


def draw_primes(modulus_bits: int) -> Primes:
    """Two different safe primes of half the modulus's length; a minute or two at 3072 bits."""
    check_modulus(modulus_bits)
    first = safe_prime(modulus_bits // 2)
    while (second := safe_prime(modulus_bits // 2)) == first:
        pass
    return first, second


def check_modulus(bits: int) -> None:
    """Refuse a modulus that is too short, before anything is drawn. :raises KeyRefused: it is."""
    if bits < MINIMUM_MODULUS_BITS or bits % 2:
        raise KeyRefused(
            f"a modulus of {bits} bits is refused: use {DEFAULT_MODULUS_BITS}, at least "
            f"{MINIMUM_MODULUS_BITS}, an even number"
        )


def check(identities: Sequence[Identity], threshold: int, quorum: int) -> None:
    """What must hold before anybody is asked to confirm. :raises KeyRefused: in words."""
    check_counts(threshold, quorum, len(identities))
    if len({i.name for i in identities}) != len(identities):
        raise KeyRefused("two trustees have the same name")
    if len({i.signing_key.raw for i in identities}) != len(identities):
        raise KeyRefused("two trustees have the same key: was one identity given twice?")


def deal(
    out: Path,
    identities: Sequence[Identity],
    *,
    threshold: int,
    quorum: int,
    period: str,
    primes: Callable[[], Primes],
    confirmed: str,
    clock: Callable[[], float] = time.time,
) -> Dealt:
    """Hold a ceremony and write its files to ``out``.

    :param primes: called once, after every count was checked; :func:`draw_primes` or frozen ones.
    :param confirmed: how the counts were confirmed, for the transcript.
    :raises KeyRefused: counts that cannot work, or two identities that share a key or a name.
    """
    check(identities, threshold, quorum)
    if (out / RECORD).exists() or (out / DEALER).exists():
        raise FolderError(f"{out} holds a ceremony already; give another folder")
    dealer = SigningKey.generate()
    record, sealed = run_dealer(
        dealer,
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
    ceremony = Ceremony.from_signed(record)
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"cannot make {out}: {error.strerror}") from error
    save_signing_key(out / DEALER, dealer)
    files = {RECORD: record}
    for index, envelope in enumerate(sealed, start=1):
        files[share_name(index)] = envelope
        write_private(out / share_name(index), envelope)
    text = protocol.write_protocol(ceremony, files)
    write_file(out / PROTOCOL, text.encode("utf-8"))
    signed = protocol.sign_transcript(
        ceremony, {**files, PROTOCOL: text.encode("utf-8")}, dealer, confirmed=confirmed
    )
    write_file(out / TRANSCRIPT, signed)
    # Last: a folder without the record holds no ceremony.
    write_file(out / RECORD, record)
    shares = tuple(out / share_name(index) for index in range(1, len(sealed) + 1))
    return Dealt(ceremony, out / RECORD, shares, text)


def share_name(index: int) -> str:
    """The file of a trustee's share."""
    return f"share-{index}.sealed"
