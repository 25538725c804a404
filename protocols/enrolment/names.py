"""The names that stand in a certificate: an enterprise's registered id and its corporate group."""

from __future__ import annotations

import unicodedata
import warnings

from cryptography import x509
from cryptography.x509.oid import NameOID

from protocols.enrolment.errors import EnrolmentError
from protocols.roster import MAX_GROUP_LENGTH

MAX_ID_LENGTH = 64
"""X.520's limit of a common name."""


def subject(enterprise_id: str, group: str) -> x509.Name:
    """The subject of a member's request and certificate. :raises EnrolmentError: unusable names."""
    check_names(enterprise_id, group)
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, enterprise_id),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, group),
        ]
    )


def read_subject(name: x509.Name) -> tuple[str, str]:
    """Enterprise id and group of a subject made by :func:`subject`, and of no other.

    :raises EnrolmentError: further, repeated or missing attributes, or unusable names.
    """
    attributes = list(name)
    if [a.oid for a in attributes] != [NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME]:
        raise EnrolmentError("the subject is not a common name followed by an organisation")
    enterprise_id, group = (attribute.value for attribute in attributes)
    if not isinstance(enterprise_id, str) or not isinstance(group, str):
        raise EnrolmentError("the subject's names are not text")
    check_names(enterprise_id, group)
    return enterprise_id, group


def check_names(enterprise_id: str, group: str) -> None:
    """Refuse names that are empty, too long, or could be mistaken for others when they are shown.

    :raises EnrolmentError: saying which.
    """
    for what, name, most in (
        ("enterprise id", enterprise_id, MAX_ID_LENGTH),
        ("corporate group", group, MAX_GROUP_LENGTH),
    ):
        if not 0 < len(name) <= most or not name.isprintable() or name != name.strip():
            raise EnrolmentError(
                f"the {what} must be 1 to {most} printable characters without surrounding spaces"
            )


def folded(name: str) -> str:
    """An enterprise id or group for comparison: case and the encoding of accents do not matter."""
    return unicodedata.normalize("NFKC", name).casefold()


def quietly() -> warnings.catch_warnings[None]:
    """Around parsing of foreign certificates: oddities become refusals, never printed warnings."""
    return warnings.catch_warnings(action="ignore")
