"""Ceremonies over folders, with frozen primes."""

from __future__ import annotations

from pathlib import Path

from tests.keys import test_primes as frozen_primes
from trustee import ceremonies, dealing, folder
from trustee.agreement import TrusteeLimits

NAMES = ("Authority", "Association", "Auditor", "A mill of another sector")
COUNTS = "two of four open, three close"
PASSPHRASE = b"correct horse battery"


def make(path: Path, names: tuple[str, ...] = NAMES, passphrase: bytes | None = None) -> list[Path]:
    """A folder for each trustee."""
    folders = [path / f"t{i}" for i in range(len(names))]
    for place, name in zip(folders, names, strict=True):
        folder.create(place, name, TrusteeLimits(), passphrase)
    return folders


def deal(
    path: Path, folders: list[Path], threshold: int = 2, quorum: int = 3, period: str = "2020"
) -> dealing.Dealt:
    """A ceremony for these folders' trustees, written to ``path``."""
    return dealing.deal(
        path,
        [folder.Identity.load(place / folder.IDENTITY) for place in folders],
        threshold=threshold,
        quorum=quorum,
        period=period,
        primes=frozen_primes,
        confirmed=COUNTS,
    )


def accept(place: Path, dealt: dealing.Dealt, index: int) -> tuple[ceremonies.Accepted, Path]:
    """Have a trustee accept the share with ``index``."""
    share = dealt.shares[index - 1].read_bytes()
    return ceremonies.accept(place, folder.load_keys(place), dealt.record.read_bytes(), share)
