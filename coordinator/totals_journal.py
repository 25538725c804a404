"""The journal of a totals round: what members answered and where stages ended, before it is used.

A conductor that was killed reads it and stands where it stood (:mod:`coordinator.totals`). One
file, only appended to. Each record is its length, its bytes and a link of a hash chain; a record
that was being written when the machine stopped is cut off, since nothing was done because of it.
A record that is damaged before the end is another matter: a conductor that forgot what it had
acted on might ask for a second list of survivors, so such a journal is refused. A damaged length
cannot be told from a record that was cut short, and cuts off what follows; members sign one list
only, so that then costs the round and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from coordinator.errors import StoreError
from protocols.files import sync_folder
from protocols.hashing import HASH_BYTES, domain_hash

MAGIC = b"cefed-totals-journal/1\n"
LENGTH_BYTES = 4
PLACE_BYTES = 4
MAX_RECORD_BYTES = 1 << 26
_ANSWER, _GO_ON = b"A", b"G"


@dataclass(frozen=True)
class Answered:
    """The member at ``place`` of the roster answered with these bytes."""

    place: int
    answer: bytes


@dataclass(frozen=True)
class WentOn:
    """The stage ended with those who had answered."""


Event = Answered | WentOn


class Journal:
    """The journal of one round; a context manager.

    :param binding: 32 bytes that name the round, so that no other one's journal is taken for it.
    """

    def __init__(self, path: Path, binding: bytes) -> None:
        self._path = path
        self._binding = binding
        self._link = domain_hash("cefed/totals-journal/v1", binding)
        self._file: BinaryIO | None = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> list[Event]:
        """Everything that was recorded, oldest first; from now on :meth:`append` works.

        :raises StoreError: it cannot be read, is another round's, or is damaged before its end.
        """
        head = MAGIC + self._binding
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            self._file = os.fdopen(descriptor, "r+b")
            data = self._file.read()
            if len(data) < len(head) and head.startswith(data):  # new, or cut short in its head
                self._file.seek(0)
                self._write(head)
                sync_folder(self._path.parent)
                return []
            if not data.startswith(head):
                raise StoreError(
                    f"{self._path} is not the journal of this round: give the round a folder of "
                    "its own"
                )
            events, end = self._read(data, len(head))
            self._file.seek(end)
            self._file.truncate()
        except OSError as error:
            raise StoreError(f"cannot use {self._path}: {error.strerror}") from error
        return events

    def append(self, events: Iterable[Event]) -> None:
        """Make events durable, all of them in one write. :raises StoreError: it cannot be done."""
        if self._file is None:
            raise StoreError(f"{self._path} is not open")
        try:
            self._write(b"".join(self._record(event) for event in events))
        except OSError as error:
            raise StoreError(f"cannot write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file; opening it again reads what was appended."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Close and delete it: the round is over. :raises StoreError: it cannot be deleted."""
        self.close()
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"cannot remove {self._path}: {error.strerror}") from error

    def _write(self, data: bytes) -> None:
        if self._file is None or not data:
            return
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _record(self, event: Event) -> bytes:
        body = _body(event)
        self._link = domain_hash("cefed/totals-journal/v1", self._link, body)
        return len(body).to_bytes(LENGTH_BYTES, "big") + body + self._link

    def _read(self, data: bytes, position: int) -> tuple[list[Event], int]:
        events: list[Event] = []
        for start, end in _spans(data, position):
            body, link = data[start + LENGTH_BYTES : end - HASH_BYTES], data[end - HASH_BYTES : end]
            expected = domain_hash("cefed/totals-journal/v1", self._link, body)
            if link != expected:
                if not any(data[end:]):  # blocks that the disk never got
                    return events, start
                raise StoreError(
                    f"{self._path} is damaged at byte {start}; restore it, or let the round end "
                    "without a release and propose another one"
                )
            self._link = expected
            events.append(_event(body))
            position = end
        return events, position


def _spans(data: bytes, position: int) -> Iterator[tuple[int, int]]:
    """Where each whole record begins and ends."""
    while position + LENGTH_BYTES <= len(data):
        length = int.from_bytes(data[position : position + LENGTH_BYTES], "big")
        end = position + LENGTH_BYTES + length + HASH_BYTES
        if not 0 < length <= MAX_RECORD_BYTES or end > len(data):
            return
        yield position, end
        position = end


def _body(event: Event) -> bytes:
    if isinstance(event, WentOn):
        return _GO_ON
    return _ANSWER + event.place.to_bytes(PLACE_BYTES, "big") + event.answer


def _event(body: bytes) -> Event:
    if body == _GO_ON:
        return WentOn()
    place = int.from_bytes(body[1 : 1 + PLACE_BYTES], "big")
    return Answered(place, body[1 + PLACE_BYTES :])
