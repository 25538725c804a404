"""Private keys on disk: PKCS #8 PEM, readable by their owner only.

Used by nodes, trustees and the coordinator. Files are created with mode 0600 and never
overwritten; on POSIX a key file that others can read is refused.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from protocols.errors import StorageError
from protocols.sealing import SealingKey
from protocols.signing import SigningKey


def write_private(path: Path, data: bytes) -> None:
    """Create ``path`` with mode 0600. :raises StorageError: if it exists or cannot be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise StorageError(f"{path} exists already; move it away before making a new key") from None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def read_private(path: Path) -> bytes:
    """Read a private file. :raises StorageError: missing, unreadable, or readable by others."""
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise StorageError(f"{path} is readable by others; run: chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def save_signing_key(path: Path, key: SigningKey) -> None:
    """Write an Ed25519 key as PKCS #8 PEM."""
    write_private(path, _pem(Ed25519PrivateKey.from_private_bytes(key.seed())))


def load_signing_key(path: Path) -> SigningKey:
    """Read an Ed25519 key. :raises StorageError: if the file is something else."""
    key = _load(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise StorageError(f"{path} is not an Ed25519 private key")
    return SigningKey(key)


def save_sealing_key(path: Path, key: SealingKey) -> None:
    """Write an X25519 key as PKCS #8 PEM."""
    write_private(path, _pem(X25519PrivateKey.from_private_bytes(key.seed())))


def load_sealing_key(path: Path) -> SealingKey:
    """Read an X25519 key. :raises StorageError: if the file is something else."""
    key = _load(path)
    if not isinstance(key, X25519PrivateKey):
        raise StorageError(f"{path} is not an X25519 private key")
    return SealingKey(key)


def _pem(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load(path: Path) -> object:
    try:
        return load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError) as error:
        raise StorageError(f"{path} is not a PEM private key") from error
