"""The node's standing with its coordinator: pass, enrolment, certificate, change of the key.

All of it follows from the files of the folder, so that a step may be repeated at any time: an
invitation asks to be enrolled, and so for the next key where there is one (the present one was
revoked); a next key without an invitation asks to take the place of the present one.
"""

from __future__ import annotations

import os

from enterprise_node.errors import NodeStoreError, NodeUsageError
from enterprise_node.exchange import Mailbox
from enterprise_node.private import masking
from enterprise_node.private.events import CERTIFICATE, Event
from enterprise_node.private.outgoing import Outgoing
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from enterprise_node.private.totals_files import TotalsFiles
from protocols.enrolment import (
    EnrolmentError,
    Invitation,
    enrolment_statement,
    read_certificate,
    rotation_statement,
)
from protocols.errors import ProtocolError
from protocols.files import replace_file
from protocols.keyfiles import save_signing_key
from protocols.passes import GATEWAY_SECONDS, expiry, make_pass, read_pass
from protocols.signing import SigningKey, VerifyKey

RENEW_SECONDS = GATEWAY_SECONDS // 2
"""A gateway whose private side is away for half a week still has a pass."""

BACKDATED_SECONDS = 2 * 3600
"""A pass begins in the past, so that it is valid for a coordinator whose clock is behind."""


def settle_rotation(store: NodeStore, coordinator: VerifyKey) -> None:
    """Finish what a certificate that came ends: the change of the key, and its invitation."""
    upcoming, certificate = store.next_key(), store.certificate()
    if certificate is None:
        return
    if upcoming is not None:
        if read_certificate(certificate, coordinator, now=None).key != upcoming.public:
            return  # it waits for its own
        try:
            os.replace(store.next_key_path, store.key_path)
        except OSError as error:
            raise NodeStoreError(f"cannot write {store.key_path}: {error.strerror}") from error
    _forget_invitation(store)


def next_key(store: NodeStore) -> SigningKey:
    """The key that is to take the place of the present one, made if there is none yet."""
    upcoming = store.next_key()
    if upcoming is None:
        upcoming = SigningKey.generate()
        save_signing_key(store.next_key_path, upcoming)
    return upcoming


def begin_rotation(store: NodeStore) -> VerifyKey:
    """Make the key that is to take the place of the present one; the same if there is one already.

    :raises NodeUsageError: a contribution still waits for its receipt, a round still needs a
        statement of the present key, or there is no certificate.
    """
    if store.certificate() is None:
        raise NodeUsageError("this node is not enrolled yet, so there is no key to replace")
    for folder in store.rounds():
        waiting = folder.version()
        if waiting and folder.contribution(waiting) is not None and folder.refusal() is None:
            raise NodeUsageError(
                f"the contribution to round {folder.round_id} waits for its receipt and is signed "
                "by the present key: replace the key after the receipt came"
            )
        if is_needed_again(folder):
            raise NodeUsageError(
                f"round {folder.round_id} needs another statement by the present key, and is lost "
                "for everybody without it: replace the key after its release, or after it was "
                "cancelled or its end has passed"
            )
    _forget_invitation(store)  # of an enrolment under another key that came to nothing
    return next_key(store).public


def is_needed_again(folder: RoundFolder) -> bool:
    """Whether a round that this node takes part in waits for a further statement of its key.

    Its secrets are kept exactly so long.
    """
    return masking.has_secrets(folder) or TotalsFiles(folder).memory() is not None


def speak(
    store: NodeStore, outbox: Mailbox, outgoing: Outgoing, coordinator: VerifyKey, now: int
) -> None:
    """Have a valid pass in the outbox, and whatever enrolment or rotation is under way."""
    key = store.key()
    current = _current_pass(outbox, key.public, coordinator, now)
    if current is None:
        lifetime = GATEWAY_SECONDS + BACKDATED_SECONDS
        current = make_pass(key, coordinator, now=now - BACKDATED_SECONDS, lifetime=lifetime)
    outgoing.send(key, "pass", current)
    upcoming = store.next_key()
    invited = store.invitation_path.exists()
    if invited:
        asking = key if upcoming is None else upcoming
        announced = None if upcoming is None else upcoming.public
        statement = enrolment_statement(Invitation.load(store.invitation_path), asking)
        outgoing.send(key, "enrolment", statement, next_key=announced)
    else:
        outgoing.withdraw("enrolment")
    if upcoming is None or invited:
        outgoing.withdraw("rotation")
    else:
        settings = store.settings()
        statement = rotation_statement(key, upcoming, settings.enterprise_id, settings.group)
        outgoing.send(key, "rotation", statement, next_key=upcoming.public)


def take_certificate(store: NodeStore, data: bytes, coordinator: VerifyKey) -> Event | None:
    """Check and keep a certificate that came; None if it is the one that is kept.

    :raises EnrolmentError: not the coordinator's, or not for this node.
    """
    certificate = read_certificate(data, coordinator, now=None)
    settings = store.settings()
    names = (certificate.enterprise_id, certificate.group)
    if names != (settings.enterprise_id, settings.group):
        raise EnrolmentError(
            f"the certificate is for {certificate.enterprise_id} of group {certificate.group}, "
            f"this node belongs to {settings.enterprise_id} of group {settings.group}"
        )
    upcoming = store.next_key()
    known = {store.key().public} | ({upcoming.public} if upcoming is not None else set())
    if certificate.key not in known:
        raise EnrolmentError("the certificate is for another key than this node's")
    if store.certificate() == data:
        return None  # what is left to do about it, the beginning of every step does
    replace_file(store.certificate_path, data)
    settle_rotation(store, coordinator)
    return Event(
        CERTIFICATE,
        f"the coordinator knows {certificate.key.fingerprint} as {certificate.enterprise_id}",
    )


def _forget_invitation(store: NodeStore) -> None:
    try:
        store.invitation_path.unlink(missing_ok=True)
    except OSError as error:
        raise NodeStoreError(f"cannot remove {store.invitation_path}: {error.strerror}") from error


def _current_pass(
    outbox: Mailbox, own: VerifyKey, coordinator: VerifyKey, now: int
) -> bytes | None:
    """The pass in the outbox, if it is this node's and good for some time."""
    held = outbox.get("pass")
    if held is None:
        return None
    try:
        signer = read_pass(held.payload, coordinator, now=now)
        if signer == own and expiry(held.payload) > now + RENEW_SECONDS:
            return held.payload
    except ProtocolError:
        return None  # another node's, or of a key that was replaced
    return None
