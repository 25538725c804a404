"""A trustee's folder: its keys, its identity for the ceremony, the accepted ceremony, its ledger.

::

    signing.pem sealing.pem   private keys, mode 0600
    identity.json             name and public keys, for the dealer
    limits.toml               the least terms it accepts
    ceremony.bin share.sealed countersignature.bin    after `accept`
    ledger.jsonl              the closing statements it signed
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from protocols.ceremony import MAX_BYTES, Ceremony, Trustee, countersign, open_share
from protocols.errors import InvalidSignature, KeyRefused, ProtocolError, StorageError
from protocols.files import read_limited, replace_file
from protocols.keyfiles import (
    load_sealing_key,
    load_signing_key,
    save_sealing_key,
    save_signing_key,
    write_private,
)
from protocols.sealing import KEY_BYTES, SealingKey
from protocols.signing import SigningKey, VerifyKey
from trustee.agreement import TrusteeLimits
from trustee.errors import FolderError, SettingsError
from trustee.exchange import Holder
from trustee.ledger import Ledger

SIGNING, SEALING = "signing.pem", "sealing.pem"
IDENTITY, LIMITS, LEDGER = "identity.json", "limits.toml", "ledger.jsonl"
CEREMONY, SHARE, COUNTERSIGNATURE = "ceremony.bin", "share.sealed", "countersignature.bin"
MAX_NAME = 100

_LIMITS = """\
# The least terms this trustee accepts; a plan may be stricter.
minimum_cohort = {minimum_cohort}
dominance_percent = {dominance_percent}
# Cohorts it takes no part in. Nobody is trustee of a cohort of its own sector.
refused_cohorts = {refused_cohorts}
"""


@dataclass(frozen=True)
class Identity:
    """A trustee's name and public keys, as identity.json carries them to the dealer."""

    name: str
    signing_key: VerifyKey
    sealing_key: bytes

    def to_json(self) -> str:
        """The file's content."""
        return json.dumps(
            {
                "schema": "cefed.trustee-identity/1",
                "name": self.name,
                "signing_key": self.signing_key.raw.hex(),
                "sealing_key": self.sealing_key.hex(),
            },
            indent=2,
        )

    @classmethod
    def load(cls, path: Path) -> Identity:
        """Read identity.json. :raises FolderError: missing, or not one."""
        try:
            data = json.loads(read_file(path, 1 << 16))
            sealing = bytes.fromhex(data["sealing_key"])
            identity = cls(
                str(data["name"]), VerifyKey(bytes.fromhex(data["signing_key"])), sealing
            )
        except (ValueError, KeyError, TypeError, InvalidSignature) as error:
            raise FolderError(f"{path} is not a trustee's identity.json") from error
        if len(sealing) != KEY_BYTES or not 0 < len(identity.name) <= MAX_NAME:
            raise FolderError(f"{path}: the name or a key has the wrong length")
        return identity


@dataclass(frozen=True)
class Accepted:
    """What `accept` left in the folder, opened again."""

    holder: Holder
    ceremony: Ceremony


def create(folder: Path, name: str, limits: TrusteeLimits) -> Identity:
    """Make a trustee's folder with fresh keys and an empty ledger.

    :raises StorageError: there are keys already. :raises FolderError: cannot be written.
    """
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise SettingsError(f"a trustee's name has 1 to {MAX_NAME} printable characters")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"cannot make {folder}: {error.strerror}") from error
    signing, sealing = SigningKey.generate(), SealingKey.generate()
    save_signing_key(folder / SIGNING, signing)
    save_sealing_key(folder / SEALING, sealing)
    Ledger.create(folder / LEDGER)
    identity = Identity(name, signing.public, sealing.public)
    write_file(folder / IDENTITY, (identity.to_json() + "\n").encode("utf-8"))
    text = _LIMITS.format(
        minimum_cohort=limits.minimum_cohort,
        dominance_percent=limits.dominance_percent,
        refused_cohorts=json.dumps(list(limits.refused_cohorts)),
    )
    write_file(folder / LIMITS, text.encode("utf-8"))
    return identity


def accept(
    folder: Path, record: bytes, sealed: bytes, *, unsafe_small_modulus: bool = False
) -> tuple[Ceremony, Trustee, bytes]:
    """Check a ceremony and this trustee's share of it, keep both, and countersign.

    :returns: the ceremony, this trustee's place in it, and the countersignature.
    :raises ProtocolError: the record or the share does not hold.
    """
    signing, sealing = load_signing_key(folder / SIGNING), load_sealing_key(folder / SEALING)
    ceremony = Ceremony.from_signed(record, unsafe_small_modulus=unsafe_small_modulus)
    me = ceremony.trustee(signing.public)
    if me.sealing_key != sealing.public:
        raise KeyRefused("the ceremony names another sealing key for this trustee")
    identity = Identity.load(folder / IDENTITY)
    if me.name != identity.name:
        raise KeyRefused(f"the ceremony calls this trustee {me.name!r}, not {identity.name!r}")
    open_share(ceremony, sealing, me.index, sealed)
    signature = countersign(ceremony, signing)
    kept = folder / CEREMONY
    if kept.exists() and kept.read_bytes() != record:
        raise FolderError(
            f"{kept} holds another ceremony: one folder serves one key. Make a new folder, and "
            "destroy the old share once its rounds are done"
        )
    write_file(kept, record)
    if not (folder / SHARE).exists():
        write_private(folder / SHARE, sealed)
    write_file(folder / COUNTERSIGNATURE, signature)
    return ceremony, me, signature


def open_accepted(folder: Path, *, unsafe_small_modulus: bool = False) -> Accepted:
    """Load everything that serving needs. :raises FolderError: no ceremony was accepted."""
    if not (folder / CEREMONY).exists():
        raise FolderError(f"{folder}: no ceremony yet; run: cefed trustee accept {folder} ...")
    signing, sealing = load_signing_key(folder / SIGNING), load_sealing_key(folder / SEALING)
    record = read_file(folder / CEREMONY, MAX_BYTES)
    ceremony = Ceremony.from_signed(record, unsafe_small_modulus=unsafe_small_modulus)
    me = ceremony.trustee(signing.public)
    share = open_share(ceremony, sealing, me.index, read_file(folder / SHARE, MAX_BYTES))
    return Accepted(Holder(me, signing, sealing, share), ceremony)


def load_limits(folder: Path) -> TrusteeLimits:
    """Read limits.toml. :raises FolderError: malformed; a missing file is malformed, too."""
    path = folder / LIMITS
    try:
        data = tomllib.loads(read_file(path, 1 << 16).decode("utf-8"))
        limits = TrusteeLimits(
            data["minimum_cohort"], data["dominance_percent"], tuple(data["refused_cohorts"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(f"{path} is not a limits file: {error}") from error
    numbers = (limits.minimum_cohort, limits.dominance_percent)
    if any(type(number) is not int for number in numbers):
        raise FolderError(f"{path}: minimum_cohort and dominance_percent are whole numbers")
    return limits


def parse_key(text: str) -> VerifyKey:
    """A public key from 64 hexadecimal digits. :raises SettingsError: anything else."""
    try:
        return VerifyKey(bytes.fromhex(text))
    except (ValueError, ProtocolError) as error:
        raise SettingsError(f"{text[:80]!r} is not a key of 64 hexadecimal digits") from error


def read_file(path: Path, most: int) -> bytes:
    """A file of at most ``most`` bytes. :raises FolderError: missing, unreadable or larger."""
    try:
        return read_limited(path, most)
    except StorageError as error:
        raise FolderError(str(error)) from error


def write_file(path: Path, data: bytes) -> None:
    """Replace a file in one durable step. :raises FolderError: it cannot be written."""
    try:
        replace_file(path, data)
    except StorageError as error:
        raise FolderError(str(error)) from error
