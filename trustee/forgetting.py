"""The dealer's last step: once every trustee has its share, nothing of the key stays with it.

:func:`look` says how far a ceremony's folder has come, :func:`forget` carries the deletion out.
Deleted are the sealed shares, which nobody should collect, and the dealer's signing key, so that
nobody deals again in its name. The primes and the open shares were never on a disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from protocols.ceremony import MAX_BYTES, Ceremony
from protocols.errors import InvalidSignature, ProtocolError
from protocols.keyfiles import load_signing_key
from protocols.signing import open_signed
from trustee import protocol
from trustee.dealing import DEALER, RECORD, TRANSCRIPT, share_name
from trustee.errors import FolderError
from trustee.folder import read_file, write_file

DELETION, KIND = "deletion.bin", "ceremony-deletion"
SCHEMA = "cefed.ceremony-deletion/1"


@dataclass(frozen=True)
class Progress:
    """How far a ceremony has come.

    :ivar missing: names of trustees whose countersignature is not there.
    :ivar left: files that the dealer has to delete and has not.
    :ivar defects: what does not hold, in words.
    :ivar deleted: when the dealer attested the deletion, in seconds; None if it did not.
    """

    ceremony: Ceremony
    missing: tuple[str, ...]
    left: tuple[str, ...]
    defects: tuple[str, ...]
    deleted: int | None

    @property
    def countersigned(self) -> bool:
        """Whether the record may be used."""
        return not self.missing and not self.defects

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.countersigned and not self.left and self.deleted is not None


def look(out: Path, *, unsafe_small_modulus: bool = False) -> Progress:
    """Check everything in a ceremony's folder; changes nothing.

    :raises ProtocolError: the record itself does not hold. :raises FolderError: there is none.
    """
    record = read_file(out / RECORD, MAX_BYTES)
    ceremony = Ceremony.from_signed(record, unsafe_small_modulus=unsafe_small_modulus)
    defects: list[str] = []
    signed: set[int] = set()
    for path in sorted(out.glob("countersignature-*.bin")):
        try:
            signed.add(_countersigner(ceremony, path))
        except (ProtocolError, FolderError) as error:
            defects.append(f"{path.name}: {error}")
    try:
        defects += _changed(out, ceremony)
    except (ProtocolError, FolderError) as error:
        defects.append(f"{TRANSCRIPT}: {error}")
    deleted = None
    if (out / DELETION).exists():
        try:
            deleted = _deleted(out, ceremony)
        except (ProtocolError, FolderError) as error:
            defects.append(f"{DELETION}: {error}")
    return Progress(
        ceremony,
        tuple(t.name for t in ceremony.trustees if t.index not in signed),
        tuple(name for name in _to_delete(ceremony) if (out / name).exists()),
        tuple(defects),
        deleted,
    )


def forget(out: Path, *, now: int, unsafe_small_modulus: bool = False) -> Progress:
    """Delete the shares and the dealer's key, and leave the signed ``deletion.bin``.

    May be repeated after a failure. Files are deleted, not overwritten: file systems and disks of
    today write elsewhere, so that overwriting would prove nothing. What protects a forgotten copy
    of a share is that it is sealed to its trustee.

    :param now: seconds since 1970-01-01 UTC.
    :raises FolderError: a countersignature is missing, or something does not hold; nothing is
        deleted then.
    """
    progress = look(out, unsafe_small_modulus=unsafe_small_modulus)
    if progress.defects:
        raise FolderError(f"{out}: {'; '.join(progress.defects)}. Nothing was deleted")
    if progress.missing:
        raise FolderError(
            f"{out}: not countersigned by {', '.join(progress.missing)}. Nothing was deleted: a "
            "trustee that has not checked its share may still need it"
        )
    shares = [share_name(t.index) for t in progress.ceremony.trustees]
    _delete(out, shares)
    if progress.deleted is None:
        # The dealer's key goes last: without it nobody could attest anything.
        document = {
            "schema": SCHEMA,
            "key_id": progress.ceremony.key_id.hex(),
            "time": now,
            "deleted": [*shares, DEALER],
        }
        payload = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("utf-8")
        dealer = load_signing_key(out / DEALER)
        if dealer.public != progress.ceremony.dealer:
            raise FolderError(f"{out / DEALER} is not the key that dealt this ceremony")
        write_file(out / DELETION, dealer.sign(KIND, payload))
    _delete(out, [DEALER])
    return look(out, unsafe_small_modulus=unsafe_small_modulus)


def _countersigner(ceremony: Ceremony, path: Path) -> int:
    own = open_signed(ceremony.received, "ceremony", MAX_BYTES).payload
    statement = open_signed(read_file(path, MAX_BYTES), "ceremony", MAX_BYTES)
    if statement.payload != own:
        raise InvalidSignature("a countersignature is over another ceremony record")
    return ceremony.trustee(statement.signer).index


def _changed(out: Path, ceremony: Ceremony) -> list[str]:
    """Files that are there and are not those of the dealer's transcript."""
    hashes = protocol.read_transcript(read_file(out / TRANSCRIPT, MAX_BYTES), ceremony)
    return [
        f"{name} is not the file that the dealer wrote"
        for name, expected in hashes.items()
        if (out / Path(name).name).exists()
        and protocol.file_hash(read_file(out / Path(name).name, MAX_BYTES)) != expected
    ]


def _deleted(out: Path, ceremony: Ceremony) -> int:
    statement = open_signed(read_file(out / DELETION, MAX_BYTES), KIND, MAX_BYTES)
    if statement.signer != ceremony.dealer:
        raise InvalidSignature("the deletion is the dealer's to sign")
    try:
        document = json.loads(statement.payload)
        key_id, time = document["key_id"], int(document["time"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FolderError("it does not parse") from error
    if key_id != ceremony.key_id.hex():
        raise InvalidSignature("it is about another ceremony")
    return time


def _to_delete(ceremony: Ceremony) -> list[str]:
    return [*(share_name(t.index) for t in ceremony.trustees), DEALER]


def _delete(out: Path, names: list[str]) -> None:
    for name in names:
        try:
            (out / name).unlink(missing_ok=True)
        except OSError as error:
            raise FolderError(f"cannot delete {out / name}: {error.strerror}") from error
