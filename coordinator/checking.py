"""Whether a coordinator's folder and configuration can serve: ``cefed coordinator check``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from coordinator.database import translated
from coordinator.errors import CoordinatorError, SettingsError
from coordinator.folder import TLS, Office
from coordinator.registry import Registry
from coordinator.registry_rows import MemberState
from protocols.ceremony import check_counts
from protocols.errors import ProtocolError
from protocols.keyfiles import check_private
from protocols.service.addresses import check_loopback, split
from protocols.service.authority import (
    AUTHORITY_KEY,
    check_server,
    covers,
    read_chain,
    server_names,
)

SOON_DAYS = 60


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``good`` is False when the coordinator cannot serve so."""

    name: str
    good: bool
    text: str


def check(office: Office) -> list[Finding]:
    """Look at everything that serving needs; nothing is changed."""
    looked = (
        ("key", _key),
        ("tls", _tls),
        ("probes", _probes),
        ("database", _database),
        ("trustees", _trustees),
        ("members", _members),
    )
    return [_finding(name, look, office) for name, look in looked]


def _finding(name: str, look: Callable[[Office], str], office: Office) -> Finding:
    try:
        return Finding(name, True, look(office))
    except (ProtocolError, CoordinatorError) as error:
        return Finding(name, False, str(error))


def _key(office: Office) -> str:
    check_private(office.folder)
    return f"signs as {office.key().public.fingerprint}"


def _tls(office: Office) -> str:
    certificate, key = office.certificate_files()
    ends = check_server(certificate, key)
    if authority := office.authority_file():
        read_chain(authority)
    authority_key = office.folder / TLS / AUTHORITY_KEY
    if authority_key.exists():
        check_private(authority_key)
    names = server_names(certificate)
    if office.settings.address:
        host, _ = split(office.settings.address)
        if not covers(names, host):
            raise SettingsError(
                f"members dial {host} (address), and the certificate names only "
                f"{', '.join(names) or 'nothing'}: cefed coordinator tls renew --host {host}"
            )
    days = (ends - datetime.now(UTC)).days
    soon = "; renew it soon: cefed coordinator tls renew" if days < SOON_DAYS else ""
    return f"the certificate for {', '.join(names)} ends on {ends:%Y-%m-%d}{soon}"


def _probes(office: Office) -> str:
    listen = office.settings.probes_listen
    if not listen:
        return "no health and metrics pages are configured (probes_listen)"
    check_loopback(listen, "probes_listen")
    return f"health and metrics on {listen}"


def _database(office: Office) -> str:
    with office.store() as store, translated(), store.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        return f"{store.engine.dialect.name}, schema current, {len(store.rounds())} rounds"


def _trustees(office: Office) -> str:
    with office.registry() as registry:
        count = len(registry.trustees())
    threshold, quorum = office.settings.threshold, office.settings.quorum
    # Before the first trustee is there: can these two work with any number of trustees?
    check_counts(threshold, quorum, count or max(quorum, threshold))
    return f"{count} registered; {threshold} open, {quorum} close"


def _members(office: Office) -> str:
    with office.store() as store:
        rows = Registry(store.engine, office.key()).members()
    enrolled = [row for row in rows if row.state is MemberState.ENROLLED]
    waiting = sum(1 for row in rows if row.state is MemberState.WAITING)
    limit = time.time() + SOON_DAYS * 86_400
    ending = sum(1 for row in enrolled if (row.not_after or 0) < limit)
    found = f"{len(enrolled)} enrolled, {waiting} waiting"
    if ending:
        found += f"; the certificates of {ending} end within {SOON_DAYS} days: let them rotate"
    return found
