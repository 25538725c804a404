"""Targets: signed statements and the messages in them, certificates, passes, whole transcripts.

Inputs have parts (:func:`tests.fuzz.wire.parts`). The first part is what is read; its number says
whether it is taken as it is (odd), or is a payload that is signed here first (even), so that what
lies behind a signature is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message

from protocols import certificate, closing, contribution, notices, opening, release
from protocols.ceremony import Ceremony, open_share
from protocols.enrolment import (
    Invitation,
    certificate_request,
    check_roster,
    enrolment_statement,
    read_certificate,
    read_enrolment,
    read_revocations,
    read_rotation,
    revocation_list,
    rotation_statement,
)
from protocols.errors import ProtocolError
from protocols.layout import Layout
from protocols.paillier import encryptor_for
from protocols.passes import expiry, make_pass, read_pass
from protocols.places import Place, place_of
from protocols.plan import Plan
from protocols.quorum import open_vote
from protocols.release import Release
from protocols.roster import Roster
from protocols.signing import SigningKey, Statement, open_signed
from protocols.terms import Description, Terms, read_terms
from protocols.transcript import check_inclusion, genesis, next_entry, open_receipt, sign_receipt
from protocols.verification import verify_round
from protocols.wire import messages_pb2, service_pb2
from protocols.wire.codec import decode, encode
from tests.fuzz import wire
from tests.fuzz.material import COORDINATOR, NOW, held, logged, member_key, played, scene
from tests.fuzz.target import Target
from tests.keys import signing_key
from tests.plain_round import play
from tests.tables import table_members, table_plan
from tests.trustee.scene import certificates
from trustee.record import Record
from trustee.votes import read_closing_vote

RAW, SIGNED = 1, 2

Signer = Callable[[bytes], bytes]


def signer(kind: str, key: SigningKey) -> Signer:
    """Signs payloads as statements of one kind."""
    return lambda payload: key.sign(kind, payload)


def statement(
    name: str,
    sign: Signer,
    read: Callable[[bytes], object],
    valid: Callable[[], Sequence[bytes]],
    cost: int = 2,
) -> Target:
    """A target for a signed statement.

    :param valid: signed statements that are accepted.
    """

    def run(data: bytes) -> None:
        number, part = wire.parts(data)[0] if data else (RAW, b"")
        read(part if number % 2 else sign(part))

    def seeds() -> list[bytes]:
        found = list(valid())
        return [wire.pack([(RAW, data)]) for data in found] + [
            wire.pack([(SIGNED, _payload(data))]) for data in found
        ]

    return Target(name, seeds, run, cost=cost)


def _payload(signed: bytes) -> bytes:
    """What a statement signs; of an X.509 structure, what stands in it before the signature."""
    if signed[:1] == b"\x30":
        start, end = _inner(signed)
        return signed[start:end]
    return messages_pb2.Signed.FromString(signed).payload


# Plain messages


def _messages() -> list[type[Message]]:
    found = []
    for module in (messages_pb2, service_pb2):
        for name in sorted(module.DESCRIPTOR.message_types_by_name):
            found.append(getattr(module, name))
    return found


def _decode(data: bytes) -> None:
    kinds = _messages()
    decode(kinds[data[0] % len(kinds)] if data else kinds[0], data[1:])


def _codec_seeds() -> list[bytes]:
    kinds = _messages()
    place = {kind.DESCRIPTOR.name: bytes([number]) for number, kind in enumerate(kinds)}
    told = scene().record
    description = service_pb2.RoundDescription(
        plan=told.plan,
        roster=told.roster,
        ceremony=told.ceremony,
        ceremony_countersignatures=list(told.countersignatures),
        state="open",
    )
    return [
        place["Signed"] + logged("contribution")[0],
        place["Plan"] + scene().plan.to_bytes(),
        place["Roster"] + scene().roster.to_bytes(),
        place["ShareSet"] + _payload(logged("sums")[0]),
        place["Release"] + _payload(logged("release")[0]),
        place["RoundDescription"] + encode(description),
        place["RosterPlace"] + _place_seed(),
    ]


# A round's statements


def _ceremony(data: bytes) -> None:
    read = Ceremony.from_signed(data, unsafe_small_modulus=True)
    read.check_countersignatures(held().countersignatures)
    read.check_apart_from(COORDINATOR.public)


def _plan(data: bytes) -> None:
    told = scene().record
    reader = scene().read_ceremony
    changed = Description(data, told.roster, told.ceremony, told.countersignatures)
    read_terms(changed, COORDINATOR.public, read_ceremony=reader)


def _place_seed() -> bytes:
    roster = scene().roster
    return place_of(roster, roster.members[3].key).to_bytes()


def _place(data: bytes) -> None:
    Place.from_bytes(data).check(scene().plan)


def _unsigned_plan(data: bytes) -> None:
    Plan.from_bytes(data)


def _table_certificate(data: bytes) -> None:
    """Signed by a quorum as it came: only its form is looked at, and what may then be opened."""
    read = certificate.BandCertificate.from_bytes(data)
    certificate.check_form(read, table_plan())
    certificate.sum_labels(table_plan(), _table_layout(), read)


def _table_seeds() -> list[bytes]:
    members, leaves = table_members()
    return [play(table_plan(), members, categories=leaves).certificate.to_bytes()]


@lru_cache
def _table_layout() -> Layout:
    return Layout(table_plan(), 2048)


def _label(data: bytes) -> None:
    _table_layout().factors(data.decode("utf-8", "replace"))


def _label_seeds() -> list[bytes]:
    return [b"NT#0", b"K/[0:4]#0", b"V/[0:1]+[2:4]#0"]


def _roster(data: bytes) -> None:
    roster = Roster.from_bytes(data)
    _ = roster.hash


def _contribution(data: bytes) -> None:
    round_ = played()
    key = held().ceremony.key.public
    read = contribution.read(data, round_.plan, round_.layout, round_.roster, key)
    contribution.ciphertext_marks(read)
    contribution.verify_proof(read, encryptor_for(key))


def _close(data: bytes) -> None:
    closing.read_proposal(open_signed(data, "close").payload, played().plan)


def _closing_vote(data: bytes) -> None:
    ceremony = held().ceremony
    read_closing_vote(data, ceremony)
    payload = open_signed(data, "closing").payload
    votes = [key.sign("closing", payload) for key in held().signing[:3]]
    closing.tally(votes, played().plan, ceremony)


def _certificate(data: bytes) -> None:
    round_, ceremony = played(), held().ceremony
    open_vote(data, "certificate", ceremony)
    payload = open_signed(data, "certificate").payload
    votes = [key.sign("certificate", payload) for key in held().signing[:3]]
    certificate.sum_labels(
        round_.plan, round_.layout, certificate.tally(votes, round_.plan, ceremony)
    )


def _share_set(data: bytes) -> None:
    round_, ceremony = played(), held().ceremony
    payload = open_signed(data, "sums").payload
    labels = certificate.sum_labels(round_.plan, round_.layout, round_.certificate)
    basis, sender = round_.certificate.hash, ceremony.trustees[0]
    found = opening.read_share_set(payload, round_.plan, opening.SUMS, basis, sender, labels)
    opening.open_all(ceremony, round_.aggregates, labels, [found, _other_shares()])


@lru_cache
def _other_shares() -> opening.ShareSet:
    round_, ceremony = played(), held().ceremony
    labels = certificate.sum_labels(round_.plan, round_.layout, round_.certificate)
    payload = open_signed(logged("sums")[1], "sums").payload
    return opening.read_share_set(
        payload, round_.plan, opening.SUMS, round_.certificate.hash, ceremony.trustees[2], labels
    )


def _release(data: bytes) -> None:
    round_ = played()
    payload = open_signed(data, "release").payload
    read = Release.from_bytes(payload, held().ceremony.key.public.modulus_bytes)
    document_error = _documented(lambda: read.document)
    release.check(read, round_.plan, round_.layout, round_.certificate, round_.aggregates)
    if document_error is not None:
        raise document_error


def _documented(read: Callable[[], object]) -> ProtocolError | None:
    try:
        read()
    except ProtocolError as error:
        return error
    return None


def _vote(kind: str, read: Callable[[Statement], object]) -> Callable[[bytes], object]:
    return lambda data: read(open_vote(data, kind, held().ceremony)[1])


def _roster_vote(data: bytes) -> None:
    _vote("roster", lambda found: notices.read_roster_vote(found, played().plan))(data)


def _refusal(data: bytes) -> None:
    _vote("refusal", lambda found: notices.read_refusal(found, played().plan))(data)


def _endorsement(data: bytes) -> None:
    _vote("endorsement", lambda found: decode(messages_pb2.Endorsement, found.payload))(data)


def _notice(data: bytes) -> None:
    notices.Notices.read([data], played().plan, COORDINATOR.public)


def _rehearsal(data: bytes) -> None:
    notices.read_rehearsal(data, played().plan, COORDINATOR.public)


def _sealed(data: bytes) -> None:
    one, two = held().ceremony.trustees[:2]
    shares = opening.unseal_shares(data, played().plan, "counts", one, two, held().sealing[1])
    labels = played().layout.count_labels()
    opening.read_share_set(shares, played().plan, "counts", bytes(32), one, labels)


def _sealed_seeds() -> list[bytes]:
    one, two = held().ceremony.trustees[:2]
    round_ = played()
    shares = opening.make_share_set(
        round_.plan,
        held().ceremony,
        round_.aggregates,
        held().shares[0],
        "counts",
        bytes(32),
        round_.layout.count_labels(),
    )
    return [opening.seal_shares(shares, round_.plan, "counts", one, two, held().signing[0])]


def _key_share(data: bytes) -> None:
    open_share(held().ceremony, held().sealing[0], 1, data)


def _receipt(data: bytes) -> None:
    round_ = played()
    receipt = open_receipt(data, COORDINATOR.public, round_id=round_.plan.round_id)
    check_inclusion(receipt, round_.transcript.entries[-5:])


def _receipts() -> list[bytes]:
    round_ = played()
    return [sign_receipt(COORDINATOR, round_.plan.round_id, round_.transcript.entries[-1])]


def _announced(name: str) -> Callable[[], list[bytes]]:
    def made() -> list[bytes]:
        plan = played().plan
        return {
            "reminder": [notices.make_reminder(plan, NOW, 3, COORDINATOR)],
            "deadline": [notices.make_deadline(plan, NOW, NOW + 9, "later", COORDINATOR)],
            "cancellation": [notices.make_cancellation(plan, NOW, "a reason", COORDINATOR)],
            "rehearsal": [notices.make_rehearsal(plan, b"{}", COORDINATOR)],
            "refusal": [notices.make_refusal(plan, "a reason", held().signing[0])],
        }[name]

    return made


# Who may speak, and who is who

NODE = signing_key(1, "fuzz-node")


@cache
def invitation() -> Invitation:
    """One that has not expired."""
    return Invitation(
        "invitation-1",
        bytes(range(32)),
        "E-1",
        "group 1",
        "c.example:7443",
        COORDINATOR.public,
        "",
        tuple((t.name, t.signing_key) for t in held().ceremony.trustees),
        2,
        3,
        "cohort-1",
        NOW + 1000,
    )


def _pass(data: bytes) -> None:
    read_pass(data, COORDINATOR.public, now=NOW)
    expiry(data)


def _enrolment(data: bytes) -> None:
    read_enrolment(data).check_mac(invitation().secret)


def _request_seeds() -> list[bytes]:
    return [certificate_request(NODE, "E-1", "group 1")]


def _member_certificate(der: bytes) -> None:
    read_certificate(der, COORDINATOR.public, now=NOW)


def _revocations(der: bytes) -> None:
    read_revocations(der, COORDINATOR.public, now=NOW)


def _request(der: bytes) -> None:
    """As in an enrolment, whose outer signature covers any request."""
    message = messages_pb2.Enrolment(invitation="i", request=der, mac=bytes(32))
    read_enrolment(NODE.sign("enrolment", encode(message)))


def _members(data: bytes) -> None:
    """A coordinator's answer about a roster, each certificate and the list signed anew or not."""
    ders: dict[int, list[bytes]] = {RAW: [], 3: []}
    for number, part in wire.parts(data):
        place = RAW if number in (RAW, SIGNED) else 3
        ders[place].append(part if number % 2 else _der_signed(part, COORDINATOR))
    revoked = ders[3][-1] if ders[3] else b""
    check_roster(scene().roster, ders[RAW], revoked, COORDINATOR.public, now=NOW)


def _members_seeds() -> list[bytes]:
    crl = _crl()[0]
    ders = certificates(scene().roster)
    return [
        wire.pack([*((RAW, der) for der in ders), (3, crl)]),
        wire.pack([*((SIGNED, _payload(der)) for der in ders), (4, _payload(crl))]),
    ]


def _crl() -> list[bytes]:
    return [revocation_list(COORDINATOR, [(900, NOW - 5), (901, NOW - 4)], now=NOW)]


def _der_signed(inner: bytes, key: SigningKey) -> bytes:
    """An X.509 structure: what is signed, the name of Ed25519, the signature."""
    signature = Ed25519PrivateKey.from_private_bytes(key.seed()).sign(inner)
    algorithm = bytes.fromhex("300506032b6570")
    return _der(0x30, inner + algorithm + _der(0x03, b"\x00" + signature))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _inner(der: bytes) -> tuple[int, int]:
    """Where the first element inside a DER sequence begins and ends."""
    start = _header(der, 0)[0]
    content, size = _header(der, start)
    return start, content + size


def _header(der: bytes, place: int) -> tuple[int, int]:
    """Where the element at ``place`` has its content, and how long that is."""
    first = der[place + 1]
    if first < 0x80:
        return place + 2, first
    count = first & 0x7F
    return place + 2 + count, int.from_bytes(der[place + 2 : place + 2 + count], "big")


# Whole transcripts

_KINDS = (
    "plan", "rehearsal", "roster", "contribution", "reminder", "deadline", "cancellation", "close",
    "closing", "certificate", "sums", "release", "endorsement", "refusal",
)  # fmt: skip
_OWN = frozenset({"plan", "rehearsal", "reminder", "deadline", "cancellation", "close", "release"})


def entries_of(data: bytes) -> list[tuple[str, bytes]]:
    """A log: each part's number names its kind; over 32, its payload is signed here."""
    found = []
    for number, part in wire.parts(data):
        kind = _KINDS[number % 32 % len(_KINDS)]
        if number >= 32:
            own = COORDINATOR if kind in _OWN else held().signing[number // 32 % 4]
            part = (member_key(1) if kind == "contribution" else own).sign(kind, part)
        found.append((kind, part))
    return found


def log_seeds() -> list[bytes]:
    """The finished round's log; and the same with all but the contributions signed anew."""
    raw = [(entry.kind, entry.payload) for entry in played().transcript.entries]
    return [log_of(raw), log_of(raw, again=True)]


def log_of(entries: Sequence[tuple[str, bytes]], *, again: bool = False) -> bytes:
    """A log as an input. :param again: have all but the contributions signed when it is read."""
    raw = [(_KINDS.index(kind) or len(_KINDS), payload) for kind, payload in entries]
    return wire.pack(_signed_again(raw) if again else raw)


def _signed_again(raw: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    keys = {key.public.raw: index for index, key in enumerate(held().signing)}
    made = []
    for number, data in raw:
        message = messages_pb2.Signed.FromString(data)
        if message.kind == "contribution":
            made.append((number, data))
        else:
            index = keys.get(message.signer, 0) or 4
            made.append((number % 32 + 32 * index, message.payload))
    return made


def _verification(data: bytes) -> None:
    """Whoever verifies gets a report on any bundle, never an exception."""
    given = held()
    report = verify_round(
        played().plan.round_id,
        given.ceremony.received,
        given.countersignatures,
        played().roster.to_bytes(),
        entries_of(data),
        unsafe_small_modulus=True,
    )
    if not report.accepted:
        raise ProtocolError(report.failed)


def _record(data: bytes) -> None:
    """A trustee follows the log."""
    round_, given = played(), held()
    description = Description(
        logged("plan")[0], round_.roster.to_bytes(), given.ceremony.received,
        tuple(given.countersignatures),
    )  # fmt: skip
    terms = _terms(description)
    record, head = Record(terms), genesis(round_.plan.round_id)
    for index, (kind, payload) in enumerate(entries_of(data)):
        entry = next_entry(head, index, kind, payload)
        record.read(entry)
        head = entry.hash
    for index in range(1, 5):
        record.voted("closing", given.ceremony, index)


@lru_cache
def _terms(description: Description) -> Terms:
    return read_terms(description, COORDINATOR.public, read_ceremony=scene().read_ceremony)


def _log_kind(kind: str) -> Callable[[], list[bytes]]:
    return lambda: logged(kind)[:1]


def targets() -> list[Target]:
    """All of this module's."""
    trustee, dealer, member = held().signing[0], held().dealer, member_key(1)
    plan_bytes = scene().plan.to_bytes
    return [
        Target("codec", _codec_seeds, _decode),
        Target("plan-unsigned", lambda: [plan_bytes(), table_plan().to_bytes()], _unsigned_plan),
        Target("certificate-of-a-table", _table_seeds, _table_certificate),
        Target("label", _label_seeds, _label),
        Target("roster", lambda: [scene().roster.to_bytes()], _roster),
        Target("place", lambda: [_place_seed()], _place),
        statement("plan", signer("plan", COORDINATOR), _plan, lambda: [scene().record.plan], 4),
        statement(
            "ceremony", signer("ceremony", dealer), _ceremony, lambda: [held().ceremony.received], 4
        ),
        statement(
            "contribution",
            signer("contribution", member),
            _contribution,
            _log_kind("contribution"),
            8,
        ),
        statement("close", signer("close", COORDINATOR), _close, _log_kind("close")),
        statement("closing-vote", signer("closing", trustee), _closing_vote, _log_kind("closing")),
        statement(
            "certificate", signer("certificate", trustee), _certificate, _log_kind("certificate")
        ),
        statement("share-set", signer("sums", trustee), _share_set, _log_kind("sums"), 8),
        statement("release", signer("release", COORDINATOR), _release, _log_kind("release"), 8),
        statement("roster-vote", signer("roster", trustee), _roster_vote, _log_kind("roster")),
        statement("refusal", signer("refusal", trustee), _refusal, _announced("refusal")),
        statement(
            "endorsement", signer("endorsement", trustee), _endorsement, _log_kind("endorsement")
        ),
        statement("reminder", signer("reminder", COORDINATOR), _notice, _announced("reminder")),
        statement("deadline", signer("deadline", COORDINATOR), _notice, _announced("deadline")),
        statement(
            "cancellation", signer("cancellation", COORDINATOR), _notice, _announced("cancellation")
        ),
        statement(
            "rehearsal", signer("rehearsal", COORDINATOR), _rehearsal, _announced("rehearsal")
        ),
        statement("sealed-shares", signer("sealed", trustee), _sealed, _sealed_seeds),
        Target("key-share", lambda: held().sealed[:1], _key_share, cost=2),
        statement("receipt", signer("receipt", COORDINATOR), _receipt, _receipts),
        statement("pass", signer("pass", NODE), _pass, lambda: [_a_pass()]),
        statement("enrolment", signer("enrolment", NODE), _enrolment, lambda: [_an_enrolment()]),
        statement("rotation", signer("rotation", NODE), read_rotation, lambda: [_a_rotation()]),
        statement("request", _requested, _request, _request_seeds),
        statement("member-certificate", _certified, _member_certificate, _one_certificate),
        statement("revocations", _certified, _revocations, _crl),
        Target("members-of-a-roster", _members_seeds, _members, cost=4),
        Target("verification", log_seeds, _verification, cost=60),
        Target("transcript-at-a-trustee", log_seeds, _record, cost=8),
    ]


def _a_pass() -> bytes:
    return make_pass(NODE, COORDINATOR.public, now=NOW, lifetime=3600)


def _an_enrolment() -> bytes:
    return enrolment_statement(invitation(), NODE)


def _a_rotation() -> bytes:
    return rotation_statement(NODE, signing_key(2, "fuzz-node"), "E-1", "group 1")


def _requested(inner: bytes) -> bytes:
    return _der_signed(inner, NODE)


def _certified(inner: bytes) -> bytes:
    return _der_signed(inner, COORDINATOR)


def _one_certificate() -> list[bytes]:
    return certificates(scene().roster)[:1]
