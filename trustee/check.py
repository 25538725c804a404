"""`cefed trustee check`: everything about a trustee that can be checked without a coordinator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from protocols.errors import ProtocolError
from protocols.keyfiles import check_private, is_encrypted
from protocols.service import tls
from trustee import ceremonies, chain, settings
from trustee.errors import FolderError, TrusteeError
from trustee.folder import IDENTITY, LEDGER, SEALING, SIGNING, Identity, Keys, load_keys
from trustee.limits import load_limits
from trustee.refusals import Refusals
from trustee.rosters import Rosters


@dataclass(frozen=True)
class Finding:
    """One thing that was checked; ``detail`` says what was found, or what to do."""

    name: str
    ok: bool
    detail: str


def check(
    folder: Path, config: Path | None, passphrase: Callable[[], bytes | None]
) -> list[Finding]:
    """Every check, in order; one that fails does not stop the others.

    :param passphrase: finds that of the private keys; None if it is nowhere given, and encrypted
        keys are not opened then.
    """
    keys: list[Keys] = []

    def open_keys() -> str:
        secret = passphrase() if is_encrypted(folder / SIGNING) else None
        if secret is None and is_encrypted(folder / SIGNING):
            return "encrypted; not opened, since no passphrase was given"
        keys.append(load_keys(folder, secret))
        encrypted = is_encrypted(folder / SIGNING) and is_encrypted(folder / SEALING)
        return "open" if encrypted else "open, and not encrypted: anybody with the files has them"

    def read_ceremonies() -> str:
        if not keys:
            return "not opened, since the keys were not"
        found = ceremonies.load(folder, keys[0])
        told = ", ".join(_ceremony(folder, accepted) for accepted in found)
        if any(_lost(folder, accepted) for accepted in found):
            raise FolderError(
                f"{told}; bring back the lost file {ceremonies.SHARE} from a backup, or accept the "
                "share again"
            )
        return told

    checks: list[tuple[str, Callable[[], str]]] = [
        ("permissions", lambda: _permissions(folder)),
        ("identity", lambda: Identity.load(folder / IDENTITY).signing_key.fingerprint),
        ("keys", open_keys),
        ("limits", lambda: _limits(folder)),
        ("ledger", lambda: _ledger(folder)),
        ("ceremonies", read_ceremonies),
        ("rosters", lambda: f"{len(Rosters(folder).all())} seen"),
        ("refusals", lambda: f"{len(Refusals(folder).all())} rounds left"),
        ("configuration", lambda: _configuration(folder, config)),
    ]
    return [_try(name, look) for name, look in checks]


def _try(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except (ProtocolError, TrusteeError) as error:
        return Finding(name, False, str(error))


def _permissions(folder: Path) -> str:
    for path in (folder, folder / SIGNING, folder / SEALING, folder / LEDGER):
        check_private(path)
    for path in folder.glob(f"{ceremonies.FOLDER}/*/{ceremonies.SHARE}"):
        check_private(path)
    return "the owner's alone"


def _limits(folder: Path) -> str:
    limits = load_limits(folder)
    known = limits.known_enterprises
    members = "anybody enrolled"
    if known is not None:
        members = f"{len(known)} known enterprises ({sum(map(bool, known.values()))} by their keys)"
    hand = "by hand" if limits.approve_by_hand else "automatically"
    return (
        f"k at least {limits.minimum_cohort}, p at least {limits.dominance_percent}, "
        f"profile {limits.profile or 'not asked for'}, rosters of "
        f"{members} approved {hand}"
    )


def _ledger(folder: Path) -> str:
    records = chain.look(folder / LEDGER)
    head = records[-1]["hash"] if records else chain.GENESIS.hex()
    return f"{len(records)} lines, head {head[:16]}"


def _lost(folder: Path, accepted: ceremonies.Accepted) -> bool:
    """Whether a share is gone that this trustee did not destroy."""
    kept = ceremonies.place(folder, accepted.ceremony.key_id)
    return accepted.holder is None and not (kept / ceremonies.DESTROYED).exists()


def _ceremony(folder: Path, accepted: ceremonies.Accepted) -> str:
    share = "share opens" if accepted.holder is not None else "share destroyed"
    if _lost(folder, accepted):
        share = "share LOST"
    return f"{accepted.ceremony.period} ({accepted.ceremony.key_id.hex()[:16]}): {share}"


def _configuration(folder: Path, config: Path | None) -> str:
    coordinator = settings.coordinator_of(settings.load(folder, config))
    if coordinator.target.insecure:
        return f"{coordinator.target.address} IN PLAINTEXT, for tests on one machine only"
    tls.channel_credentials(coordinator.target.authority)
    return f"{coordinator.target.address}, key {coordinator.key.fingerprint}"
