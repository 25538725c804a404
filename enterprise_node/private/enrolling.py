"""Making a node's folder from an invitation: what its owner confirms becomes its policy.

The invitation says whom the enterprise deals with; the owner compares that with what the trustees
gave out themselves. The folder keeps the invitation, whose secret the gateway never sees, until the
certificate came.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enterprise_node.errors import NodeStoreError, NodeUsageError
from enterprise_node.exchange import GATEWAY_FILE, Exchange
from enterprise_node.private.identity import next_key, settle_rotation
from enterprise_node.private.locking import FolderLock
from enterprise_node.private.policy import ANY, Approver, NodePolicy, TrusteeRules
from enterprise_node.private.settings import FILE, MAX_NAME, Settings
from enterprise_node.private.store import NodeStore
from protocols.enrolment import Invitation
from protocols.files import replace_file
from protocols.keyfiles import write_private
from protocols.profiles import PROFILES
from protocols.signing import VerifyKey

AUTHORITY_FILE = "ca.pem"


@dataclass(frozen=True)
class Choices:
    """What the owner adds to the invitation.

    ``indicators`` and ``measures``: names that plans may have; empty for all, which is for nodes
    whose plans a person approves.
    """

    approval: Approver = Approver.PERSON
    indicators: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    minimum_cohort: int = 5
    dominance_percent: int = 10
    profile: str = ""
    rounds_a_year: int = 4
    exchange: Path | None = None


def summary(invitation: Invitation) -> list[str]:
    """Whom the invitation makes the node deal with, for its owner to compare and confirm."""
    count = len(invitation.trustees)
    return [
        f"This invitation is for {invitation.enterprise_id} of group {invitation.group}, "
        f"cohort {invitation.cohort or 'not named'}.",
        f"Coordinator  {invitation.coordinator}  key {spelled(invitation.coordinator_key)}",
        *(f"Trustee      {name}  key {spelled(key)}" for name, key in invitation.trustees),
        f"Any {invitation.threshold} of these {count} trustees together can open a sum; "
        f"{invitation.quorum} of them have to certify a round first. Whoever chose them could open "
        "everything, so compare their keys with what each of them gave you itself.",
    ]


def spelled(key: VerifyKey) -> str:
    """A key's fingerprint in groups that can be read out."""
    text = key.fingerprint
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def check_trustees(invitation: Invitation, given: Sequence[VerifyKey]) -> None:
    """Compare the invitation's trustees with the identities that they gave out themselves.

    :raises NodeUsageError: they are not the same.
    """
    named = {key: name for name, key in invitation.trustees}
    strangers = [name for key, name in named.items() if key not in set(given)]
    missing = [key.fingerprint for key in given if key not in named]
    if strangers or missing:
        raise NodeUsageError(
            "the invitation's trustees are not those whose identities you gave: "
            f"no identity for {', '.join(strangers) or 'none'}, not invited with "
            f"{', '.join(missing) or 'none'}; ask the operator and the trustees"
        )


def policy_of(invitation: Invitation, choices: Choices) -> NodePolicy:
    """The policy that follows from an invitation and the owner's choices.

    :raises NodeUsageError: answering by itself without naming what, or an unknown profile.
    """
    if choices.approval is Approver.AUTOMATIC and not (choices.indicators and choices.measures):
        raise NodeUsageError(
            "a node that answers by itself has to know what: name the indicators and the measures "
            "with --indicator and --measure, once for each"
        )
    if choices.profile and choices.profile not in PROFILES:
        raise NodeUsageError(
            f"no disclosure profile {choices.profile!r}; use one of {', '.join(PROFILES)}"
        )
    return NodePolicy(
        coordinator_key=invitation.coordinator_key,
        approval=choices.approval,
        cohorts=(invitation.cohort,) if invitation.cohort else (),
        indicators=choices.indicators or (ANY,),
        measures=choices.measures or (ANY,),
        minimum_cohort=choices.minimum_cohort,
        dominance_percent=choices.dominance_percent,
        profile=choices.profile,
        rounds_a_year=choices.rounds_a_year,
        trustees=TrusteeRules(
            keys=tuple(key for _, key in invitation.trustees),
            minimum_threshold=invitation.threshold,
            minimum_quorum=invitation.quorum,
        ),
    )


def enrol(folder: Path, invitation: Invitation, choices: Choices, now: int) -> NodeStore:
    """Make the node's folder, or give a node another invitation.

    A node that was enrolled already asks under a new key, for one that was revoked. All that it
    remembers stays: its ledger, its decisions, and the one plan of each period.

    :param now: seconds since 1970-01-01 UTC.
    :raises NodeError: expired, for another node, or a folder that is in use or cannot be made.
    """
    if now > invitation.expires:
        raise NodeUsageError("the invitation has expired: ask the operator for a new one")
    policy = policy_of(invitation, choices)
    if (folder / FILE).exists():
        return _again(NodeStore(folder), invitation, choices.exchange)
    exchange = str(choices.exchange.absolute()) if choices.exchange else "exchange"
    if (folder / exchange / GATEWAY_FILE).exists():
        raise NodeUsageError(
            f"{folder / exchange} is the exchange folder of another node, whose envelopes would be "
            "lost: choose another with --exchange DIR"
        )
    settings = Settings(
        invitation.enterprise_id[:MAX_NAME],
        invitation.enterprise_id,
        invitation.group,
        exchange,
    )
    store = NodeStore.create(folder, settings, policy)
    _keep_invitation(store, invitation)
    return store


def settle_gateway(exchange: Exchange, coordinator: str, authority: str) -> None:
    """Tell the gateway where to dial. Neither file holds a secret."""
    if authority:
        replace_file(exchange.folder / AUTHORITY_FILE, authority.encode("ascii"))
    text = (
        "# Where the gateway dials, and the authority that vouches for the coordinator there.\n"
        f"coordinator = {json.dumps(coordinator)}\n"
        f"authority = {json.dumps(AUTHORITY_FILE if authority else '')}\n"
    )
    replace_file(exchange.folder / GATEWAY_FILE, text.encode("utf-8"))


def _keep_invitation(store: NodeStore, invitation: Invitation) -> None:
    exchange = Exchange.create(store.exchange_path())
    settle_gateway(exchange, invitation.coordinator, invitation.tls_authority)
    write_private(store.invitation_path, invitation.to_json().encode("utf-8"))


def _again(store: NodeStore, invitation: Invitation, exchange: Path | None) -> NodeStore:
    settings, policy = store.settings(), store.policy()
    if exchange is not None and exchange.resolve() != store.exchange_path().resolve():
        raise NodeUsageError(
            f"{store.folder} has its exchange folder at {store.exchange_path()}; to move it, move "
            f"the folder and change exchange in {store.folder / FILE}"
        )
    if (settings.enterprise_id, settings.group) != (invitation.enterprise_id, invitation.group):
        raise NodeUsageError(
            f"{store.folder} is the node of {settings.enterprise_id} of group {settings.group}, "
            f"the invitation is for {invitation.enterprise_id} of group {invitation.group}"
        )
    if policy.coordinator_key != invitation.coordinator_key:
        raise NodeUsageError(
            f"the invitation is from another coordinator than the one in {store.policy_path}"
        )
    lock = FolderLock(store.folder)
    lock.take()
    try:
        settle_rotation(store, invitation.coordinator_key)
        if store.certificate() is not None:
            _make_another_key(store, invitation)
        store.invitation_path.unlink(missing_ok=True)
        _keep_invitation(store, invitation)
    except OSError as error:
        raise NodeStoreError(f"cannot replace {store.invitation_path}: {error.strerror}") from error
    finally:
        lock.release()
    return store


def _make_another_key(store: NodeStore, invitation: Invitation) -> None:
    """Make the key that is enrolled in the place of one that was revoked.

    One for each invitation: a key that the coordinator knows from another request takes none.
    """
    path = store.invitation_path
    if not path.exists() or Invitation.load(path).id != invitation.id:
        store.next_key_path.unlink(missing_ok=True)
    next_key(store)
