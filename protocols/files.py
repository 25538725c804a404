"""Files that are there as a whole or not at all, whenever the machine stops.

Used by nodes, trustees and the coordinator for everything but private keys, which are never
replaced (:mod:`protocols.keyfiles`), and logs, which are appended to.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from protocols.errors import StorageError

_UNFOLLOWED = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
"""Flags for opening what somebody else may have put there; each where the system has it."""


class UnfitFile(StorageError):
    """What stands under a name is no file that can be read: a folder, a pipe, a link, too large."""


def read_limited(path: Path, most: int) -> bytes:
    """The content of a file of at most ``most`` bytes; never reads more than one byte beyond.

    :raises StorageError: missing, unreadable or larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # a name from somebody's file that no file can have
        raise StorageError(f"cannot read {str(path)!r}: {error}") from error
    if len(data) > most:
        raise StorageError(f"{path} is larger than {most} bytes")
    return data


def read_untrusted(path: Path, most: int) -> bytes:
    """As :func:`read_limited`, for a folder that somebody else writes into.

    Follows no link and never waits, as it would for the other end of a pipe.

    :raises UnfitFile: not a regular file, or larger.
    :raises StorageError: missing, or not readable now.
    """
    try:
        _check_regular(path, os.lstat(path))
        descriptor = os.open(path, os.O_RDONLY | _UNFOLLOWED)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            _check_regular(path, status)  # it may be another one by now
            if status.st_size > most:
                raise UnfitFile(f"{path} is larger than {most} bytes")
            data = file.read(most + 1)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > most:  # it grew meanwhile
        raise UnfitFile(f"{path} is larger than {most} bytes")
    return data


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnfitFile(f"{path} is no regular file")


def name_beside(path: Path) -> Path:
    """A name in the folder of ``path`` that nobody can guess and so nobody has prepared."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` beside ``path``, make it durable, and put it in the place of ``path``.

    A reader sees the old content or the new one; after a failure the old one is still there. The
    folder must exist. Others may write into it: what they put there is never written through.

    :param durable: False for what can be made again and is recognised when it is damaged: after a
        power cut the file may be missing, old or empty. A process that is killed does no harm.
    :raises StorageError: the file cannot be written.
    """
    partial = name_beside(path)
    try:
        with partial.open("xb") as file:  # refuses whatever stands there, a link included
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        remove_if_there(partial)


def remove_if_there(partial: Path) -> None:
    """Remove what a failure left behind; a failure to do so must not hide the one before."""
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename durable, where folders can be opened at all."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
