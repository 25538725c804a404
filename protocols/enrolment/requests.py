"""The two statements by which a key asks to be enrolled: by an invitation, or by the key before it.

Made by a node's private side, carried by its gateway, read by the coordinator. The gateway learns
neither the invitation's secret nor anything with which it could put another key in the node's
place. SPEC.md section 7.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from protocols.enrolment.certificates import certificate_request, read_request
from protocols.enrolment.errors import EnrolmentError
from protocols.enrolment.invitation import MAX_INVITATION_ID, Invitation
from protocols.errors import InvalidSignature
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode, encode

ENROLMENT, ROTATION = "enrolment", "rotation"


@dataclass(frozen=True)
class EnrolmentRequest:
    """A request under an invitation, whose signatures hold; :meth:`check_mac` is still to be done.

    ``csr`` is PKCS #10, DER; ``mac`` is HMAC-SHA256 of it under the invitation's secret.
    """

    invitation: str
    key: VerifyKey
    enterprise_id: str
    group: str
    csr: bytes
    mac: bytes

    def check_mac(self, secret: bytes) -> None:
        """Whether whoever asks holds the invitation. :raises InvalidSignature: it does not."""
        if not secret or not hmac.compare_digest(_mac(secret, self.csr), self.mac):
            raise InvalidSignature("the request was not made with this invitation's secret")


@dataclass(frozen=True)
class RotationRequest:
    """An enrolled key, ``old``, names the one that is to replace it. ``csr``: PKCS #10, DER."""

    old: VerifyKey
    key: VerifyKey
    enterprise_id: str
    group: str
    csr: bytes


def enrolment_statement(invitation: Invitation, key: SigningKey) -> bytes:
    """Ask to enrol ``key`` as the invitation's enterprise; the bytes of a signed statement."""
    csr = certificate_request(key, invitation.enterprise_id, invitation.group)
    message = pb.Enrolment(invitation=invitation.id, request=csr, mac=_mac(invitation.secret, csr))
    return key.sign(ENROLMENT, encode(message))


def read_enrolment(data: bytes) -> EnrolmentRequest:
    """Check form and signatures of an enrolment statement.

    :raises ProtocolError: malformed, or not signed by the key that it is for.
    """
    statement = open_signed(data, ENROLMENT, MAX_SMALL)
    message = decode(pb.Enrolment, statement.payload, MAX_SMALL)
    # Not every database keeps every character, and an id that was issued is printable.
    named = 0 < len(message.invitation) <= MAX_INVITATION_ID and message.invitation.isprintable()
    if not named or len(message.mac) != 32:
        raise EnrolmentError("the request names no invitation, or its MAC has another length")
    key, enterprise_id, group = read_request(message.request)
    if key != statement.signer:
        raise EnrolmentError("the request is for another key than the one that signed it")
    return EnrolmentRequest(
        message.invitation, key, enterprise_id, group, message.request, message.mac
    )


def rotation_statement(old: SigningKey, new: SigningKey, enterprise_id: str, group: str) -> bytes:
    """Ask to replace ``old`` by ``new``; the bytes of a statement signed by ``old``."""
    csr = certificate_request(new, enterprise_id, group)
    return old.sign(ROTATION, encode(pb.Rotation(request=csr)))


def read_rotation(data: bytes) -> RotationRequest:
    """Check form and signatures of a rotation statement.

    :raises ProtocolError: malformed, wrongly signed, or a key that would replace itself.
    """
    statement = open_signed(data, ROTATION, MAX_SMALL)
    message = decode(pb.Rotation, statement.payload, MAX_SMALL)
    key, enterprise_id, group = read_request(message.request)
    if key == statement.signer:
        raise EnrolmentError("a key cannot replace itself")
    return RotationRequest(statement.signer, key, enterprise_id, group, message.request)


def _mac(secret: bytes, csr: bytes) -> bytes:
    return hmac.digest(secret, csr, hashlib.sha256)
