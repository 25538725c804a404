"""TLS for gRPC: credentials of a server and of its clients, version 1.3 only.

The server is authenticated; callers show passes (:mod:`protocols.passes`). Used by the
coordinator's server and by :mod:`protocols.service.channel`.
"""

from __future__ import annotations

from pathlib import Path

from protocols.service import tls13

# isort: split
# The line above restricts TLS before gRPC reads the environment.
import grpc
from cryptography import x509

from protocols.errors import StorageError
from protocols.files import read_limited
from protocols.keyfiles import read_private
from protocols.service.authority import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    MAX_PEM_BYTES,
    check_server,
    create_authority,
    renew_server,
)
from protocols.service.errors import TlsError

__all__ = [
    "AUTHORITY",
    "CERTIFICATE",
    "KEY",
    "channel_credentials",
    "check_server",
    "create_authority",
    "read_authority",
    "renew_server",
    "server_credentials",
]


def server_credentials(certificate: Path, key: Path) -> grpc.ServerCredentials:
    """Credentials of a server with this certificate chain and key (PEM files).

    :raises StorageError: a file is missing, or the key is readable by others.
    :raises TlsError: expired, unfit, or TLS could not be restricted to version 1.3.
    """
    _check_restricted()
    check_server(certificate, key)
    chain = read_limited(certificate, MAX_PEM_BYTES)
    return grpc.ssl_server_credentials([(read_private(key), chain)])


def channel_credentials(authority: bytes | None) -> grpc.ChannelCredentials:
    """Credentials of a client that trusts one authority.

    :param authority: its certificate (PEM); None for the public authorities that gRPC ships.
    :raises TlsError: not a certificate, or TLS could not be restricted to version 1.3.
    """
    _check_restricted()
    if authority is not None:
        _check_authority(authority, "the TLS authority")
    return grpc.ssl_channel_credentials(root_certificates=authority)


def read_authority(path: Path) -> bytes:
    """An authority's PEM file, for :func:`channel_credentials`.

    :raises StorageError: missing or unreadable.
    :raises TlsError: not a certificate.
    """
    data = read_limited(path, MAX_PEM_BYTES)
    _check_authority(data, str(path))
    return data


def _check_authority(data: bytes, what: str) -> None:
    if len(data) > MAX_PEM_BYTES:
        raise StorageError(f"{what} is larger than {MAX_PEM_BYTES} bytes")
    try:
        x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise TlsError(f"{what} holds no X.509 certificate (PEM)") from error


def _check_restricted() -> None:
    if not tls13.IN_FORCE:
        raise TlsError(
            "TLS could not be restricted to version 1.3, because grpc was imported before "
            f"protocols.service; set {tls13.VARIABLE}={tls13.SUITES} before the start"
        )
