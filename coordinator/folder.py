"""The coordinator's folder: its key, its configuration, its certificate, who uses it.

::

    coordinator.pem   signing key, mode 0600; its public half is what nodes and trustees pin
    coordinator.json  that public half, to hand out
    coordinator.toml  configuration (coordinator.settings)
    tls/              the TLS authority that init made, and the server's certificate
    board.sqlite      every round and the registry, unless another database is configured
    address           HOST:PORT while the process serves
    plaintext         there while it serves with --insecure
    lock              held by the process that serves
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import make_url

from coordinator import database
from coordinator.board import Board
from coordinator.earlier import registered
from coordinator.errors import SettingsError, StoreError
from coordinator.registry import Registry
from coordinator.settings import ROLE, CoordinatorSettings
from coordinator.store import Store
from protocols.files import read_limited, replace_file
from protocols.keyfiles import load_signing_key, save_signing_key
from protocols.service import authority as tls_files
from protocols.service import settings
from protocols.service.addresses import split
from protocols.service.channel import Target
from protocols.service.credentials import read_optional
from protocols.signing import SigningKey, VerifyKey

KEY, IDENTITY, SETTINGS = "coordinator.pem", "coordinator.json", "coordinator.toml"
DATABASE, TLS = "board.sqlite", "tls"
ADDRESS, PLAINTEXT, LOCK = "address", "plaintext", "lock"
PASSWORD = "database-password"  # noqa: S105  # the name of a credential, not one
LOCAL_HOSTS = ("localhost", "127.0.0.1")
"""Always in the certificate that init makes, for the operator's own commands."""


@dataclass(frozen=True)
class Office:
    """A coordinator's folder with its configuration."""

    folder: Path
    settings: CoordinatorSettings

    @classmethod
    def create(cls, folder: Path, hosts: Sequence[str], database_url: str = "") -> Office:
        """Make a folder: a fresh key, a TLS authority and certificate, an empty database.

        All or nothing: what this call made is removed again if it fails.

        :param hosts: names and addresses under which others reach this coordinator.
        :param database_url: empty for SQLite in the folder.
        :raises StorageError: there is a key already. :raises StoreError: it cannot be written.
        """
        names, first = certificate_hosts(hosts), _first_settings(hosts, database_url)
        tls_files.check_hosts(names)
        if database_url:
            held = settings.load(CoordinatorSettings, ROLE, None, folder, os.environ)
            chosen = cls(folder, held.model_copy(update={"database": database_url}))
            database.check_reachable(chosen.database_url())
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"cannot make {folder}: {error.strerror}") from error
        made = [path for path in _first_files(folder) if not path.exists()]
        try:
            return cls._fill(folder, names, first)
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
            raise

    @classmethod
    def _fill(cls, folder: Path, names: Sequence[str], first: bytes) -> Office:
        key = SigningKey.generate()
        save_signing_key(folder / KEY, key)
        replace_file(folder / IDENTITY, _identity(key.public))
        tls_files.create_authority(folder / TLS, names)
        replace_file(folder / SETTINGS, first)
        office = cls.open(folder)
        database.migrate(office.database_url())
        if not office.settings.database:
            # It holds the secrets of open invitations.
            (folder / DATABASE).chmod(0o600)
        return office

    @classmethod
    def open(
        cls, folder: Path, config: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> Office:
        """Read a folder's configuration.

        :raises StoreError: not a coordinator's folder. :raises ProtocolError: a setting that is
            unknown or malformed, with its file.
        """
        if not (folder / KEY).exists():
            raise StoreError(f"{folder} is not a coordinator's folder; run: cefed coordinator init")
        held = settings.load(
            CoordinatorSettings, ROLE, config, folder, os.environ if environ is None else environ
        )
        return cls(folder, held)

    def key(self) -> SigningKey:
        """The coordinator's key. :raises StorageError: missing, or readable by others."""
        return load_signing_key(self.folder / KEY)

    def database_url(self) -> str:
        """Where rounds and registry are; may hold a password, so it is never shown."""
        if not self.settings.database:
            return database.sqlite_url(self.folder / DATABASE)
        url = make_url(self.settings.database)
        password = read_optional(PASSWORD, self.settings.database_password_file)
        if password is not None:
            url = url.set(password=password.decode("utf-8", "replace"))
        return url.render_as_string(hide_password=False)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database, for as long as it is needed. :raises StoreError: never made, or older."""
        store = Store(self.database_url())
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """The registry, for the operator's commands."""
        with self.store() as store:
            yield Registry(store.engine, self.key())

    @contextmanager
    def board(self) -> Iterator[tuple[Board, Registry]]:
        """The board and its registry, for the process that holds the lock."""
        with self.store() as store:
            store.claim()
            registry = Registry(store.engine, self.key())
            board = Board(
                store,
                self.key(),
                revoked=registry.revoked,
                identify=registered(registry),
                workers=0,
            )
            try:
                yield board, registry
            finally:
                board.close()

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this process has the folder to itself; False while another one serves it.

        :raises StoreError: the folder is not there, or cannot be written.
        """
        try:
            file = (self.folder / LOCK).open("a")
        except FileNotFoundError:
            raise StoreError(
                f"{self.folder} is not a folder; run: cefed coordinator init"
            ) from None
        except OSError as error:
            raise StoreError(
                f"cannot lock {self.folder / LOCK}: {error.strerror}; check the owner and the "
                "mount of the folder"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def target(self) -> Target:
        """The process that serves this folder. :raises StoreError: it does not say where."""
        try:
            address = (self.folder / ADDRESS).read_text(encoding="ascii").strip()
        except OSError as error:
            raise StoreError(
                f"{self.folder / ADDRESS}: {error.strerror}; is the process starting?"
            ) from error
        insecure = (self.folder / PLAINTEXT).exists()
        if self.settings.tls_certificate is not None and self.settings.address:
            # The operator's own certificate names the public host, not this machine.
            address = self.settings.address
        return Target(address, None if insecure else self.authority() or None, insecure)

    def authority_file(self) -> Path | None:
        """What vouches for the server's certificate; None for the system's authorities."""
        if self.settings.tls_authority is not None:
            return self.settings.tls_authority
        if self.settings.tls_certificate is not None:
            return None
        return self.folder / TLS / tls_files.AUTHORITY

    def authority(self) -> bytes:
        """The content of :meth:`authority_file`, PEM; empty where there is none."""
        path = self.authority_file()
        return b"" if path is None else read_limited(path, tls_files.MAX_PEM_BYTES)

    def certificate_files(self) -> tuple[Path, Path]:
        """The server's certificate and key. :raises SettingsError: one without the other."""
        chosen = self.settings.tls_certificate, self.settings.tls_key
        if chosen[0] is not None and chosen[1] is not None:
            return chosen[0], chosen[1]
        if chosen != (None, None):
            raise SettingsError("tls_certificate and tls_key go together: give both or neither")
        return self.folder / TLS / tls_files.CERTIFICATE, self.folder / TLS / tls_files.KEY

    def write_address(self, address: str, *, insecure: bool) -> None:
        """Note where this process listens; the file appears in one step."""
        if insecure:
            replace_file(self.folder / PLAINTEXT, b"")
        else:
            (self.folder / PLAINTEXT).unlink(missing_ok=True)
        host, port = split(address)
        if host in ("0.0.0.0", "::"):  # noqa: S104  # recognised, not used
            address = f"127.0.0.1:{port}"
        replace_file(self.folder / ADDRESS, f"{address}\n".encode())

    def forget_address(self) -> None:
        """Remove the note at the end of serving."""
        (self.folder / ADDRESS).unlink(missing_ok=True)
        (self.folder / PLAINTEXT).unlink(missing_ok=True)


def _first_files(folder: Path) -> list[Path]:
    """What :meth:`Office.create` writes."""
    tls = (tls_files.AUTHORITY, tls_files.AUTHORITY_KEY, tls_files.CERTIFICATE, tls_files.KEY)
    own = [folder / name for name in (KEY, IDENTITY, SETTINGS, DATABASE)]
    return [*own, *(folder / TLS / name for name in tls)]


def certificate_hosts(hosts: Sequence[str]) -> list[str]:
    """What the server's certificate names: what was asked for, and this machine."""
    return [*dict.fromkeys((*hosts, *LOCAL_HOSTS))]


def _identity(key: VerifyKey) -> bytes:
    facts = {
        "schema": "cefed.coordinator-identity/1",
        "signing_key": key.raw.hex(),
        "fingerprint": key.fingerprint,
    }
    return (json.dumps(facts, indent=2) + "\n").encode()


def _first_settings(hosts: Sequence[str], database_url: str) -> bytes:
    """The configuration that init writes: what was given, and how to change it."""
    lines = ["# Every key is described in docs/operating.md."]
    try:
        CoordinatorSettings(database=database_url)
    except ValidationError as error:
        # Only the rule that was broken: the whole text repeats the URL.
        broken = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise SettingsError(f"--database: {broken}") from None
    if hosts:
        lines.append(f"address = {json.dumps(f'{hosts[0]}:7443')}")
    if database_url:
        lines.append(f"database = {json.dumps(database_url)}")
    return ("\n".join(lines) + "\n").encode()
