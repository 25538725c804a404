"""Files of the node's folder that hold secrets: only their owner reads them, whatever the umask.

Unlike a signing key (:mod:`protocols.keyfiles`) what a round's secrets are may change with every
step, so these files are replaced: a crash leaves the old content or the new one.
"""

from __future__ import annotations

import os
from pathlib import Path

from protocols.errors import StorageError
from protocols.files import name_beside, read_limited, remove_if_there, sync_folder


def replace_secret(path: Path, data: bytes) -> None:
    """Write ``data`` in the place of ``path``, durably, in one step, with mode 0600.

    :raises StorageError: it cannot be written; the old content is still there then.
    """
    partial = name_beside(path)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        remove_if_there(partial)


def read_secret(path: Path, most: int) -> bytes | None:
    """The content of such a file of at most ``most`` bytes; None if there is none.

    :raises StorageError: unreadable or larger.
    """
    return read_limited(path, most) if path.exists() else None
