"""Files that are there as a whole or not at all, whenever the machine stops.

Used by nodes, trustees and the coordinator for everything but private keys, which are never
replaced (:mod:`protocols.keyfiles`), and logs, which are appended to.
"""

from __future__ import annotations

import os
from pathlib import Path

from protocols.errors import StorageError


def read_limited(path: Path, most: int) -> bytes:
    """The content of a file of at most ``most`` bytes; never reads more than one byte beyond.

    :raises StorageError: missing, unreadable or larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > most:
        raise StorageError(f"{path} is larger than {most} bytes")
    return data


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` beside ``path``, make it durable, and put it in the place of ``path``.

    A reader sees the old content or the new one; after a failure the old one is still there. The
    folder must exist.

    :param durable: False for what can be made again and is recognised when it is damaged: after a
        power cut the file may be missing, old or empty. A process that is killed does no harm.
    :raises StorageError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where folders can be opened at all."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
