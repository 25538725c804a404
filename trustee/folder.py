"""A trustee's folder: its keys, its identity for the ceremony, its limits, its ledger.

::

    signing.pem sealing.pem   private keys, mode 0600, encrypted under a passphrase if one was given
    identity.json             name and public keys, for the dealer and the coordinator
    limits.toml               the least terms it accepts (trustee.limits)
    trustee.toml              settings of `serve`, if wanted (trustee.settings)
    ledger.jsonl              what it signed and saw, for all its ceremonies (trustee.ledger)
    ceremonies/KEY_ID/        one accepted ceremony each (trustee.ceremonies)
    rosters/ refusals/        what it approved, and left (trustee.rosters, trustee.refusals)

The folder is its owner's alone, mode 0700.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from protocols.errors import InvalidSignature, StorageError
from protocols.files import read_limited, replace_file
from protocols.keyfiles import (
    check_private,
    load_sealing_key,
    load_signing_key,
    save_sealing_key,
    save_signing_key,
)
from protocols.sealing import KEY_BYTES, SealingKey
from protocols.secrets import Secret
from protocols.signing import SigningKey, VerifyKey
from trustee.agreement import TrusteeLimits
from trustee.errors import FolderError, SettingsError
from trustee.ledger import Ledger
from trustee.limits import save_limits

SIGNING, SEALING = "signing.pem", "sealing.pem"
IDENTITY, LEDGER = "identity.json", "ledger.jsonl"
MAX_NAME = 100


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
        except (ValueError, KeyError, TypeError, RecursionError, InvalidSignature) as error:
            raise FolderError(f"{path} is not a trustee's identity.json") from error
        if len(sealing) != KEY_BYTES or not 0 < len(identity.name) <= MAX_NAME:
            raise FolderError(f"{path}: the name or a key has the wrong length")
        return identity


class Keys(Secret):
    """A trustee's two private keys, out of their files."""

    __slots__ = ("sealing", "signing")

    def __init__(self, signing: SigningKey, sealing: SealingKey) -> None:
        self.signing = signing
        self.sealing = sealing


def create(
    folder: Path, name: str, limits: TrusteeLimits, passphrase: bytes | None = None
) -> Identity:
    """Make a trustee's folder with fresh keys and an empty ledger.

    :param passphrase: encrypts the private keys; None leaves them to the folder's mode.
    :raises StorageError: there are keys already. :raises FolderError: cannot be written.
    """
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise SettingsError(f"a trustee's name has 1 to {MAX_NAME} printable characters")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise FolderError(f"cannot make {folder}: {error.strerror}") from error
    signing, sealing = SigningKey.generate(), SealingKey.generate()
    save_signing_key(folder / SIGNING, signing, passphrase)
    save_sealing_key(folder / SEALING, sealing, passphrase)
    Ledger.create(folder / LEDGER)
    identity = Identity(name, signing.public, sealing.public)
    write_file(folder / IDENTITY, (identity.to_json() + "\n").encode("utf-8"))
    save_limits(folder, limits)
    return identity


def load_keys(folder: Path, passphrase: bytes | None = None) -> Keys:
    """The private keys, which must be the ones that identity.json names.

    :raises StorageError: a missing, open or damaged file, or a wrong passphrase.
    :raises FolderError: the keys are another trustee's.
    """
    check_private(folder)
    keys = Keys(
        load_signing_key(folder / SIGNING, passphrase),
        load_sealing_key(folder / SEALING, passphrase),
    )
    identity = Identity.load(folder / IDENTITY)
    if (identity.signing_key, identity.sealing_key) != (keys.signing.public, keys.sealing.public):
        raise FolderError(f"{folder}: the private keys are not those of {IDENTITY}")
    return keys


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
