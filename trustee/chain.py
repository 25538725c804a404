"""The lines of a ledger file: one JSON object each, with the hash of the one before.

Used by :mod:`trustee.ledger`, which writes them, and by the commands that only look.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from protocols.hashing import domain_hash
from trustee.errors import LedgerError

GENESIS = domain_hash("cefed/ledger/v1")
CLOSING, SEEN, CLASSES = "closing", "seen", "classes"
EVENTS = frozenset({CLOSING, SEEN, CLASSES})

Line = dict[str, Any]


def canonical(record: Line) -> bytes:
    """The bytes of a record, without the line's end."""
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode("ascii")


def link(record: Line) -> bytes:
    """The hash of a record: over everything in it but the hash itself."""
    content = {key: value for key, value in record.items() if key != "hash"}
    return domain_hash("cefed/ledger-entry/v1", canonical(content))


def follow(lines: Iterable[bytes], path: Path) -> Iterator[Line]:
    """The records of complete lines, each checked against the one before.

    :raises LedgerError: naming the first line that is no record or breaks the chain.
    """
    head = GENESIS
    for number, line in enumerate(lines):
        try:
            record = json.loads(line)
            holds = (
                record["number"] == number
                and record["previous"] == head.hex()
                and record["hash"] == link(record).hex()
                and record["event"] in EVENTS
            )
            head = bytes.fromhex(record["hash"]) if holds else head
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LedgerError(f"{path}: line {number + 1} is not a record") from error
        if not holds:
            raise LedgerError(f"{path}: line {number + 1} breaks the chain")
        yield record


def look(path: Path) -> list[Line]:
    """The records of a ledger that another process may be writing; changes nothing.

    :raises LedgerError: missing, unreadable, or its chain is broken.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise LedgerError(f"cannot read {path}: {error.strerror}") from error
    # The line that is being written has no end yet.
    return list(follow((line for line in lines if line.endswith(b"\n")), path))
