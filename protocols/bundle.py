"""The public bundle on disk: what ``cefed verify`` reads, and nothing else is needed to verify.

::

    bundle/
        ceremony.bin            the dealer's signed record of the key ceremony
        countersignatures.bin   the trustees' signatures under it
        rounds/<round>/roster.bin
        rounds/<round>/transcript.bin

Files with several items hold them one after the other, each after its length as eight big-endian
bytes; ``transcript.bin`` alternates kind and statement. Written by the coordinator's export and by
the simulation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from protocols.errors import MalformedMessage, StorageError
from protocols.hashing import length_prefixed
from protocols.wire.codec import MAX_LARGE

CEREMONY = "ceremony.bin"
COUNTERSIGNATURES = "countersignatures.bin"
ROUNDS = "rounds"
ROSTER = "roster.bin"
TRANSCRIPT = "transcript.bin"

_ROUND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class RoundFiles:
    """One round of a bundle; the transcript is read entry by entry, since it can be large."""

    round_id: str
    folder: Path

    def roster(self) -> bytes:
        """The roster's bytes."""
        return _read(self.folder / ROSTER)

    def entries(self) -> Iterator[tuple[str, bytes]]:
        """Kind and statement of every transcript entry, in order."""
        items = _read_items(self.folder / TRANSCRIPT)
        for kind in items:
            payload = next(items, None)
            if payload is None:
                raise MalformedMessage(f"{self.folder / TRANSCRIPT}: ends inside an entry")
            yield kind.decode("ascii", "replace"), payload


@dataclass(frozen=True)
class Bundle:
    """A bundle that was opened for reading."""

    ceremony: bytes
    countersignatures: tuple[bytes, ...]
    rounds: tuple[RoundFiles, ...]


def write_ceremony(folder: Path, ceremony: bytes, countersignatures: Iterable[bytes]) -> None:
    """Create the bundle's folder with the ceremony that all its rounds share."""
    _write(folder / CEREMONY, ceremony)
    _write(folder / COUNTERSIGNATURES, length_prefixed(countersignatures))


def write_round(
    folder: Path, round_id: str, roster: bytes, entries: Iterable[tuple[str, bytes]]
) -> None:
    """Add a round; ``entries`` may be an iterator and is written as it comes."""
    if not _ROUND_NAME.fullmatch(round_id):
        raise StorageError(f"{round_id[:80]!r} cannot be a folder of the bundle")
    target = folder / ROUNDS / round_id
    _write(target / ROSTER, roster)
    with (target / TRANSCRIPT).open("wb") as file:
        for kind, payload in entries:
            file.write(length_prefixed((kind.encode("ascii"), payload)))


def read_bundle(folder: Path) -> Bundle:
    """Open a bundle. :raises StorageError: if the folder is not one."""
    try:
        rounds = sorted(path for path in (folder / ROUNDS).iterdir() if path.is_dir())
    except OSError as error:
        raise StorageError(f"{folder} is not a bundle: {error.strerror}") from error
    return Bundle(
        ceremony=_read(folder / CEREMONY),
        countersignatures=tuple(_read_items(folder / COUNTERSIGNATURES)),
        rounds=tuple(RoundFiles(path.name, path) for path in rounds),
    )


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_LARGE:
            raise MalformedMessage(f"{path} is larger than {MAX_LARGE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def _read_items(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while header := file.read(8):
                size = int.from_bytes(header, "big")
                if len(header) != 8 or size > MAX_LARGE:
                    raise MalformedMessage(f"{path}: not a list of length-prefixed items")
                item = file.read(size)
                if len(item) != size:
                    raise MalformedMessage(f"{path}: cut off inside an item")
                yield item
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
