"""How an enterprise becomes a member, and how others see that it is one. SPEC.md section 7.

The coordinator's operator issues an invitation; the node makes its key itself and sends a request;
the operator approves it, and the coordinator's key issues a certificate. Trustees look at the
certificates before they vote for a roster.
"""

from protocols.enrolment.certificates import (
    MAX_CERTIFICATE_BYTES,
    MAX_REQUEST_BYTES,
    MAX_REVOCATIONS_BYTES,
    MemberCertificate,
    certificate_request,
    issue,
    read_certificate,
    read_request,
    read_revocations,
    revocation_list,
)
from protocols.enrolment.errors import EnrolmentError
from protocols.enrolment.invitation import Invitation
from protocols.enrolment.members import check_roster
from protocols.enrolment.names import check_names, folded
from protocols.enrolment.requests import (
    EnrolmentRequest,
    RotationRequest,
    enrolment_statement,
    read_enrolment,
    read_rotation,
    rotation_statement,
)

__all__ = [
    "MAX_CERTIFICATE_BYTES",
    "MAX_REQUEST_BYTES",
    "MAX_REVOCATIONS_BYTES",
    "EnrolmentError",
    "EnrolmentRequest",
    "Invitation",
    "MemberCertificate",
    "RotationRequest",
    "certificate_request",
    "check_names",
    "check_roster",
    "enrolment_statement",
    "folded",
    "issue",
    "read_certificate",
    "read_enrolment",
    "read_request",
    "read_revocations",
    "read_rotation",
    "revocation_list",
    "rotation_statement",
]
