"""Targets: files that people, other programs or other parties hand in, read one at a time."""

from __future__ import annotations

import atexit
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from coordinator.errors import CoordinatorError
from coordinator.roundfiles import read_definitions, read_members
from coordinator.settings import CoordinatorSettings
from enterprise_node.errors import NodeError
from enterprise_node.exchange import Envelope, unpack
from enterprise_node.gateway.settings import GatewaySettings
from enterprise_node.gateway.state import State
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.ledger import EgressEntry, EgressLedger, canonical, make_head
from enterprise_node.private.ledger_export import verify_export
from enterprise_node.private.noticeboard import Noticeboard
from enterprise_node.private.policy import NodePolicy
from enterprise_node.private.position import position, read_targets
from enterprise_node.private.published import read_release_file
from enterprise_node.private.settings import Settings, read_identity
from protocols.bundle import read_bundle, write_ceremony, write_round
from protocols.enrolment import Invitation
from protocols.errors import ProtocolError
from protocols.hashing import domain_hash
from protocols.items import Item
from protocols.service.settings import load
from protocols.signing import statement_hash
from protocols.transcript import sign_receipt
from protocols.wire import messages_pb2
from tests.coordinator.sample import region_a
from tests.enterprise_node.scene import policy_for, settings_for
from tests.fuzz import wire
from tests.fuzz.material import COORDINATOR, NOW, held, played
from tests.fuzz.statements import NODE, invitation
from tests.fuzz.target import Target, restored, scratch
from trustee.agreement import TrusteeLimits
from trustee.chain import CLASSES, CLOSING, GENESIS, SEEN, link, look
from trustee.errors import TrusteeError
from trustee.folder import IDENTITY, Identity
from trustee.ledger import Ledger, SeenVote
from trustee.limits import LIMITS, load_limits, save_limits
from trustee.settings import TrusteeSettings
from trustee.startup import ANSWER, NONCE_BYTES, QUESTION, LedgerCheck

ANY_ROLE = (ProtocolError, NodeError, TrusteeError, CoordinatorError)
RAW, MADE = 1, 2


@cache
def desk() -> Path:
    """A folder for one file at a time; removed when the process ends."""
    folder = scratch()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def file(
    name: str, read: Callable[[Path], object], valid: Callable[[], list[bytes]], cost: int = 1
) -> Target:
    """A target for a file of this name in a folder."""

    def run(data: bytes) -> None:
        path = desk() / name
        path.write_bytes(data)
        read(path)

    return Target(name, valid, run, ANY_ROLE, cost)


def renamed(name: str, target: Target) -> Target:
    """The same under a name of its own, where two readers share a file's name."""
    return Target(name, target.seeds, target.read, target.refusals, target.cost)


# Settings of the roles


def _gateway(path: Path) -> None:
    found = load(GatewaySettings, "gateway", path, None, {"CEFED_ETC": str(desk() / "etc")})
    (desk() / "ca.pem").write_bytes(b"authority")
    found.target(desk())


def _coordinator(path: Path) -> None:
    load(CoordinatorSettings, "coordinator", path, None, {"CEFED_ETC": str(desk() / "etc")})


def _trustee(path: Path) -> None:
    load(TrusteeSettings, "trustee", path, None, {"CEFED_ETC": str(desk() / "etc")})


def _environment(data: bytes) -> None:
    """Variables: parts are NAME=VALUE, odd ones of a coordinator, even ones of a gateway."""
    environ = {"CEFED_ETC": str(desk() / "etc"), "CEFED_GATEWAY_COORDINATOR": "c.example:1"}
    for number, part in wire.parts(data):
        name, _, value = part.decode("utf-8", "surrogateescape").partition("=")
        environ[f"CEFED_{'COORDINATOR' if number % 2 else 'GATEWAY'}_{name}"] = value
    load(CoordinatorSettings, "coordinator", None, None, environ)
    load(GatewaySettings, "gateway", None, None, environ)


def _limits(path: Path) -> None:
    (desk() / "known.txt").write_text("E-1\n# nobody\n", encoding="utf-8")
    load_limits(path.parent)


def _limits_seeds() -> list[bytes]:
    save_limits(desk(), TrusteeLimits())
    text = (desk() / LIMITS).read_bytes()
    return [text, text + b'known_enterprises = "known.txt"\n']


_GATEWAY = b"""coordinator = "c.example:7443"
authority = "ca.pem"
interval_seconds = 5.0
log_file = "gateway.log"
"""
_COORDINATOR = b"""listen = "127.0.0.1:7443"
address = "c.example:7443"
database = "sqlite:///board.sqlite"
threads = 8
tls_key = "key.pem"
[member_rates]
calls_per_second = 20.5
active = 8
[trustee_rates]
megabytes_per_second = 500
"""
_TRUSTEE = b"""coordinator = "c.example:7443"
coordinator_key = "%s"
tls_authority = "ca.pem"
insecure = false
"""


# Enrolment, identities, rosters


def _invitation(data: bytes) -> None:
    found = Invitation.from_json(data)
    Invitation.from_json(found.to_json())


def _identity_seeds() -> list[bytes]:
    trustee = held().ceremony.trustees[0]
    return [
        Identity(trustee.name, trustee.signing_key, trustee.sealing_key).to_json().encode("utf-8")
    ]


def _members_seeds() -> list[bytes]:
    lines = [
        f"{member.key.raw.hex()},{member.group},E-{number}"
        for number, member in enumerate(played().roster.members)
    ]
    return ["\n".join(("signing_key,group,enterprise_id", *lines, "")).encode("utf-8")]


# Envelopes and notes of the exchange folder


def _envelope(data: bytes) -> None:
    number, part = wire.parts(data)[0]
    if number % 2 == 0:  # a payload in an envelope that holds
        part = Envelope("release", "round-1", part).to_bytes()
    found = Envelope.from_bytes(part)
    if Envelope.from_bytes(found.to_bytes()) != found:
        raise AssertionError("an envelope that is read is not the one that is written")
    unpack(found.payload)


def _envelope_seeds() -> list[bytes]:
    payload = bytes(7) + b"\x03abc"
    return [
        wire.pack([(RAW, Envelope("release", "round-1", payload, 3).to_bytes())]),
        wire.pack([(MADE, payload)]),
    ]


def _notice(data: bytes) -> None:
    path = desk() / "notices.jsonl"
    path.unlink(missing_ok=True)
    board = Noticeboard(path)
    board.add(data)
    board.all()


def notice(**changes: object) -> bytes:
    """What a gateway has to say."""
    fields: dict[str, object] = {
        "about": "refused",
        "what": "contribution",
        "round_id": "round-1",
        "sha256": "0" * 64,
        "reason_name": "ContributionRefused",
        "text": "superseded",
        "time": NOW,
    }
    return json.dumps(fields | changes, sort_keys=True).encode("utf-8")


def _state(path: Path) -> None:
    state = State(path)
    state.number("index round-1")
    state.begin(3)
    state.done("line", "unreachable")
    state.save()


_STATE = (
    b'{"done": {"index round-1": "12", "line": "reachable"}, "schema": "cefed.gateway-state/1",'
    b' "serial": 3}'
)


# The egress ledger and its export


def _own_entries() -> tuple[list[EgressEntry], EgressLedger]:
    folder = desk() / "own"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ledger = EgressLedger(folder / "egress.jsonl")
    for kind, payload in (("pass", b"pass"), ("contribution", _sent())):
        ledger.append(
            NODE,
            time=NOW,
            kind=kind,
            round_id=played().plan.round_id,
            destination="coordinator",
            payload=payload,
        )
    return ledger.entries(), ledger


def _sent() -> bytes:
    return next(iter(played().transcript.of_kind("contribution")))


def _relinked(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    """Entries with numbers, links and signatures made anew: whatever else was changed stays."""
    previous, made = "0" * 64, []
    for number, fields in enumerate(lines):
        fields = {k: v for k, v in fields.items() if k not in ("hash", "signature")}
        fields |= {"number": number, "previous": previous, "key": NODE.public.raw.hex()}
        # As the product computes it; what it cannot compute it cannot be given either.
        content = canonical(fields).encode("utf-8", "surrogatepass")  # type: ignore[arg-type]
        digest = domain_hash("cefed/egress/v2", content)
        previous = digest.hex()
        signed = NODE.sign("egress", digest)
        made.append(fields | {"hash": previous, "signature": signed[-64:].hex()})
    return made


def _export(data: bytes) -> None:
    number, part = wire.parts(data)[0]
    if number % 2 == 0:
        try:
            document = json.loads(part)
            entries = _relinked(list(document["entries"]))
            last = str(entries[-1]["hash"])
            head = asdict(make_head(NODE, len(entries), last))
            part = json.dumps(document | {"entries": entries, "head": head}).encode("utf-8")
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            pass  # what cannot be made anew is read as it is
    verify_export(part)


def _export_seeds() -> list[bytes]:
    entries, ledger = _own_entries()
    head = ledger.head()
    entry = next(e for e in played().transcript.entries if e.kind == "contribution")
    receipt = sign_receipt(COORDINATOR, played().plan.round_id, entry)
    document = {
        "schema": "cefed.egress-ledger/1",
        "key": NODE.public.raw.hex(),
        "coordinator_key": COORDINATOR.public.raw.hex(),
        "certificate": None,
        "head": asdict(head) if head is not None else None,
        "entries": [asdict(item) for item in entries],
        "receipts": [
            {"round": played().plan.round_id, "version": 1, "receipt": receipt.hex()},
        ],
    }
    text = json.dumps(document).encode("utf-8")
    return [wire.pack([(RAW, text)]), wire.pack([(MADE, text)])]


def _egress(data: bytes) -> None:
    """The files of a ledger: lines (1) and head (2)."""
    folder = desk() / "egress"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, part in wire.parts(data):
        (folder / ("egress.jsonl" if number % 2 else "egress.head")).write_bytes(part)
    EgressLedger(folder / "egress.jsonl").verify(NODE.public)


def _egress_seeds() -> list[bytes]:
    _, ledger = _own_entries()
    return [
        wire.pack(
            [(1, ledger.path.read_bytes()), (2, ledger.path.with_suffix(".head").read_bytes())]
        )
    ]


# A trustee's ledger


def _ledger(data: bytes) -> None:
    number, part = wire.parts(data)[0]
    path = desk() / "ledger.jsonl"
    path.write_bytes(part if number % 2 else _chained(part))
    look(path)
    ledger = Ledger(path, clock=lambda: NOW)
    try:
        members = [Item.of(bytes([n]) * 32, f"E-{n}", f"G-{n}") for n in range(5)]
        ledger.record_closing("another", bytes(32), bytes(32), "2020", members)
        ledger.same_data("another", "2020", members)
        ledger.note_seen(b"s" * 32, SeenVote(b"p" * 32, b"q" * 32, b"r" * 32), b"v")
    finally:
        ledger.close()


def _chained(data: bytes) -> bytes:
    """Lines with numbers and hashes made anew."""
    head, made = GENESIS.hex(), []
    for number, line in enumerate(data.splitlines()):
        try:
            record = json.loads(line) | {"number": number, "previous": head}
            record["hash"] = head = link(record).hex()
            made.append(json.dumps(record).encode("ascii"))
        except (ValueError, TypeError, RecursionError):
            made.append(line)
    return b"".join(line + b"\n" for line in made)


def _ledger_seeds() -> list[bytes]:
    records = [
        {
            "event": CLOSING,
            "round": "r",
            "plan": "11" * 32,
            "statement": "22" * 32,
            "period": "2020",
            "members": ["33" * 32, "44" * 32],
            "enterprises": ["34" * 32, "45" * 32],
            "groups": ["35" * 32, "46" * 32],
            "time": NOW,
        },
        {
            "event": CLASSES,
            "round": "r",
            "plan": "11" * 32,
            "statement": "22" * 32,
            "classes": {"output": {"unit": "yuan", "resolution": 1, "counts": [0, 2]}},
            "time": NOW,
        },
        {
            "event": SEEN,
            "signer": "55" * 32,
            "plan": "66" * 32,
            "statement": "77" * 32,
            "head": "88" * 32,
            "vote": "dm90ZQ==",
            "time": NOW,
        },
    ]
    text = b"".join(json.dumps(record).encode("ascii") + b"\n" for record in records)
    return [wire.pack([(RAW, _chained(text))]), wire.pack([(MADE, text)])]


# What other trustees say about a ledger


def _talk(data: bytes) -> None:
    """What the relay shows: raw statements (odd), or signed by the second trustee (even)."""
    shown = []
    for number, part in wire.parts(data):
        kind = ANSWER if number // 2 % 2 else QUESTION
        shown.append(part if number % 2 else held().signing[1].sign(kind, part))
    check = _check(0)
    check.read(shown)
    check.read(shown)


@cache
def _ledgers() -> list[Ledger]:
    found = []
    for index in range(2):
        path = desk() / f"talking-{index}.jsonl"
        Ledger.create(path)
        found.append(Ledger(path, clock=lambda: NOW))
    found[0].record_closing("r", b"p" * 32, b"s" * 32, "2020", [])
    found[1].note_seen(held().signing[0].public.raw, SeenVote(b"p" * 32, b"s" * 32, GENESIS), b"v")
    return found


def _check(index: int) -> LedgerCheck:
    ceremony = held().ceremony
    me, key = ceremony.trustees[index], held().signing[index]
    return LedgerCheck(ceremony, me, key, _ledgers()[index], nonce=bytes([index]) * NONCE_BYTES)


def _talk_seeds() -> list[bytes]:
    question = _check(0).read([])
    second = _check(1)
    said = second.read(question)
    payloads = [messages_pb2.Signed.FromString(data).payload for data in said]
    kinds = [messages_pb2.Signed.FromString(data).kind for data in said]
    raw = [(1, data) for data in (*question, *said)]
    again = [(6 if kind == ANSWER else 4, part) for kind, part in zip(kinds, payloads, strict=True)]
    return [wire.pack(raw), wire.pack([raw[0], *again])]


# Releases


def own() -> OwnMeasures:
    """A member of Region A."""
    return OwnMeasures(
        enterprise="A01",
        cohort="region-a",
        group="g",
        integers={"output": 4_000_000_000, "emissions": 200_000_000, "electricity": 150_000_000},
        units={"output": "yuan", "emissions": "kgCO2", "electricity": "kWh"},
        definitions=(),
        findings=(),
        notes=(),
        excluded=None,
        records_sha256="0" * 64,
        mapping_sha256="0" * 64,
    )


def _position(path: Path) -> None:
    found = position(read_release_file(path, "region-a"), own(), {1: {"even": "0.1"}})
    found.lines()
    json.dumps(found.document())


def _position_seeds() -> list[bytes]:
    document = region_a()
    return [
        json.dumps(document).encode("utf-8"),
        json.dumps({"cohorts": [document]}, indent=1).encode("utf-8"),
    ]


_TARGETS = b"cohort,strategy,band,r\nregion-a,even,1,0.1\nregion-a,steep,2,0.25\nother,even,1,0\n"


# A bundle


def _bundle(data: bytes) -> None:
    """Parts are the bundle's files: 1 ceremony, 2 countersignatures, 3 roster, 4 transcript."""
    folder = restored(desk() / "bundle", _bundle_folder())
    places = _bundle_files(folder)
    for number, part in wire.parts(data):
        places[number % len(places)].write_bytes(part)
    found = read_bundle(folder)
    for round_ in found.rounds:
        round_.roster()
        for kind, payload in round_.entries():
            statement_hash(payload)
            kind.encode("ascii", "replace")


def _bundle_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@cache
def _bundle_folder() -> Path:
    folder = desk() / "bundle-template"
    write_ceremony(folder, held().ceremony.received, held().countersignatures)
    entries = [(e.kind, e.payload) for e in played().transcript.entries if e.kind != "contribution"]
    write_round(folder, played().plan.round_id, played().roster.to_bytes(), entries)
    return folder


def _bundle_seeds() -> list[bytes]:
    files = _bundle_files(_bundle_folder())
    return [
        wire.pack([(len(files) + place, path.read_bytes())]) for place, path in enumerate(files)
    ]


def targets() -> list[Target]:
    """All of this module's."""
    key = COORDINATOR.public.raw.hex().encode()
    return [
        file("gateway.toml", _gateway, lambda: [_GATEWAY]),
        file("coordinator.toml", _coordinator, lambda: [_COORDINATOR]),
        file("trustee.toml", _trustee, lambda: [_TRUSTEE % key]),
        Target("environment", _environment_seeds, _environment, ANY_ROLE, 2),
        file("policy.toml", NodePolicy.load, lambda: [policy_for().to_toml().encode("utf-8")]),
        file("node.toml", Settings.load, lambda: [settings_for("A01").to_toml().encode("utf-8")]),
        file(LIMITS, _limits, _limits_seeds),
        Target("invitation", lambda: [invitation().to_json().encode("utf-8")], _invitation),
        renamed("identity-at-a-dealer", file(IDENTITY, Identity.load, _identity_seeds)),
        renamed("identity-at-a-node", file(IDENTITY, read_identity, _identity_seeds)),
        file("members.csv", read_members, _members_seeds),
        file("definitions.json", read_definitions, lambda: [b'{"scope": "1 and 2", "a": "b"}']),
        Target("envelope", _envelope_seeds, _envelope, ANY_ROLE),
        Target("notice", lambda: [notice()], _notice, ANY_ROLE, 2),
        file("gateway-state.json", _state, lambda: [_STATE]),
        Target("ledger-export", _export_seeds, _export, ANY_ROLE, 2),
        Target("egress-ledger", _egress_seeds, _egress, ANY_ROLE, 2),
        Target("trustee-ledger", _ledger_seeds, _ledger, ANY_ROLE, 2),
        Target("ledger-talk", _talk_seeds, _talk, ANY_ROLE, 4),
        file("release.json", _position, _position_seeds, 2),
        file("targets.csv", lambda path: read_targets(path, "region-a"), lambda: [_TARGETS]),
        Target("bundle", _bundle_seeds, _bundle, ANY_ROLE, 4),
    ]


def _environment_seeds() -> list[bytes]:
    return [
        wire.pack(
            [
                (1, b"THREADS=8"),
                (1, b"LISTEN=127.0.0.1:1"),
                (1, b"MEMBER_RATES__ACTIVE=3"),
                (1, b'OPEN_RATES={"active": 4}'),
                (1, b"LOG_JSON=false"),
                (2, b"INTERVAL_SECONDS=3.5"),
                (2, b"LOG_FILE=x.log"),
            ]
        )
    ]
