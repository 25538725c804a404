"""The egress ledger: one line for every request that leaves the node, chained by hashes.

A line is canonical JSON: time, round, kind, destination, number of bytes, SHA-256 of the bytes,
the previous line's hash and its own. It is written and flushed before the bytes are handed to the
network, so an entry may stand for a request that failed, but no request is without an entry. Read
by the owner (``cefed node ledger``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from enterprise_node.errors import NodeStoreError
from protocols.hashing import domain_hash

GENESIS = "0" * 64
_DOMAIN = "cefed/egress/v1"


@dataclass(frozen=True)
class EgressEntry:
    """One line. ``time`` is in seconds since 1970-01-01 UTC, hashes are hexadecimal."""

    time: int
    round_id: str
    kind: str
    destination: str
    bytes: int
    sha256: str
    previous: str
    hash: str

    def line(self) -> str:
        """The line as it stands in the file, without its end."""
        return _canonical(asdict(self))


class EgressLedger:
    """The ledger of one node. Single writer: a node runs one command at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(
        self, *, time: int, round_id: str, kind: str, destination: str, payload: bytes
    ) -> EgressEntry:
        """Add and flush an entry. :raises NodeStoreError: damaged or not writable."""
        previous = self._settle()
        fields: dict[str, str | int] = {
            "time": time,
            "round_id": round_id,
            "kind": kind,
            "destination": destination,
            "bytes": len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(),
            "previous": previous,
        }
        entry = EgressEntry(**fields, hash=_link(fields))  # type: ignore[arg-type]
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.write(entry.line() + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NodeStoreError(f"cannot write {self.path}: {error.strerror}") from error
        return entry

    def entries(self) -> Iterator[EgressEntry]:
        """Every entry in order, without checking the chain."""
        if not self.path.exists():
            return
        try:
            with self.path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, start=1):
                    if line.endswith("\n"):
                        yield self._parse(line, number)
        except (OSError, UnicodeDecodeError) as error:
            raise NodeStoreError(f"cannot read {self.path}: {error}") from error

    def verify(self) -> int:
        """Check the whole chain and return the number of entries.

        :raises NodeStoreError: naming the first line that was changed, removed or inserted.
        """
        head, count = GENESIS, 0
        for number, entry in enumerate(self.entries(), start=1):
            fields = asdict(entry)
            claimed = fields.pop("hash")
            if entry.previous != head or _link(fields) != claimed:
                raise NodeStoreError(
                    f"{self.path}, line {number}: the chain of hashes does not hold; this line or "
                    "the one before it was changed or removed"
                )
            head, count = entry.hash, number
        return count

    def _settle(self) -> str:
        """Drop an incomplete last line, whose request was never sent, and return the head."""
        head = GENESIS
        if not self.path.exists():
            return head
        data = self.path.read_bytes()
        complete = data.rfind(b"\n") + 1
        if complete != len(data):
            os.truncate(self.path, complete)
        lines = data[:complete].splitlines()
        return self._parse(lines[-1].decode("utf-8"), len(lines)).hash if lines else head

    def _parse(self, line: str, number: int) -> EgressEntry:
        try:
            return EgressEntry(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise NodeStoreError(
                f"{self.path}, line {number}: not an entry of an egress ledger; restore the file "
                "from a backup, or move it away to begin a new one"
            ) from error


def _canonical(fields: dict[str, str | int]) -> str:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _link(fields: dict[str, str | int]) -> str:
    return domain_hash(_DOMAIN, _canonical(fields).encode("utf-8")).hex()
