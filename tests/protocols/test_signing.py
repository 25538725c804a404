"""Signatures, envelopes, secrets and key files."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import stat
from pathlib import Path

import pytest

from protocols.errors import InvalidSignature, MalformedMessage, SealBroken, StorageError
from protocols.keyfiles import (
    load_sealing_key,
    load_signing_key,
    save_sealing_key,
    save_signing_key,
    write_private,
)
from protocols.sealing import SealingKey, seal
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.threshold import KeyShare
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode

KEY = SigningKey.from_seed(bytes(range(32)))
SECRETS = [
    (KEY, KEY.seed()),
    (SealingKey.from_seed(bytes(range(32, 64))), bytes(range(32, 64))),
    (KeyShare(1, 123456789123456789), b"123456789123456789"),
]


def test_signed_statement_round_trips() -> None:
    data = KEY.sign("plan", b"payload")
    statement = open_signed(data, "plan")
    assert (statement.payload, statement.signer, statement.received) == (
        b"payload",
        KEY.public,
        data,
    )


def test_signature_is_for_one_kind() -> None:
    data = KEY.sign("plan", b"payload")
    with pytest.raises(InvalidSignature, match="expected a contribution statement"):
        open_signed(data, "contribution")
    message = pb.Signed.FromString(data)
    message.kind = "contribution"
    with pytest.raises(InvalidSignature, match="not signed by"):
        open_signed(encode(message), "contribution")


@pytest.mark.parametrize("field", ["payload", "signer", "signature"])
def test_any_change_breaks_the_signature(field: str) -> None:
    message = pb.Signed.FromString(KEY.sign("plan", b"payload"))
    changed = bytearray(getattr(message, field))
    changed[0] ^= 1
    setattr(message, field, bytes(changed))
    with pytest.raises(InvalidSignature):
        open_signed(encode(message), "plan")


LOW_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    # Encodings that are not canonical, of the first and the third.
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""Ed25519 points of order 1, 2, 4 and 8, as public keys."""


@pytest.mark.parametrize("key", LOW_ORDER)
def test_keys_of_low_order_sign_nothing(key: str) -> None:
    """R is the neutral point and S zero: right for every statement whose hash the order divides."""
    universal = bytes.fromhex(LOW_ORDER[0]) + bytes(32)
    for number in range(64):
        with pytest.raises(InvalidSignature):
            VerifyKey(bytes.fromhex(key)).verify("plan", bytes([number]), universal)


def test_a_signature_has_one_form() -> None:
    """S plus the group's order satisfies the same equation (RFC 8032, 5.1.7, refuses it)."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = pb.Signed.FromString(KEY.sign("plan", b"payload")).signature
    moved = int.from_bytes(signature[32:], "little") + order
    with pytest.raises(InvalidSignature):
        KEY.public.verify("plan", b"payload", signature[:32] + moved.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "signature",
    [
        # R = 7B plus a point of order 8: holds if both sides are multiplied by the cofactor.
        "e9b2fe981587efae6478f48ba1fa60cec6126d0e26dde72a0a24f640dcd783e5"
        "4cc7969a0134d2f50e7ae4e944c710e3123ea495b8d5f0fbfe605878e945ad09",
        # R the neutral point, S = H(R, A, M) times the secret: it gives the key away.
        "0100000000000000000000000000000000000000000000000000000000000000"
        "59373aabf7ddbbe29ac90e91ed9d20c37037614e10fce7fd9e091a4c4738d507",
    ],
)
def test_every_verifier_has_to_agree_about_what_only_the_signer_can_make(signature: str) -> None:
    """Libraries differ about these; SPEC.md section 5 says what holds here."""
    good = (
        "b862409fb5c4c4123df2abf7462b88f041ad36dd6864ce872fd5472be363c5b1"
        "2fccc447d464828e8dc29a7b98fa681d90932e224977bdc5d7f3151d536f7b0f"
    )
    KEY.public.verify("plan", b"payload", bytes.fromhex(good))  # R = 7B, and nothing else
    with pytest.raises(InvalidSignature):
        KEY.public.verify("plan", b"payload", bytes.fromhex(signature))


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(65)])
def test_a_signature_of_another_length_is_refused(signature: bytes) -> None:
    with pytest.raises(InvalidSignature):
        KEY.public.verify("plan", b"payload", signature)


def test_bytes_cannot_move_between_kind_and_payload() -> None:
    signature = pb.Signed.FromString(KEY.sign("plan", b"xpayload")).signature
    with pytest.raises(InvalidSignature):
        KEY.public.verify("planx", b"payload", signature)


def test_oversize_and_trailing_bytes_are_refused() -> None:
    data = KEY.sign("plan", b"payload")
    with pytest.raises(MalformedMessage, match="at most 10"):
        open_signed(data, "plan", 10)
    with pytest.raises(MalformedMessage):
        open_signed(data + b"\x7a\x00", "plan")


def test_short_key_is_refused() -> None:
    with pytest.raises(InvalidSignature, match="32 bytes"):
        VerifyKey(b"short")


def test_envelope_opens_for_its_recipient_and_context_only() -> None:
    recipient, other = SealingKey.generate(), SealingKey.generate()
    envelope = seal(recipient.public, b"share", (b"round", b"1"))
    assert recipient.open(envelope, (b"round", b"1")) == b"share"
    for key, context in ((other, (b"round", b"1")), (recipient, (b"round1", b""))):
        with pytest.raises(SealBroken):
            key.open(envelope, context)
    message = pb.SealedEnvelope.FromString(envelope)
    message.ciphertext = message.ciphertext[:-1] + bytes([message.ciphertext[-1] ^ 1])
    with pytest.raises(SealBroken):
        recipient.open(encode(message), (b"round", b"1"))


@pytest.mark.parametrize("point", [b"\x00" * 32, b"short"])
def test_unusable_recipients_are_refused(point: bytes) -> None:
    with pytest.raises(SealBroken):
        seal(point, b"share", ())


@pytest.mark.parametrize(("secret", "content"), SECRETS)
def test_secrets_never_show(
    secret: object, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("cefed").error("state %s %r", secret, {"key": secret})
    shown = f"{secret} {secret!r} {secret:>40} {caplog.text}"
    assert "redacted" in shown
    assert content.hex() not in shown
    assert content.decode("latin-1") not in shown


@pytest.mark.parametrize(("secret", "content"), SECRETS)
def test_secrets_have_no_truth_value_and_do_not_serialise(secret: object, content: bytes) -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(secret)
    for serialise in (pickle.dumps, copy.copy, json.dumps):
        with pytest.raises(TypeError):
            serialise(secret)


def test_key_files_round_trip_and_are_private(tmp_path: Path) -> None:
    sealing = SealingKey.generate()
    save_signing_key(tmp_path / "sign.pem", KEY)
    save_sealing_key(tmp_path / "seal.pem", sealing)
    assert load_signing_key(tmp_path / "sign.pem").public == KEY.public
    assert load_sealing_key(tmp_path / "seal.pem").public == sealing.public
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "sign.pem").stat().st_mode) == 0o600
        (tmp_path / "sign.pem").chmod(0o644)
        with pytest.raises(StorageError, match="chmod 600"):
            load_signing_key(tmp_path / "sign.pem")


def test_key_files_are_not_overwritten_or_confused(tmp_path: Path) -> None:
    save_sealing_key(tmp_path / "key.pem", SealingKey.generate())
    with pytest.raises(StorageError, match="exists already"):
        save_signing_key(tmp_path / "key.pem", KEY)
    with pytest.raises(StorageError, match="not an Ed25519"):
        load_signing_key(tmp_path / "key.pem")
    with pytest.raises(StorageError, match="cannot read"):
        load_signing_key(tmp_path / "missing.pem")
    write_private(tmp_path / "text", b"not a key")
    with pytest.raises(StorageError, match="not a PEM"):
        load_signing_key(tmp_path / "text")
