"""The exchange folder: all that private side and gateway share. Plain files, nothing else.

::

    outbox/   written and emptied by the private side, read by the gateway
    inbox/    written by the gateway, emptied by the private side

Each envelope is one file: a line of magic, a line of JSON with kind, subject, serial, length and
the SHA-256 of all of them, and then the payload. A file appears under its name in one step, so what
is cut short or altered was so on its way (a medium pulled out, a copy that broke); it is
recognised, renamed to ``*.damaged`` and reported. There are no locks, links or times in it: the
folder may be copied over removable media, and a file that arrives twice is recognised by its
content. Each side takes the other for one that may put anything there: links, pipes, folders and
files without end are set aside, and nothing is read or written through them. Names are built so
that Windows takes them. SPEC.md section 7.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from enterprise_node.errors import EnvelopeDamaged, ExchangeError
from protocols.errors import StorageError
from protocols.files import UnfitFile, read_untrusted, replace_file
from protocols.hashing import length_prefixed
from protocols.wire.codec import MAX_LARGE

MAGIC = b"cefed-envelope/1\n"
MAX_HEADER_BYTES = 1024
MAX_PAYLOAD_BYTES = MAX_LARGE + (1 << 20)
"""Room for a round's outcome, the largest thing that a gateway hands in."""

GATEWAY_FILE = "gateway.toml"
"""Beside the mailboxes: where the gateway dials. Enrolling writes it."""

SUFFIX = ".envelope"
TAKEN = ".taken"
DAMAGED = ".damaged"
MAX_FILES = 10_000
"""What is read of one folder at a time; whoever can write there could fill it."""

MAX_TAKEN_BYTES = 2 * MAX_PAYLOAD_BYTES
"""How much is held at a time, beyond the last envelope."""

OUT_KINDS = ("pass", "enrolment", "rotation", "contribution", "receipt", "masked", "totals")
"""From the private side. A ``receipt`` goes back to the gateway: it asks for that round's end.
``masked`` is what a node answers ``masking`` with, and ``totals`` the next answer of a round of
totals."""

IN_KINDS = ("certificate", "round", "receipt", "masking", "totals", "release", "notice")
"""From the gateway, in the order in which the private side handles them."""

_KIND = re.compile(r"[a-z]{1,20}", re.ASCII)
_SUBJECT = re.compile(r"[A-Za-z0-9._-]{0,64}", re.ASCII)


@dataclass(frozen=True)
class Envelope:
    """One envelope. ``subject`` is the round's identifier, or empty.

    ``serial`` counts the owner's requests to have everything sent again, so that the same payload
    can be told from a repetition that is meant.
    """

    kind: str
    subject: str
    payload: bytes
    serial: int = 0

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind) or not _SUBJECT.fullmatch(self.subject):
            raise ExchangeError(f"{self.kind[:20]!r} for {self.subject[:64]!r} is no envelope")
        if len(self.payload) > MAX_PAYLOAD_BYTES:
            raise ExchangeError(f"an envelope holds at most {MAX_PAYLOAD_BYTES} bytes")

    @property
    def digest(self) -> str:
        """SHA-256 of the whole file, hexadecimal: tells whether this very envelope came before."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def file_name(self) -> str:
        """Where this kind and subject stand, one file for each."""
        return safe_name(self.kind, self.subject) + SUFFIX

    def to_bytes(self) -> bytes:
        """The file's content."""
        header = {
            "kind": self.kind,
            "length": len(self.payload),
            "serial": self.serial,
            "sha256": self._checksum(),
            "subject": self.subject,
        }
        return MAGIC + _header_line(header) + self.payload

    @classmethod
    def from_bytes(cls, data: bytes) -> Envelope:
        """Read a file's content.

        :raises EnvelopeDamaged: cut short, altered or something else.
        """
        if not data.startswith(MAGIC):
            raise EnvelopeDamaged("does not begin like an envelope")
        end = data.find(b"\n", len(MAGIC), len(MAGIC) + MAX_HEADER_BYTES) + 1
        line, payload = data[len(MAGIC) : end], data[end:]
        try:
            header = json.loads(line) if end else None
            if not isinstance(header, dict) or _header_line(header) != line:
                raise EnvelopeDamaged("its header is cut short or altered")
            kind, subject, serial = header["kind"], header["subject"], header["serial"]
            if type(serial) is not int or not 0 <= serial < 1 << 32:
                raise EnvelopeDamaged("its header is altered")
            if header["length"] != len(payload):
                raise EnvelopeDamaged(
                    f"holds {len(payload)} bytes where its header says {header['length']}"
                )
            envelope = cls(kind, subject, payload, serial)
            if header["sha256"] != envelope._checksum():
                raise EnvelopeDamaged("its content is not what its header says: it was altered")
            return envelope
        except EnvelopeDamaged:
            raise
        except (ValueError, TypeError, KeyError, RecursionError, ExchangeError) as error:
            raise EnvelopeDamaged("its header is cut short or altered") from error

    def _checksum(self) -> str:
        parts = (self.kind.encode(), self.subject.encode(), b"%d" % self.serial, self.payload)
        return hashlib.sha256(length_prefixed(parts)).hexdigest()


@dataclass(frozen=True)
class Damaged:
    """What is no envelope: the name it has now, and what is wrong with it.

    ``aside``: whether it was set aside. What can neither be read nor renamed is left, and told.
    """

    name: str
    reason: str
    aside: bool = True


class Mailbox:
    """One direction of the exchange: a folder of envelopes, the newest of each kind and subject.

    :param durable: whether an envelope has to outlast a power cut. The private side makes its own
        again if they are missing or damaged; what the gateway brought is brought once.
    """

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.folder = folder
        self._durable = durable

    def put(self, envelope: Envelope, label: str = "") -> None:
        """Write an envelope in the place of an earlier one of its kind and subject.

        :param label: keeps it apart from others of its kind and subject.
        :raises StorageError: it cannot be written; an earlier one is still there then.
        """
        path = self.folder / (label + envelope.file_name)
        if path.is_dir() and not path.is_symlink():
            _set_aside(path, path.name, "is a folder")  # no file takes the place of one
        replace_file(path, envelope.to_bytes(), durable=self._durable)

    def holds(self, envelope: Envelope) -> bool:
        """Whether this very envelope stands there, undamaged."""
        return self.get(envelope.kind, envelope.subject) == envelope

    def get(self, kind: str, subject: str = "") -> Envelope | None:
        """The envelope of a kind and subject; None if there is none, or a damaged one."""
        path = self.folder / (safe_name(kind, subject) + SUFFIX)
        try:
            return _read(path)
        except (StorageError, EnvelopeDamaged):
            return None

    def payload(self, kind: str, subject: str = "") -> bytes | None:
        """What that envelope holds; None as in :meth:`get`."""
        envelope = self.get(kind, subject)
        return None if envelope is None else envelope.payload

    def withdraw(self, kind: str, subject: str = "") -> None:
        """Remove the envelope of a kind and subject, if there is one."""
        _remove(self.folder / (safe_name(kind, subject) + SUFFIX))

    def read(self) -> tuple[list[Envelope], list[Damaged]]:
        """Every envelope, each content once, in the order of the names; damaged ones set aside.

        For the gateway, which leaves the files where they are.
        """
        return self._collect(self._names(SUFFIX))

    def take(self) -> tuple[list[tuple[Path, Envelope]], list[Damaged]]:
        """Claim every envelope, so that what arrives meanwhile is not mistaken for it.

        For the private side. A claimed file is handled again after a crash, until :meth:`done`.
        """
        for path in self._names(SUFFIX):
            try:
                os.replace(path, path.with_name(path.name + TAKEN))
            except OSError:
                continue  # still being written or copied by somebody: next time
        taken: list[tuple[Path, Envelope]] = []
        damaged: list[Damaged] = []
        room = MAX_TAKEN_BYTES
        for path in self._names(TAKEN):
            try:
                envelope = _read(path)
                taken.append((path, envelope))
                room -= len(envelope.payload)
            except EnvelopeDamaged as error:
                damaged.append(_set_aside(path, path.name.removesuffix(TAKEN), str(error)))
            except StorageError as error:
                damaged += _left(path, error)
            if room < 0:
                break  # the rest next time: whoever can write there could fill the memory
        return taken, damaged

    def done(self, path: Path) -> None:
        """Remove a claimed envelope that was dealt with."""
        _remove(path)

    def _collect(self, paths: Iterable[Path]) -> tuple[list[Envelope], list[Damaged]]:
        found: dict[str, Envelope] = {}
        damaged: list[Damaged] = []
        for path in paths:
            try:
                envelope = _read(path)
            except EnvelopeDamaged as error:
                damaged.append(_set_aside(path, path.name, str(error)))
            except StorageError as error:
                damaged += _left(path, error)
            else:
                found.setdefault(envelope.digest, envelope)
        return list(found.values()), damaged

    def _names(self, suffix: str) -> list[Path]:
        try:
            names = sorted(name for name in os.listdir(self.folder) if name.endswith(suffix))
        except OSError as error:
            raise ExchangeError(
                f"cannot read {self.folder}: {error.strerror}; is the exchange folder there?"
            ) from error
        return [self.folder / name for name in names[:MAX_FILES]]


class Exchange:
    """The folder between a private side and its gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outbox = Mailbox(folder / "outbox", durable=False)
        self.inbox = Mailbox(folder / "inbox", durable=True)

    @classmethod
    def create(cls, folder: Path) -> Exchange:
        """Make the folder, or the parts of it that are missing.

        :raises ExchangeError: it cannot be made.
        """
        try:
            for part in (folder / "outbox", folder / "inbox"):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExchangeError(f"cannot make {error.filename}: {error.strerror}") from error
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> Exchange:
        """The folder as it was made once; a part that a copy left out is made again.

        :raises ExchangeError: it is not there, or empty as the place of a medium that is not in.
        """
        if not any((folder / part).exists() for part in (GATEWAY_FILE, "outbox", "inbox")):
            raise ExchangeError(f"{folder} is missing: mount or restore it")
        return cls.create(folder)


def safe_name(kind: str, subject: str) -> str:
    """A file's name for a subject: no name that Windows reserves, and different names stay so.

    Identifiers that differ in upper and lower case only would be one file there, hence the digits.
    """
    if not subject:
        return kind
    return f"{kind}-{subject}-{hashlib.sha256(subject.encode('utf-8')).hexdigest()[:8]}"


def pack(parts: Iterable[bytes]) -> bytes:
    """Several byte strings in one."""
    return length_prefixed(parts)


def unpack(data: bytes) -> list[bytes]:
    """Inverse of :func:`pack`. :raises EnvelopeDamaged: not what it makes."""
    return list(_parts(data))


def _parts(data: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        start = position + 8
        position = start + int.from_bytes(data[position:start], "big")
        if len(data) < start or position > len(data):
            raise EnvelopeDamaged("its parts do not add up")
        yield data[start:position]


_MAX_FILE_BYTES = len(MAGIC) + MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES


def _header_line(header: dict[str, object]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _read(path: Path) -> Envelope:
    """:raises EnvelopeDamaged: it is none. :raises StorageError: gone, or not readable now."""
    try:
        return Envelope.from_bytes(read_untrusted(path, _MAX_FILE_BYTES))
    except UnfitFile as error:
        raise EnvelopeDamaged("is too large, or no file at all") from error


def _set_aside(path: Path, name: str, reason: str) -> Damaged:
    # The second name is for one that is taken by a folder, or would be too long.
    for aside in (name + DAMAGED, secrets.token_hex(8) + DAMAGED):
        try:
            os.replace(path, path.with_name(aside))
        except OSError:
            continue
        return Damaged(_shown(aside), reason)
    return Damaged(_shown(path.name), f"{reason}, and it cannot be set aside", aside=False)


def _left(path: Path, error: StorageError) -> list[Damaged]:
    """What to say about a file that cannot be read now; nothing if it is gone meanwhile."""
    if not os.path.lexists(path):
        return []
    reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else str(error)
    return [Damaged(_shown(path.name), f"cannot be read now ({reason})", aside=False)]


def _shown(name: str) -> str:
    """A name that somebody else chose, fit for a terminal and a log."""
    return ascii(name)[1:-1]


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            _set_aside(path, path.name, "is a folder")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ExchangeError(f"cannot remove {path}: {error.strerror}") from error
