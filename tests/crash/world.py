"""The folders of a crash run: one coordinator, four trustees, some members with their gateways."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from coordinator.folder import SETTINGS, Office
from enterprise_node.exchange import GATEWAY_FILE, Exchange
from enterprise_node.private.enrolling import settle_gateway
from enterprise_node.private.intake import read_own, require_usable
from enterprise_node.private.policy import Approver, NodePolicy, TrusteeRules
from enterprise_node.private.settings import Settings
from enterprise_node.private.store import NodeStore
from protocols.ceremony import Ceremony, run_dealer
from protocols.ceremony import Trustee as TrusteeEntry
from protocols.files import replace_file
from protocols.signing import SigningKey, VerifyKey
from tests.crash import inputs
from tests.keys import test_primes
from trustee import ceremonies, folder
from trustee.agreement import TrusteeLimits

TRUSTEES, THRESHOLD, QUORUM = 4, 2, 3
INTERVAL_SECONDS = 0.3


@dataclass(frozen=True)
class Enterprise:
    """One member: its place from 0, its private side's folder and its exchange folder."""

    number: int
    name: str
    store: NodeStore
    exchange: Exchange
    key: VerifyKey

    def import_figures(self, values: dict[str, int]) -> None:
        """What ``cefed node import`` does."""
        records = self.store.folder.parent / f"{self.name}.csv"
        mapping = records.with_name("mapping.toml")
        inputs.write_records(records, self.name, values)
        own = read_own(records, mapping)
        require_usable(own)
        self.store.save_import(own, records.read_bytes(), mapping.read_bytes())


def year(number: int) -> str:
    """The period of the round ``number``: no name but a date's tells that two do not overlap."""
    return str(2000 + number)


@dataclass(frozen=True)
class Period:
    """A period and its key: a round of its own."""

    number: int
    ceremony: Ceremony
    countersignatures: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """The period's name."""
        return year(self.number)


class World:
    """Everything on the disk, and what a command line would do to it.

    :param base: an empty folder. :param database: URL of an empty database; empty for SQLite.
    """

    def __init__(self, base: Path, database: str, members: int) -> None:
        self.base = base
        self.etc = base / "etc"
        self.etc.mkdir()
        self.office = _office(base / "coordinator", database)
        self.address = self.office.settings.listen
        self.authority = self.office.authority().decode("ascii")
        self.key = self.office.key()
        self.trustees = [base / f"trustee-{n}" for n in range(1, TRUSTEES + 1)]
        self._keys = [self._trustee(path) for path in self.trustees]
        self.members = [self._member(number) for number in range(members)]
        self._dealt = 0
        with self.office.registry() as registry:
            for path in self.trustees:
                identity = folder.Identity.load(path / folder.IDENTITY)
                registry.add_trustee(identity.signing_key, identity.name)
            registry.admit_many((m.key, m.name, f"group {m.name}") for m in self.members)

    def deal(self) -> Period:
        """The key of another period, accepted and countersigned; trustees see it when started."""
        self._dealt += 1
        identities = [folder.Identity.load(path / folder.IDENTITY) for path in self.trustees]
        record, sealed = run_dealer(
            SigningKey.generate(),
            test_primes(),
            [
                TrusteeEntry(index, one.name, one.signing_key, one.sealing_key)
                for index, one in enumerate(identities, start=1)
            ],
            threshold=THRESHOLD,
            quorum=QUORUM,
            period=year(self._dealt),
            created_at=int(time.time()),
        )
        signatures = []
        for path, keys, envelope in zip(self.trustees, self._keys, sealed, strict=True):
            _, countersignature = ceremonies.accept(path, keys, record, envelope)
            signatures.append(countersignature.read_bytes())
        ceremony = Ceremony.from_signed(record)
        ceremony.check_countersignatures(signatures)
        return Period(self._dealt, ceremony, tuple(signatures))

    def put_away(self, period: Period) -> None:
        """Take a finished period's ceremony out of the trustees' folders."""
        for path in self.trustees:
            shutil.rmtree(ceremonies.place(path, period.ceremony.key_id))

    def _trustee(self, path: Path) -> folder.Keys:
        folder.create(path, path.name, TrusteeLimits(3, 10))
        authority = self.office.authority_file()
        replace_file(
            path / "trustee.toml",
            f"coordinator = {json.dumps(self.address)}\n"
            f'coordinator_key = "{self.key.public.raw.hex()}"\n'
            f"tls_authority = {json.dumps(str(authority))}\n".encode(),
        )
        return folder.load_keys(path)

    def _member(self, number: int) -> Enterprise:
        name = f"A{number + 1:02}"
        homes = self.base / "members"
        homes.mkdir(exist_ok=True)
        (homes / "mapping.toml").write_text(inputs.MAPPING, encoding="utf-8")
        policy = NodePolicy(
            coordinator_key=self.key.public,
            approval=Approver.AUTOMATIC,
            cohorts=(inputs.COHORT,),
            indicators=("cef",),
            measures=("output", "emissions"),
            minimum_cohort=3,
            rounds_a_year=10_000,
            trustees=TrusteeRules(
                keys=tuple(keys.signing.public for keys in self._keys),
                minimum_threshold=THRESHOLD,
                minimum_quorum=QUORUM,
            ),
        )
        settings = Settings(name, name, f"group {name}", str(self.base / "exchange" / name))
        store = NodeStore.create(homes / name, settings, policy)
        exchange = store.exchange()
        settle_gateway(exchange, self.address, self.authority)
        with (exchange.folder / GATEWAY_FILE).open("a", encoding="utf-8") as file:
            file.write(f"interval_seconds = {INTERVAL_SECONDS}\n")
        return Enterprise(number, name, store, exchange, store.key().public)


@contextmanager
def scratch_database(server: str, name: str) -> Iterator[str]:
    """The URL of a database of our own on a PostgreSQL server; dropped afterwards."""
    url = make_url(server)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            with engine.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()


def _office(path: Path, database: str) -> Office:
    """A coordinator that comes back at the same address whenever it is started."""
    url = make_url(database) if database else None
    password = url.password if url is not None else None
    plain = url.set(password=None).render_as_string() if url is not None else ""
    if password is not None:
        raise ValueError("give a PostgreSQL URL without a password, for example by peer or trust")
    office = Office.create(path, ["localhost"], plain)
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    with (path / SETTINGS).open("a", encoding="utf-8") as file:
        file.write(f'listen = "127.0.0.1:{port}"\nworkers = 1\n')
    return Office.open(office.folder)
