"""The coordinator's folder: its key, its database, the address it serves on, and who uses it.

::

    coordinator.pem   signing key, mode 0600; its public half is what nodes and trustees pin
    coordinator.json  that public half, to hand out
    board.sqlite      every round (coordinator.store)
    address           HOST:PORT while the process serves
    lock              held by the process that serves
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coordinator.board import Board
from coordinator.errors import StoreError
from coordinator.store import Store
from protocols.files import replace_file
from protocols.keyfiles import load_signing_key, save_signing_key
from protocols.signing import SigningKey, VerifyKey

KEY, IDENTITY, DATABASE = "coordinator.pem", "coordinator.json", "board.sqlite"
ADDRESS, LOCK = "address", "lock"


def create(folder: Path) -> VerifyKey:
    """Make a coordinator's folder with a fresh key and an empty database.

    :raises StorageError: there is a key already. :raises StoreError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make {folder}: {error.strerror}") from error
    key = SigningKey.generate()
    save_signing_key(folder / KEY, key)
    facts = {
        "schema": "cefed.coordinator-identity/1",
        "signing_key": key.public.raw.hex(),
        "fingerprint": key.public.fingerprint,
    }
    replace_file(folder / IDENTITY, (json.dumps(facts, indent=2) + "\n").encode())
    open_store(folder, new=True).close()
    return key.public


def load_key(folder: Path) -> SigningKey:
    """The coordinator's key. :raises StorageError: missing, or readable by others."""
    return load_signing_key(folder / KEY)


def open_store(folder: Path, *, new: bool = False) -> Store:
    """The folder's database. :raises StoreError: it was never made."""
    path = folder / DATABASE
    if not new and not path.exists():
        raise StoreError(f"{folder} is not a coordinator's folder; run: cefed coordinator init")
    return Store.at(path)


def open_board(folder: Path) -> Board:
    """The board over the folder's database, for the process that holds the lock."""
    return Board(open_store(folder), load_key(folder))


@contextmanager
def exclusive(folder: Path) -> Iterator[bool]:
    """Whether this process has the folder to itself; False while another one serves it."""
    try:
        with (folder / LOCK).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True
    except FileNotFoundError:
        raise StoreError(f"{folder} is not a folder; run: cefed coordinator init") from None


def serving_address(folder: Path) -> str:
    """Where the process that serves the folder listens. :raises StoreError: it does not say."""
    try:
        return (folder / ADDRESS).read_text(encoding="ascii").strip()
    except OSError as error:
        raise StoreError(f"{folder / ADDRESS}: {error.strerror}; is the process starting?") from (
            error
        )


def write_address(folder: Path, address: str) -> None:
    """Note where this process listens; the file appears in one step."""
    replace_file(folder / ADDRESS, f"{address}\n".encode())


def forget_address(folder: Path) -> None:
    """Remove the note at the end of serving."""
    (folder / ADDRESS).unlink(missing_ok=True)
