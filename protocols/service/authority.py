"""The TLS authority of a coordinator and the certificate of its server: ECDSA P-256, X.509.

``cefed coordinator init`` makes both; ``authority.pem`` travels with each invitation and to each
trustee. It says where the coordinator is reached and nothing else: what the coordinator signs is
checked against its Ed25519 key. An operator with a certificate of their own does without.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocols.errors import StorageError
from protocols.files import read_limited, replace_file
from protocols.keyfiles import read_private, write_private
from protocols.service.errors import TlsError

AUTHORITY, AUTHORITY_KEY = "authority.pem", "authority-key.pem"
CERTIFICATE, KEY = "server.pem", "server-key.pem"

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
MAX_PEM_BYTES = 1 << 18
BACKDATE = timedelta(hours=1)
"""Certificates begin an hour before they are made, for clocks that are behind."""

_PARSING = (ValueError, TypeError, UnsupportedAlgorithm)


def create_authority(folder: Path, hosts: Sequence[str]) -> None:
    """Make an authority and a server certificate in ``folder``; private keys with mode 0600.

    The folder is made if it is missing.

    :param hosts: names or addresses under which the server is reached, without ports.
    :raises StorageError: a file exists already or cannot be written.
    :raises TlsError: no host, or one that no certificate can hold.
    """
    names = check_hosts(hosts)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror}") from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cefed TLS authority")])
    certificate = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / AUTHORITY_KEY, _pem(key))
    replace_file(folder / AUTHORITY, certificate.public_bytes(Encoding.PEM))
    _issue(folder, names, certificate, key)


def renew_server(folder: Path, hosts: Sequence[str]) -> None:
    """Make a new server key and certificate under the authority in ``folder``.

    Clients need nothing new. The serving process takes it up when it is started again.

    :raises StorageError: the authority is missing, or a file cannot be written.
    :raises TlsError: the authority's files are damaged, or a host is unfit.
    """
    names = check_hosts(hosts)
    certificate = read_chain(folder / AUTHORITY)[0]
    key = _private(folder / AUTHORITY_KEY)
    _issue(folder, names, certificate, key)


def read_chain(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file. :raises TlsError: none, or damaged."""
    try:
        return x509.load_pem_x509_certificates(read_limited(path, MAX_PEM_BYTES))
    except _PARSING as error:
        raise TlsError(f"{path} holds no X.509 certificate (PEM)") from error


def server_names(certificate: Path) -> list[str]:
    """The host names and addresses in a server's certificate, as they were given.

    :raises StorageError: the file is missing. :raises TlsError: damaged.
    """
    extensions = read_chain(certificate)[0].extensions
    try:
        held = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in held.get_values_for_type(x509.IPAddress)]
    return [*held.get_values_for_type(x509.DNSName), *addresses]


def covers(names: Sequence[str], host: str) -> bool:
    """Whether a certificate with these names is good for ``host``; ``*.`` stands for one label."""
    try:
        return str(ipaddress.ip_address(host.strip("[]"))) in names
    except ValueError:
        wanted = host.lower()
    parent = wanted.partition(".")[2]
    return any(name.lower() in (wanted, f"*.{parent}") for name in names)


def check_server(certificate: Path, key: Path, now: datetime | None = None) -> datetime:
    """Whether a server can use these files; when its certificate ends.

    :param now: an aware time; the system's clock by default.
    :raises StorageError: a file is missing, or the key is readable by others.
    :raises TlsError: damaged, expired, or a key that does not belong to the certificate.
    """
    found = read_chain(certificate)[0]
    private = _load(key)
    if _public(private.public_key()) != _public(found.public_key()):
        raise TlsError(f"{key} is not the key of {certificate}")
    ends = found.not_valid_after_utc
    if (now or datetime.now(UTC)) >= ends:
        raise TlsError(
            f"the certificate {certificate} expired on {ends:%Y-%m-%d}: make a new one "
            "(cefed coordinator tls renew), or check this machine's clock"
        )
    return ends


def _issue(
    folder: Path,
    names: list[x509.GeneralName],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cefed coordinator")])
    certificate = (
        _builder(name, authority.subject, key.public_key(), SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    # Key and certificate change together: a renewal takes the old key away first, and a stop in
    # between is noticed by check_server and mended by renewing again.
    (folder / KEY).unlink(missing_ok=True)
    write_private(folder / KEY, _pem(key))
    replace_file(folder / CERTIFICATE, certificate.public_bytes(Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def check_hosts(hosts: Sequence[str]) -> list[x509.GeneralName]:
    """Hosts as a certificate names them. :raises TlsError: none, or one that it cannot hold."""
    if not hosts:
        raise TlsError("name at least one host under which the server is reached")
    return [_general_name(host) for host in dict.fromkeys(hosts)]


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    label_characters = host.replace("-", "").replace(".", "")
    if not label_characters.isalnum() or not host.isascii() or len(host) > 253:
        raise TlsError(f"{host[:100]!r} is neither a host name nor an address (no port, no *)")
    return x509.DNSName(host.lower())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _private(path: Path) -> ec.EllipticCurvePrivateKey:
    key = _load(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TlsError(f"{path} is not an ECDSA private key")
    return key


def _load(path: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(read_private(path), password=None)
    except _PARSING as error:
        raise TlsError(f"{path} is not an unencrypted private key (PEM)") from error


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
