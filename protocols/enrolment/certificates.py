"""X.509 between a coordinator and its members: requests, certificates, the revocation list.

Everything is made and parsed by ``cryptography``; this module decides which of the many things that
X.509 can express are accepted. All keys are Ed25519. The issuer is the coordinator's key, which
everybody pins, so there is no chain to build: a certificate is signed by that key or it is none.
Sizes are checked before parsing; every failure is an :class:`EnrolmentError`. SPEC.md section 7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature as BackendInvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from protocols.enrolment.errors import EnrolmentError
from protocols.enrolment.names import quietly, read_subject, subject
from protocols.signing import SigningKey, VerifyKey

MAX_REQUEST_BYTES = 4096
MAX_CERTIFICATE_BYTES = 4096
MAX_REVOCATIONS_BYTES = 1 << 20
MAX_SERIAL = (1 << 159) - 1
"""X.509 allows twenty octets."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

REVOCATIONS_SECONDS = 7 * 86_400
"""For how long a revocation list is fresh. The coordinator signs one for each question."""

_PARSING = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
)
_EXTENSIONS = (*_PARSING, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True)
class MemberCertificate:
    """What a coordinator says about a key: whose it is, and until when.

    ``serial`` is the coordinator's number for it, under which it can be revoked; ``not_after`` is
    in seconds since 1970-01-01 UTC; ``der`` are the bytes as they came.
    """

    enterprise_id: str
    group: str
    key: VerifyKey
    serial: int
    not_after: int
    der: bytes


def certificate_request(key: SigningKey, enterprise_id: str, group: str) -> bytes:
    """PKCS #10 for ``key``, signed by it; DER. Made by a node's private side.

    :raises EnrolmentError: names that no certificate can hold.
    """
    builder = x509.CertificateSigningRequestBuilder(subject(enterprise_id, group))
    return builder.sign(_private(key), None).public_bytes(Encoding.DER)


def read_request(der: bytes) -> tuple[VerifyKey, str, str]:
    """Key, enterprise id and group of a request that its own key signed.

    :raises EnrolmentError: anything else.
    """
    _check_size(der, MAX_REQUEST_BYTES, "certificate request")
    try:
        with quietly():
            request = x509.load_der_x509_csr(der)
            key = _ed25519(request.public_key(), "the certificate request")
            signed = request.is_signature_valid
            names = request.subject
    except _PARSING as error:
        raise EnrolmentError("not a certificate request (PKCS #10, DER)") from error
    if not signed:
        raise EnrolmentError("the certificate request is not signed by its own key")
    enterprise_id, group = read_subject(names)
    return key, enterprise_id, group


def issue(
    coordinator: SigningKey,
    key: VerifyKey,
    enterprise_id: str,
    group: str,
    *,
    serial: int,
    not_before: int,
    not_after: int,
) -> bytes:
    """A certificate for ``key``; DER. Made by the coordinator once its operator approved.

    :param serial: unique at this coordinator, from 1.
    :param not_before: with ``not_after``, seconds since 1970-01-01 UTC.
    :raises EnrolmentError: names, serial or times that no certificate can hold.
    """
    if not 0 < serial <= MAX_SERIAL or not_before >= not_after:
        raise EnrolmentError("a certificate needs a positive serial and an end after its beginning")
    try:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(enterprise_id, group))
            .issuer_name(_issuer(coordinator.public))
            .public_key(Ed25519PublicKey.from_public_bytes(key.raw))
            .serial_number(serial)
            .not_valid_before(_utc(not_before))
            .not_valid_after(_utc(not_after))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        certificate = builder.sign(_private(coordinator), None)
    except _PARSING as error:
        raise EnrolmentError("the certificate cannot be made from these values") from error
    return certificate.public_bytes(Encoding.DER)


def read_certificate(der: bytes, coordinator: VerifyKey, *, now: int | None) -> MemberCertificate:
    """The content of a certificate that ``coordinator`` issued. Revocation is checked elsewhere.

    :param now: seconds since 1970-01-01 UTC; None leaves the dates unchecked.
    :raises EnrolmentError: another issuer, another form, or not valid at ``now``.
    """
    _check_size(der, MAX_CERTIFICATE_BYTES, "certificate")
    try:
        with quietly():
            parsed = x509.load_der_x509_certificate(der)
            _check_issued(parsed, coordinator)
            key = _ed25519(parsed.public_key(), "the certificate")
            constraints = [extension.value for extension in parsed.extensions]
            names, serial = parsed.subject, parsed.serial_number
            begins = int(parsed.not_valid_before_utc.timestamp())
            ends = int(parsed.not_valid_after_utc.timestamp())
    except _EXTENSIONS as error:
        raise EnrolmentError("not a certificate (X.509, DER)") from error
    if constraints != [x509.BasicConstraints(ca=False, path_length=None)]:
        raise EnrolmentError("the certificate says more, or less, than whose key it is")
    enterprise_id, group = read_subject(names)
    if now is not None and now < begins:
        raise EnrolmentError(
            f"the certificate of {enterprise_id} is not valid yet: check this machine's clock"
        )
    if now is not None and now >= ends:
        raise EnrolmentError(f"the certificate of {enterprise_id} has expired")
    return MemberCertificate(enterprise_id, group, key, serial, ends, der)


def revocation_list(
    coordinator: SigningKey, revoked: Iterable[tuple[int, int]], *, now: int
) -> bytes:
    """The X.509 revocation list; DER.

    :param revoked: serial and time (seconds since 1970-01-01 UTC) of each revoked certificate.
    :raises EnrolmentError: a serial or time that no list can hold.
    """
    try:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(_issuer(coordinator.public))
            .last_update(_utc(now))
            .next_update(_utc(now + REVOCATIONS_SECONDS))
        )
        for serial, time in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(entry.revocation_date(_utc(time)).build())
        return builder.sign(_private(coordinator), None).public_bytes(Encoding.DER)
    except _PARSING as error:
        raise EnrolmentError("the revocation list cannot be made from these values") from error


def read_revocations(
    der: bytes, coordinator: VerifyKey, *, now: int | None = None
) -> frozenset[int]:
    """The serials on a revocation list that ``coordinator`` signed.

    :param now: seconds since 1970-01-01 UTC; None leaves its freshness unchecked.
    :raises EnrolmentError: anything else, or a list older than a week.
    """
    _check_size(der, MAX_REVOCATIONS_BYTES, "revocation list")
    try:
        with quietly():
            parsed = x509.load_der_x509_crl(der)
            _check_issued(parsed, coordinator)
            fresh_until = parsed.next_update_utc
            extensions = len(parsed.extensions)
            serials = frozenset(entry.serial_number for entry in parsed)
    except _EXTENSIONS as error:
        raise EnrolmentError("not a revocation list (X.509, DER)") from error
    if extensions or fresh_until is None:
        raise EnrolmentError("the revocation list is not of the form that a coordinator makes")
    if now is not None and now >= fresh_until.timestamp():
        raise EnrolmentError(
            "the revocation list is too old; ask again, and check this machine's clock"
        )
    return serials


def _check_issued(
    parsed: x509.Certificate | x509.CertificateRevocationList, coordinator: VerifyKey
) -> None:
    what = "certificate" if isinstance(parsed, x509.Certificate) else "revocation list"
    signed = (
        parsed.tbs_certificate_bytes
        if isinstance(parsed, x509.Certificate)
        else parsed.tbs_certlist_bytes
    )
    refusal = f"the {what} is not issued by coordinator {coordinator.fingerprint}"
    if parsed.signature_algorithm_oid != SignatureAlgorithmOID.ED25519:
        raise EnrolmentError(refusal)
    try:
        Ed25519PublicKey.from_public_bytes(coordinator.raw).verify(parsed.signature, signed)
    except BackendInvalidSignature as error:
        raise EnrolmentError(refusal) from error
    if parsed.issuer != _issuer(coordinator):
        raise EnrolmentError(refusal)


def _issuer(coordinator: VerifyKey) -> x509.Name:
    name = f"cefed coordinator {coordinator.fingerprint}"
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _private(key: SigningKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key.seed())


def _ed25519(key: object, where: str) -> VerifyKey:
    if not isinstance(key, Ed25519PublicKey):
        raise EnrolmentError(f"{where} is not for an Ed25519 key")
    return VerifyKey(key.public_bytes_raw())


def _check_size(der: bytes, most: int, what: str) -> None:
    if not 0 < len(der) <= most:
        raise EnrolmentError(f"a {what} has 1 to {most} bytes, not {len(der)}")


def _utc(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
