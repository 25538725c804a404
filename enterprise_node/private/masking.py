"""A certified round's second visit: the figures that were contributed, under masks.

When a node contributes to such a round it makes a round key (:func:`round_key`). When the trustees
have certified the bands, the gateway brings their certificate with the neighbours' round keys, and
:func:`answer` makes the signed masked statement: once, for one certificate, from the figures that
the counted contribution held. What it needs is kept in the round's folder and destroyed when the
round is over (:func:`forget`). SPEC.md section 11.

The noise of a plan that wants it is drawn from the round key's seed, so that a folder restored from
a backup makes the same statement again: two with different noise under the same masks would tell
their difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from enterprise_node.errors import MaskingRefused, NodeStoreError
from enterprise_node.private.events import MASKED, Event
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from protocols.errors import ProtocolError
from protocols.federated import keys, masked
from protocols.federated.masks import KEY_BYTES, RoundKey
from protocols.hashing import length_prefixed
from protocols.plan import Mode, Plan
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.terms import CommonTerms
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2
from protocols.wire.codec import MAX_LARGE, decode

_NONCE = bytes(16)  # each key makes one stream


@dataclass(frozen=True)
class OwnKey:
    """The round key of one version of the own contribution, and its signed public half."""

    version: int
    key: RoundKey
    signed: bytes


def round_key(folder: RoundFolder, plan: Plan, signer: SigningKey, version: int) -> bytes:
    """The signed round key of one version: the one that was made already, or a new one.

    Empty for a plan that masks nothing after its certificate.

    :raises StorageError: the secret half cannot be kept, so nothing may be sent.
    """
    if plan.mode is not Mode.CERTIFIED:
        return b""
    if not _has_seed(folder, version):
        folder.keep_secret(_name(version), RoundKey.new_seed())
    return _own_key(folder, plan, signer, version).signed


def answer(
    store: NodeStore,
    folder: RoundFolder,
    terms: CommonTerms,
    signer: SigningKey,
    payload: bytes,
    standing: bytes | None,
) -> Event | None:
    """Mask what was contributed for the certificate that came; None if that was done already.

    The statement stays in the folder; :mod:`enterprise_node.private.answering` sends it.

    :param payload: a MaskingReply as the gateway brought it.
    :param standing: the masked statement in the outbox, if one is there. A folder that was restored
        from a backup does not know that it has masked; the outbox is not restored with it, as a
        rule.
    :raises MaskingRefused: this node has masked for another certificate, or contributed nothing
        that this one counts.
    :raises ProtocolError: what came does not hold.
    """
    plan, trustees = terms.plan, len(terms.ceremony.trustees)
    reply = decode(service_pb2.MaskingReply, payload, masked.max_reply_bytes(plan, trustees))
    own = _counted_key(folder, plan, signer, reply)
    read = masked.read_masking(reply, plan, terms.ceremony, signer.public, own.signed)
    held = folder.masked()
    before = held or _made_by(signer.public, plan, standing)
    if before is not None:
        if _basis(before) == read.certificate.hash:
            if held is None:
                folder.keep("masked", before)
            return None
        raise MaskingRefused(
            plan.round_id,
            "this node has masked its figures for another one, and does so once a round: two "
            "certificates of one round mean that trustees broke the rules. Keep "
            f"{folder.folder} and ask the trustees",
        )
    sent = store.contributed.of(plan.round_id, own.version)
    if sent is None:
        raise NodeStoreError(
            f"{store.contributed.path} does not say what version {own.version} of the contribution "
            f"to round {plan.round_id} held; restore it from a backup"
        )
    statement = masked.mask(
        read,
        sent.integers,
        own.key,
        signer,
        category=sent.category,
        randbits=noise_of(_seed(folder, own.version), plan),
    )
    folder.keep("masked", statement)
    return Event(
        MASKED,
        f"version {own.version} is masked for the trustees' certificate of "
        f"{read.certificate.members} members, {len(statement)} bytes: it opens in the sum of all "
        "of them only",
        plan.round_id,
        bytes=len(statement),
    )


def forget(folder: RoundFolder) -> None:
    """Destroy the secrets of a round that is over: nobody needs them, and nobody may find them."""
    for version in range(1, folder.version() + 2):  # one may wait for its contribution
        folder.drop(_name(version))
    folder.drop_unfinished()


def has_secrets(folder: RoundFolder) -> bool:
    """Whether a round that this node contributed to is not over yet."""
    return any(_has_seed(folder, version) for version in range(1, folder.version() + 1))


def noise_of(seed: bytes, plan: Plan) -> Callable[[int], int]:
    """A generator of the noise that goes into the masked figures: the same for the same seed."""
    info = length_prefixed((b"cefed/masked-noise/v1", plan.hash))
    key = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(seed)
    stream = Cipher(ChaCha20(key, _NONCE), mode=None).encryptor()

    def randbits(count: int) -> int:
        drawn = int.from_bytes(stream.update(bytes((count + 7) // 8)), "big")
        return drawn >> (-count % 8)

    return randbits


def _counted_key(
    folder: RoundFolder, plan: Plan, signer: SigningKey, reply: service_pb2.MaskingReply
) -> OwnKey:
    """The own round key that the reply names, and so the version that is counted."""
    named = {key.round_key for key in reply.keys if key.place == reply.place}
    for version in range(folder.version(), 0, -1):
        if not _has_seed(folder, version):
            continue
        own = _own_key(folder, plan, signer, version)
        if own.signed in named:
            return own
    raise MaskingRefused(
        plan.round_id,
        "it counts a contribution whose round key is not in this folder: the time for masks has "
        "passed, or the folder was restored from an old backup, or is in use twice, or its key was "
        "replaced since. Tell the operator: the round cannot be opened without this node",
    )


def _own_key(folder: RoundFolder, plan: Plan, signer: SigningKey, version: int) -> OwnKey:
    key = RoundKey(_seed(folder, version))
    return OwnKey(version, key, keys.make_round_key(plan.hash, key.public, b"", signer))


def _has_seed(folder: RoundFolder, version: int) -> bool:
    return folder.secret(_name(version), KEY_BYTES) is not None


def _seed(folder: RoundFolder, version: int) -> bytes:
    seed = folder.secret(_name(version), KEY_BYTES)
    if seed is None or len(seed) != KEY_BYTES:
        raise NodeStoreError(
            f"{folder.folder / _name(version)} is damaged; restore it from a backup of this round"
        )
    return seed


def _made_by(member: VerifyKey, plan: Plan, statement: bytes | None) -> bytes | None:
    """A masked statement, if it is this member's and of this round; anybody may have put one there.

    :returns: None if it is not, or if there is none.
    """
    if statement is None:
        return None
    try:
        opened = open_signed(statement, "masked", MAX_LARGE)
        message = decode(pb.Masked, opened.payload, MAX_LARGE)
    except ProtocolError:
        return None
    return statement if opened.signer == member and message.plan_hash == plan.hash else None


def _basis(statement: bytes) -> bytes:
    """What a masked statement of this node was made for."""
    return bytes(decode(pb.Masked, open_signed(statement, "masked").payload, MAX_LARGE).basis)


def _name(version: int) -> str:
    return f"mask-seed-{version}"
