"""Private keys on disk: PKCS #8 PEM, readable by their owner only.

Used by nodes, trustees and the coordinator. Files are created with mode 0600 and never
overwritten; on POSIX a key file that others can read is refused. With a passphrase the key is
encrypted under it (PKCS #8, PBES2); without one the file's mode is all that protects it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from protocols.errors import StorageError
from protocols.files import name_beside, remove_if_there, sync_folder
from protocols.sealing import SealingKey
from protocols.signing import SigningKey


def write_private(path: Path, data: bytes) -> None:
    """Create ``path`` with mode 0600, as a whole or not at all.

    Of two commands that make it at the same moment, one fails.

    :raises StorageError: if it exists or cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise _exists(path)
    partial = name_beside(path)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.name == "posix":
            os.link(partial, path)  # unlike a renaming, this replaces nothing
            partial.unlink()
        else:
            os.rename(partial, path)  # replaces nothing either on Windows, where links may lack
        sync_folder(path.parent)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    finally:
        remove_if_there(partial)


def _exists(path: Path) -> StorageError:
    return StorageError(f"{path} exists already; move it away before making a new key")


def read_private(path: Path) -> bytes:
    """Read a private file. :raises StorageError: missing, unreadable, or readable by others."""
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise StorageError(f"{path} is readable by others; run: chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def check_private(path: Path) -> None:
    """Whether only the owner can use a file or folder that holds keys; POSIX only.

    :raises StorageError: others can read, write or enter it, or it is missing.
    """
    if os.name != "posix":
        return
    try:
        status = path.stat()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        mode = "700" if stat.S_ISDIR(status.st_mode) else "600"
        raise StorageError(f"{path} is open to others; run: chmod {mode} {path}")


def is_encrypted(path: Path) -> bool:
    """Whether the key in ``path`` needs a passphrase. :raises StorageError: it cannot be read."""
    return b"BEGIN ENCRYPTED PRIVATE KEY" in read_private(path)


def save_signing_key(path: Path, key: SigningKey, passphrase: bytes | None = None) -> None:
    """Write an Ed25519 key as PKCS #8 PEM.

    :param passphrase: encrypts the file; None leaves it to the file's mode.
    """
    write_private(path, _pem(Ed25519PrivateKey.from_private_bytes(key.seed()), passphrase))


def load_signing_key(path: Path, passphrase: bytes | None = None) -> SigningKey:
    """Read an Ed25519 key; a file that is not encrypted is read whether or not one is given.

    :raises StorageError: something else, a missing or a wrong passphrase.
    """
    key = _load(path, passphrase)
    if not isinstance(key, Ed25519PrivateKey):
        raise StorageError(f"{path} is not an Ed25519 private key")
    return SigningKey.from_seed(key.private_bytes_raw())


def save_sealing_key(path: Path, key: SealingKey, passphrase: bytes | None = None) -> None:
    """Write an X25519 key as PKCS #8 PEM; ``passphrase`` as in :func:`save_signing_key`."""
    write_private(path, _pem(X25519PrivateKey.from_private_bytes(key.seed()), passphrase))


def load_sealing_key(path: Path, passphrase: bytes | None = None) -> SealingKey:
    """Read an X25519 key. :raises StorageError: as :func:`load_signing_key`."""
    key = _load(path, passphrase)
    if not isinstance(key, X25519PrivateKey):
        raise StorageError(f"{path} is not an X25519 private key")
    return SealingKey(key)


def _pem(key: Ed25519PrivateKey | X25519PrivateKey, passphrase: bytes | None) -> bytes:
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        if not passphrase:
            raise StorageError("an empty passphrase protects nothing")
        encryption = BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _load(path: Path, passphrase: bytes | None) -> object:
    if not is_encrypted(path):
        passphrase = None
    elif passphrase is None:
        raise StorageError(f"{path} is encrypted; give its passphrase")
    try:
        return load_pem_private_key(read_private(path), password=passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if passphrase is not None:
            # The backend's own message says more than it should, or nothing: one text for both.
            raise StorageError(f"{path}: the passphrase is wrong, or the file is damaged") from None
        raise StorageError(f"{path} is not a PEM private key") from error
