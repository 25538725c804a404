"""What the shared code of services refuses, with the exit code its command line ends with."""

from __future__ import annotations

from protocols.errors import ProtocolError


class ServiceError(ProtocolError):
    """Root of this package's exceptions."""


class SettingsError(ServiceError):
    """A configuration or address that cannot be carried out as given."""

    exit_code = 2


class TlsError(ServiceError):
    """A certificate or key for TLS that is missing, expired or unfit."""

    exit_code = 8


class CredentialError(ServiceError):
    """A passphrase that is missing, or lies where others can read it."""

    exit_code = 8
