"""The ceremonies that a trustee accepted: one folder each, ``ceremonies/KEY_ID/``.

::

    ceremony.bin           the dealer's record
    share.sealed           this trustee's share, mode 0600; gone once it was destroyed
    countersignature.bin   for the coordinator and the dealer
    destroyed.bin          the signed note that the share was destroyed

Keys of several periods are served side by side; the ledger is one for all of them, so that an item
which was closed under one key stays closed under the next.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from protocols.ceremony import MAX_BYTES, Ceremony, Trustee, countersign, open_share
from protocols.errors import KeyRefused
from protocols.keyfiles import check_private, write_private
from protocols.signing import SigningKey, open_signed
from trustee.errors import FolderError, SettingsError
from trustee.exchange import Holder
from trustee.folder import IDENTITY, Identity, Keys, read_file, write_file

FOLDER = "ceremonies"
RECORD, SHARE, COUNTERSIGNATURE = "ceremony.bin", "share.sealed", "countersignature.bin"
DESTROYED, DESTROYED_KIND = "destroyed.bin", "share-destruction"


@dataclass(frozen=True)
class Accepted:
    """One accepted ceremony; ``holder`` is None if this trustee's share was destroyed or lost."""

    ceremony: Ceremony
    me: Trustee
    signing: SigningKey
    holder: Holder | None


def place(folder: Path, key_id: bytes) -> Path:
    """Where a ceremony is kept."""
    return folder / FOLDER / key_id.hex()


def accept(
    folder: Path, keys: Keys, record: bytes, sealed: bytes, *, unsafe_small_modulus: bool = False
) -> tuple[Accepted, Path]:
    """Check a ceremony and this trustee's share of it, keep both, and countersign.

    May be repeated; of a ceremony whose share was destroyed nothing is accepted any more.

    :returns: the ceremony, and the path of the countersignature.
    :raises ProtocolError: the record or the share does not hold.
    """
    ceremony = Ceremony.from_signed(record, unsafe_small_modulus=unsafe_small_modulus)
    me = ceremony.trustee(keys.signing.public)
    if me.sealing_key != keys.sealing.public:
        raise KeyRefused("the ceremony names another sealing key for this trustee")
    identity = Identity.load(folder / IDENTITY)
    if me.name != identity.name:
        raise KeyRefused(f"the ceremony calls this trustee {me.name!r}, not {identity.name!r}")
    share = open_share(ceremony, keys.sealing, me.index, sealed)
    kept = place(folder, ceremony.key_id)
    if (kept / DESTROYED).exists():
        raise FolderError(f"{kept}: the share of this key was destroyed; it is not taken in again")
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"cannot make {kept}: {error.strerror}") from error
    if not (kept / SHARE).exists():
        write_private(kept / SHARE, sealed)
    write_file(kept / COUNTERSIGNATURE, countersign(ceremony, keys.signing))
    # Last: a ceremony without its record is none, so a crash before leaves nothing half accepted.
    write_file(kept / RECORD, record)
    holder = Holder(me, keys.signing, keys.sealing, share)
    return Accepted(ceremony, me, keys.signing, holder), kept / COUNTERSIGNATURE


def load(folder: Path, keys: Keys, *, unsafe_small_modulus: bool = False) -> list[Accepted]:
    """Every accepted ceremony. :raises FolderError: there is none."""
    found = [
        _load(path.parent, keys, unsafe_small_modulus)
        for path in sorted((folder / FOLDER).glob(f"*/{RECORD}"))
    ]
    if not found:
        raise FolderError(f"{folder}: no ceremony yet; run: cefed trustee accept {folder} ...")
    return found


def destroy_share(
    folder: Path, keys: Keys, accepted: Accepted, *, now: int, head: bytes
) -> tuple[Path, bytes]:
    """Delete this trustee's share of a key for good, and sign that it was done.

    The share stands sealed in one file. Whoever keeps a copy of that file and the sealing key can
    still open it, so copies in backups have to go as well; overwriting the file in place would add
    nothing on the disks of today, which write elsewhere.

    :param head: the ledger's head, which dates the destruction among the openings.
    :returns: the path and the bytes of the signed note.
    """
    kept = place(folder, accepted.ceremony.key_id)
    try:
        (kept / SHARE).unlink(missing_ok=True)
    except OSError as error:
        raise FolderError(f"cannot delete {kept / SHARE}: {error.strerror}") from error
    note = {
        "schema": "cefed.share-destruction/1",
        "key_id": accepted.ceremony.key_id.hex(),
        "period": accepted.ceremony.period,
        "trustee": accepted.me.index,
        "name": accepted.me.name,
        "time": now,
        "ledger_head": head.hex(),
    }
    payload = json.dumps(note, sort_keys=True, separators=(",", ":")).encode("utf-8")
    signed = keys.signing.sign(DESTROYED_KIND, payload)
    write_file(kept / DESTROYED, signed)
    return kept / DESTROYED, signed


def choose(found: list[Accepted], key: str | None) -> Accepted:
    """The ceremony whose key id begins with ``key``, or the only one.

    :raises SettingsError: none, or several.
    """
    fitting = [a for a in found if a.ceremony.key_id.hex().startswith((key or "").lower())]
    if len(fitting) != 1:
        names = ", ".join(f"{a.ceremony.key_id.hex()[:16]} ({a.ceremony.period})" for a in found)
        raise SettingsError(f"choose one key with --key: {names}")
    return fitting[0]


def _load(kept: Path, keys: Keys, unsafe_small_modulus: bool) -> Accepted:
    record = read_file(kept / RECORD, MAX_BYTES)
    ceremony = Ceremony.from_signed(record, unsafe_small_modulus=unsafe_small_modulus)
    if kept.name != ceremony.key_id.hex():
        raise FolderError(f"{kept} holds another ceremony than its name says")
    me = ceremony.trustee(keys.signing.public)
    if (kept / DESTROYED).exists():
        statement = open_signed(read_file(kept / DESTROYED, MAX_BYTES), DESTROYED_KIND)
        if statement.signer != me.signing_key:
            raise FolderError(f"{kept / DESTROYED} is not signed by this trustee")
        return Accepted(ceremony, me, keys.signing, None)
    if not (kept / SHARE).exists():
        return Accepted(ceremony, me, keys.signing, None)
    check_private(kept / SHARE)
    share = open_share(ceremony, keys.sealing, me.index, read_file(kept / SHARE, MAX_BYTES))
    holder = Holder(me, keys.signing, keys.sealing, share)
    return Accepted(ceremony, me, keys.signing, holder)
