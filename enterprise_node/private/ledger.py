"""The egress ledger: one signed line for everything that leaves the private side.

A line is canonical JSON: number, time, kind, round, destination, number of bytes, SHA-256 of the
bytes, the hash by which receipts name them, the previous line's hash, the signing key, the hash
over all of these and the key's signature over that hash. It is durable before the file appears in
the outbox, so an entry may stand for bytes that never left, but no bytes leave without an entry.
``egress.head`` holds the signed number of lines and the last hash: lines that are cut off at the
end are missed. A node that changes its key says so in an entry signed by the old one. Read by the
owner and by auditors (``cefed node ledger``, :mod:`enterprise_node.private.ledger_export`).
SPEC.md section 7.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from enterprise_node.errors import LedgerBroken, NodeStoreError
from enterprise_node.private.lines import append_line, read_lines
from protocols.errors import InvalidSignature, StorageError
from protocols.files import read_limited, replace_file
from protocols.hashing import domain_hash
from protocols.signing import SigningKey, VerifyKey, statement_hash
from protocols.wire import messages_pb2 as pb

GENESIS = "0" * 64
KIND = "egress"
HEAD_KIND = "egress-head"
MAX_LINE = 1 << 14
_DOMAIN = "cefed/egress/v2"


@dataclass(frozen=True)
class EgressEntry:
    """One line. ``time`` is in seconds since 1970-01-01 UTC, hashes and keys are hexadecimal.

    ``destination`` names who it is for: the coordinator's fingerprint. ``statement`` is how a
    receipt refers to the bytes. ``next_key`` is empty but in the entry of a request for a new
    key: the key that may sign the entries after it.
    """

    number: int
    time: int
    kind: str
    round_id: str
    destination: str
    bytes: int
    sha256: str
    statement: str
    next_key: str
    previous: str
    key: str
    hash: str
    signature: str

    @classmethod
    def read(cls, fields: object) -> EgressEntry:
        """An entry from JSON, of which only the form is checked. :raises ValueError: not one."""
        return cls(**_of_types(fields, cls))

    def line(self) -> str:
        """The line as it stands in the file, without its end."""
        return canonical(asdict(self))


@dataclass(frozen=True)
class Head:
    """The signed end of a ledger: how many lines it has, and the last one's hash."""

    count: int
    hash: str
    key: str
    signature: str

    @classmethod
    def read(cls, fields: object) -> Head:
        """A head from JSON, of which only the form is checked. :raises ValueError: not one."""
        return cls(**_of_types(fields, cls))


class EgressLedger:
    """The ledger of one node. Single writer: the private side's lock sees to that.

    ``path`` is the file of lines; the head stands beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head_path = path.with_suffix(".head")

    def append(
        self,
        key: SigningKey,
        *,
        time: int,
        kind: str,
        round_id: str,
        destination: str,
        payload: bytes,
        next_key: VerifyKey | None = None,
    ) -> EgressEntry:
        """Add an entry and make it durable. :raises NodeStoreError: damaged or not writable."""
        entries = self.entries()
        if len(entries) == 1 and self.head() is None:
            # A crash or a full disk came in between: no second line without an end before it.
            self._write_head(key, entries[0])
        fields: dict[str, str | int] = {
            "number": len(entries),
            "time": time,
            "kind": kind,
            "round_id": round_id,
            "destination": destination,
            "bytes": len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(),
            "statement": statement_hash(payload).hex(),
            "next_key": next_key.raw.hex() if next_key is not None else "",
            "previous": entries[-1].hash if entries else GENESIS,
            "key": key.public.raw.hex(),
        }
        link = _link(fields)
        entry = EgressEntry(
            **fields,  # type: ignore[arg-type]
            hash=link.hex(),
            signature=_signature(key, KIND, link),
        )
        append_line(self.path, entry.line().encode("utf-8"))
        self._write_head(key, entry)
        return entry

    def entries(self) -> list[EgressEntry]:
        """Every entry in order, without checking anything.

        :raises LedgerBroken: a line that is none.
        """
        return [_parse(line, number) for number, line in enumerate(read_lines(self.path), start=1)]

    def head(self) -> Head | None:
        """The signed end, None before the first entry. :raises LedgerBroken: not a head."""
        if not self._head_path.exists():
            return None
        try:
            return Head.read(json.loads(read_limited(self._head_path, MAX_LINE)))
        except (StorageError, ValueError, RecursionError) as error:
            raise LedgerBroken(f"{self._head_path}: not the head of an egress ledger") from error

    def verify(self, key: VerifyKey) -> int:
        """Check every line, the chain and the head, and return the number of entries.

        :param key: the node's key.
        :raises LedgerBroken: naming the first line that was changed, removed or inserted.
        """
        entries, head = self.entries(), self.head()
        if entries and head is None:
            raise LedgerBroken(f"{self._head_path} is missing: nobody can tell how long it was")
        verify_chain(entries, head, key)
        return len(entries)

    def require_whole(self, key: VerifyKey) -> None:
        """Check that the ledger may be continued. Called before the private side signs anything.

        :raises NodeStoreError: it does not hold.
        """
        try:
            if self.head() is None and len(self.entries()) == 1:
                return  # what a crash after the first line leaves; the next line mends it
            self.verify(key)
        except LedgerBroken as error:
            raise NodeStoreError(
                f"{self.path} does not hold, so nothing is signed ({error}); restore it and "
                f"{self._head_path.name} from a backup"
            ) from error

    def _write_head(self, key: SigningKey, last: EgressEntry) -> None:
        head = make_head(key, last.number + 1, last.hash)
        replace_file(self._head_path, canonical(asdict(head)).encode("ascii") + b"\n")


def make_head(key: SigningKey, count: int, last: str) -> Head:
    """The signed end of a ledger of ``count`` entries whose last hash is ``last``."""
    signature = _signature(key, HEAD_KIND, _head_bytes(count, last))
    return Head(count, last, key.public.raw.hex(), signature)


def verify_chain(entries: Iterable[EgressEntry], head: Head | None, key: VerifyKey) -> None:
    """Check a whole ledger: numbers, links, signatures, changes of the key, and the end.

    :param key: one of the keys that the node has had; who knows one is led to the others.
    :raises LedgerBroken: naming the first line at fault.
    """
    last, signer, allowed = GENESIS, "", ""
    reached: list[EgressEntry] = []
    for number, entry in enumerate(entries, start=1):
        fields = asdict(entry)
        claimed, signature = fields.pop("hash"), fields.pop("signature")
        link = _link(fields)
        if entry.number != number - 1 or entry.previous != last or link.hex() != claimed:
            raise LedgerBroken(
                f"line {number}: the chain of hashes does not hold; this line or the one before it "
                "was changed, removed or moved"
            )
        if number > 1 and entry.key not in (signer, allowed):
            raise LedgerBroken(f"line {number}: signed by a key that no entry before it announced")
        if entry.key != signer:
            allowed = ""  # an announcement serves for one change
        _check(entry.key, KIND, link, signature, f"line {number}")
        signer, allowed = entry.key, entry.next_key or allowed
        last = claimed
        reached.append(entry)
    if reached and key.raw.hex() not in {entry.key for entry in reached} | {allowed}:
        raise LedgerBroken(
            f"the ledger belongs to {reached[0].key[:16]}..., not to {key.fingerprint}"
        )
    if head is not None:
        _check_head(head, reached, allowed)


def canonical(fields: dict[str, str | int]) -> str:
    """The one text of some fields."""
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _check_head(head: Head, entries: list[EgressEntry], allowed: str) -> None:
    if not 0 < head.count <= len(entries):
        raise LedgerBroken(
            f"the ledger has {len(entries)} entries, its signed head counts {head.count}: the end "
            "was cut off"
        )
    # A crash may leave one more line than the head counts, never one less.
    if entries[head.count - 1].hash != head.hash:
        raise LedgerBroken("the signed head belongs to another ledger")
    if head.key not in {entries[head.count - 1].key, allowed}:
        raise LedgerBroken("the head is signed by another key than the last entry")
    _check(head.key, HEAD_KIND, _head_bytes(head.count, head.hash), head.signature, "the head")


def _check(key: str, kind: str, payload: bytes, signature: str, where: str) -> None:
    try:
        VerifyKey(bytes.fromhex(key)).verify(kind, payload, bytes.fromhex(signature))
    except (InvalidSignature, ValueError, TypeError) as error:
        raise LedgerBroken(f"{where}: not signed by the key it names") from error


def _parse(line: bytes, number: int) -> EgressEntry:
    try:
        return EgressEntry.read(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise LedgerBroken(
            f"line {number}: not an entry of an egress ledger; restore egress.jsonl from a "
            "backup, or move it and egress.head away to begin a new one"
        ) from error


def _of_types(fields: object, kind: type) -> dict[str, Any]:
    """``fields``, which are those of a dataclass of texts and numbers and of their types."""
    wanted = {name: int if of == "int" else str for name, of in kind.__annotations__.items()}
    if not isinstance(fields, dict) or {name: type(v) for name, v in fields.items()} != wanted:
        raise ValueError("other fields than are needed, or of other types")
    return fields


def _signature(key: SigningKey, kind: str, payload: bytes) -> str:
    signed = pb.Signed.FromString(key.sign(kind, payload))
    return signed.signature.hex()


def _head_bytes(count: int, last: str) -> bytes:
    return f"{count}:{last}".encode("ascii", "replace")


def _link(fields: dict[str, str | int]) -> bytes:
    return domain_hash(_DOMAIN, canonical(fields).encode("utf-8", "surrogatepass"))
