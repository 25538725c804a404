"""The key ceremony of a simulation: fresh safe primes, one share for each trustee, countersigned.

It is timed apart from the rounds: in reality it happens once a reporting period. The dealer's part
runs in this process; each trustee makes its keys, opens its share and countersigns with its own
command.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from protocols.ceremony import Ceremony, check_counts, run_dealer
from protocols.ceremony import Trustee as TrusteeEntry
from protocols.keyfiles import load_sealing_key, load_signing_key
from protocols.paillier import MINIMUM_MODULUS_BITS
from protocols.signing import SigningKey
from sim.errors import OptionError
from sim.processes import run_all, run_modules
from sim.progress import Reporter
from sim.settings import Settings


@dataclass(frozen=True)
class CeremonyRecord:
    """A finished ceremony: the public record, and where the trustees have their folders."""

    ceremony: Ceremony
    countersignatures: tuple[bytes, ...]
    trustee_folders: dict[str, Path]


def hold_ceremony(settings: Settings, period: str, reporter: Reporter) -> CeremonyRecord:
    """Make coordinator and trustees, draw the primes, deal, and have everybody countersign.

    :param period: the reporting period that the key is for.
    :raises OptionError: counts or primes that cannot be used.
    """
    check_counts(settings.threshold, settings.quorum, settings.trustees)
    names = [f"trustee-{number}" for number in range(1, settings.trustees + 1)]
    folders = {name: settings.work / name for name in names}
    reporter.say(
        f"key ceremony: {settings.trustees} trustees, any {settings.threshold} together can open a "
        f"sum, {settings.quorum} must certify a round before; a dealer draws the key"
    )
    run_all(
        [
            ["coordinator", "init", str(settings.work / "coordinator")],
            *(
                # On one machine for one run: a passphrase would stand beside the key it guards.
                ["trustee", "init", str(f), "--name", name, "--no-passphrase"]
                for name, f in folders.items()
            ),
        ]
    )
    run_all(
        [
            [
                "coordinator",
                "trustee",
                "add",
                str(settings.work / "coordinator"),
                *(str(folder / "identity.json") for folder in folders.values()),
            ]
        ]
    )
    identities = [
        TrusteeEntry(
            index,
            name,
            load_signing_key(folder / "signing.pem").public,
            load_sealing_key(folder / "sealing.pem").public,
        )
        for index, (name, folder) in enumerate(folders.items(), start=1)
    ]
    record, sealed = run_dealer(
        SigningKey.generate(),
        _primes(settings),
        identities,
        threshold=settings.threshold,
        quorum=settings.quorum,
        period=period,
        created_at=int(time.time()),
    )
    shared = settings.work / "ceremony"
    shared.mkdir()
    (shared / "ceremony.bin").write_bytes(record)
    for name, envelope in zip(names, sealed, strict=True):
        (shared / f"{name}.share").write_bytes(envelope)
    run_all(
        [
            [
                "trustee",
                "accept",
                str(folder),
                "--ceremony",
                str(shared / "ceremony.bin"),
                "--share",
                str(shared / f"{name}.share"),
                "--out",
                str(shared),
                # One program plays the dealer and the trustees.
                "--yes",
            ]
            for name, folder in folders.items()
        ]
    )
    countersignatures = tuple(
        (shared / f"countersignature-{index}.bin").read_bytes()
        for index in range(1, settings.trustees + 1)
    )
    ceremony = Ceremony.from_signed(record)
    ceremony.check_countersignatures(countersignatures)
    return CeremonyRecord(ceremony, countersignatures, folders)


def _primes(settings: Settings) -> tuple[int, int]:
    """Two safe primes: drawn in two processes, or read from the file that a test names."""
    if settings.primes is not None:
        return _read_primes(settings.primes)
    if settings.modulus_bits < MINIMUM_MODULUS_BITS or settings.modulus_bits % 2:
        raise OptionError(f"--modulus-bits must be even and at least {MINIMUM_MODULUS_BITS}")
    half = settings.modulus_bits // 2
    first, second = (
        int(text, 16) for text in run_modules([("sim.prime", str(half)), ("sim.prime", str(half))])
    )
    if first == second:
        raise OptionError("the same prime was drawn twice: the random generator is broken")
    return first, second


def _read_primes(path: Path) -> tuple[int, int]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return int(document["p"], 16), int(document["q"], 16)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OptionError(
            f'{path}: expected {{"p": HEX, "q": HEX}} with two safe primes: {error}'
        ) from error
