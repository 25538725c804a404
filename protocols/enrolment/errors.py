"""What enrolment refuses."""

from __future__ import annotations

from protocols.errors import ProtocolError


class EnrolmentError(ProtocolError):
    """An invitation, request, certificate or revocation list that does not hold."""
