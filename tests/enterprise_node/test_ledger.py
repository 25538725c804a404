"""The egress ledger: chained and signed; what was changed, moved, cut or added is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from enterprise_node.errors import LedgerBroken
from enterprise_node.exchange import Envelope
from enterprise_node.private.identity import begin_rotation
from enterprise_node.private.ledger import EgressEntry, EgressLedger, canonical, make_head
from enterprise_node.private.ledger_export import export_ledger, verify_export
from protocols.enrolment import issue
from protocols.hashing import domain_hash
from protocols.signing import SigningKey
from protocols.wire import messages_pb2 as pb
from tests import keys
from tests.enterprise_node.scene import COORDINATOR, GROUP, ROUND, Scene, make_scene

OWN, NEXT, STRANGER = (keys.signing_key(n, "ledger") for n in (1, 2, 3))
Lines = list[str]


def add(ledger: EgressLedger, key: SigningKey, number: int, **more: Any) -> EgressEntry:
    return ledger.append(
        key,
        time=number,
        round_id="r",
        kind="contribution",
        destination="coordinator",
        payload=b"x" * number,
        **more,
    )


def filled(folder: Path, count: int = 3) -> EgressLedger:
    ledger = EgressLedger(folder / "egress.jsonl")
    for number in range(count):
        add(ledger, OWN, number)
    return ledger


def forged(line: str, **changes: Any) -> str:
    """The line with other fields, its hash made anew, and the old signature."""
    fields = json.loads(line) | changes
    fields.pop("hash")
    signature = fields.pop("signature")
    link = domain_hash("cefed/egress/v2", canonical(fields).encode())
    return canonical(fields | {"hash": link.hex(), "signature": signature})


def test_an_untouched_ledger_holds(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    assert ledger.verify(OWN.public) == 3
    assert [entry.bytes for entry in ledger.entries()] == [0, 1, 2]
    assert EgressLedger(tmp_path / "none.jsonl").verify(OWN.public) == 0


@pytest.mark.parametrize(
    ("defect", "line"),
    [
        (lambda ls: [ls[0], ls[1].replace('"bytes":1', '"bytes":9'), ls[2]], "line 2: the chain"),
        (lambda ls: [ls[0], ls[2]], "line 2: the chain"),
        (lambda ls: [ls[1], ls[0], ls[2]], "line 1: the chain"),
        (lambda ls: [ls[0], ls[1], ls[1], ls[2]], "line 3: the chain"),
        (lambda ls: [ls[0], ls[1], forged(ls[2], bytes=9)], "line 3: not signed"),
        (lambda ls: ls[:2], "2 entries, its signed head counts 3"),
        (lambda ls: [], "0 entries, its signed head counts 3"),
        (lambda ls: [*ls[:2], "hello"], "line 3: not an entry"),
    ],
    ids=["changed", "removed", "moved", "repeated", "forged", "cut", "emptied", "something else"],
)
def test_a_tampered_ledger_is_refused_at_the_line(
    tmp_path: Path, defect: Callable[[Lines], Lines], line: str
) -> None:
    ledger = filled(tmp_path)
    lines = defect(ledger.path.read_text().splitlines())
    ledger.path.write_text("".join(f"{text}\n" for text in lines))
    with pytest.raises(LedgerBroken, match=line):
        ledger.verify(OWN.public)


def test_a_ledger_made_by_another_key_is_not_this_nodes(tmp_path: Path) -> None:
    ledger = EgressLedger(tmp_path / "egress.jsonl")
    add(ledger, STRANGER, 1)
    with pytest.raises(LedgerBroken, match="belongs to"):
        ledger.verify(OWN.public)


def test_an_entry_by_another_key_in_between(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    add(ledger, STRANGER, 4)
    with pytest.raises(LedgerBroken, match="line 4: signed by a key that no entry"):
        ledger.verify(OWN.public)


def test_a_head_that_a_stranger_signed(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    lines = ledger.path.read_text().splitlines()
    ledger.path.write_text("".join(f"{line}\n" for line in lines[:2]))
    head = make_head(STRANGER, 2, ledger.entries()[-1].hash)
    (tmp_path / "egress.head").write_text(canonical(asdict(head)))
    with pytest.raises(LedgerBroken, match="head is signed by another key"):
        ledger.verify(OWN.public)
    forged_head = replace(head, key=OWN.public.raw.hex())
    (tmp_path / "egress.head").write_text(canonical(asdict(forged_head)))
    with pytest.raises(LedgerBroken, match="the head: not signed"):
        ledger.verify(OWN.public)


def test_a_missing_head(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    (tmp_path / "egress.head").unlink()
    with pytest.raises(LedgerBroken, match="missing"):
        ledger.verify(OWN.public)


def test_a_crash_between_line_and_head_is_no_defect(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    head = (tmp_path / "egress.head").read_bytes()
    add(ledger, OWN, 4)
    (tmp_path / "egress.head").write_bytes(head)
    assert ledger.verify(OWN.public) == 4


def test_a_line_cut_off_by_a_crash_is_dropped_before_the_next(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    with ledger.path.open("a") as file:
        file.write('{"time": 4, "kin')
    assert ledger.verify(OWN.public) == 3
    add(ledger, OWN, 5)
    assert ledger.verify(OWN.public) == 4


def test_a_change_of_the_key_is_announced_by_the_old_one(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    add(ledger, OWN, 3, next_key=NEXT.public)
    add(ledger, OWN, 4)
    add(ledger, NEXT, 5)
    for known in (OWN, NEXT):
        assert ledger.verify(known.public) == 6
    with pytest.raises(LedgerBroken, match="belongs to"):
        ledger.verify(STRANGER.public)
    add(ledger, OWN, 6)
    with pytest.raises(LedgerBroken, match="line 7: signed by a key"):
        ledger.verify(NEXT.public)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """An enrolled node after a round's contribution."""
    made = make_scene(tmp_path)
    made.turn(2)
    certificate = issue(
        COORDINATOR,
        made.store.key().public,
        "A01",
        GROUP,
        serial=1,
        not_before=1_600_000_000,
        not_after=4_000_000_000,
    )
    made.store.certificate_path.write_bytes(certificate)
    return made


def test_an_export_proves_what_left_without_the_folder(scene: Scene) -> None:
    key = scene.store.key().public
    found = verify_export(export_ledger(scene.store).encode(), key)
    assert (found.entries, found.contributions, found.receipts) == (3, 1, 1)
    assert (found.enterprise_id, found.group) == ("A01", GROUP)
    assert (found.key, found.coordinator) == (key, COORDINATOR.public)


def rehashed_without(entries: list[dict[str, Any]], kind: str, key: SigningKey) -> Any:
    """A ledger made anew by the node's own key, without the entries of a kind."""
    kept: list[dict[str, Any]] = []
    for entry in (dict(e) for e in entries if e["kind"] != kind):
        for name in ("hash", "signature"):
            entry.pop(name)
        entry |= {"number": len(kept), "previous": kept[-1]["hash"] if kept else "0" * 64}
        link = domain_hash("cefed/egress/v2", canonical(entry).encode())
        signature = pb.Signed.FromString(key.sign("egress", link)).signature
        kept.append(entry | {"hash": link.hex(), "signature": signature.hex()})
    return kept, asdict(make_head(key, len(kept), kept[-1]["hash"]))


def test_a_node_that_leaves_a_contribution_out_is_found_by_its_receipt(scene: Scene) -> None:
    document = json.loads(export_ledger(scene.store))
    key = scene.store.key()
    document["entries"], document["head"] = rehashed_without(
        document["entries"], "contribution", key
    )
    with pytest.raises(LedgerBroken, match="an entry was left out"):
        verify_export(json.dumps(document).encode(), key.public)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda d: d["entries"].pop(), "the end was cut off"),
        (lambda d: d["entries"].reverse(), "line 1"),
        (lambda d: d["entries"][0].update(bytes=1), "line 1"),
        (lambda d: d.update(head=None), "no signed head"),
        (lambda d: d.update(key=STRANGER.public.raw.hex()), "belongs to"),
        (lambda d: d["receipts"][0].update(round="other"), "a receipt does not hold"),
        (lambda d: d["receipts"][0].update(receipt="00"), "a receipt does not hold"),
        (lambda d: d.update(coordinator_key=None), "no coordinator's key"),
        (lambda d: d.update(certificate="00"), "the certificate does not hold"),
        (lambda d: d.pop("entries"), "a part is missing"),
        (lambda d: d.update(schema="other/1"), "not an export"),
    ],
)
def test_a_tampered_export_is_refused(
    scene: Scene, change: Callable[[dict[str, Any]], Any], what: str
) -> None:
    document = json.loads(export_ledger(scene.store))
    change(document)
    with pytest.raises(LedgerBroken, match=what):
        verify_export(json.dumps(document).encode(), scene.store.key().public)


def test_an_export_of_another_node(scene: Scene) -> None:
    with pytest.raises(LedgerBroken, match="belongs to"):
        verify_export(export_ledger(scene.store).encode(), STRANGER.public)


def test_a_ledger_goes_on_over_a_rotation(scene: Scene) -> None:
    old = scene.store.key().public
    new = begin_rotation(scene.store)
    scene.step()
    certificate = issue(
        COORDINATOR, new, "A01", GROUP, serial=2, not_before=1_600_000_000, not_after=4_000_000_000
    )
    scene.exchange.inbox.put(Envelope("certificate", "", certificate))
    assert [event.kind for event in scene.step()] == ["certificate"]
    assert scene.store.key().public == new
    for known in (old, new):
        found = verify_export(export_ledger(scene.store).encode(), known)
        assert found.key == new
    assert [e.kind for e in scene.store.ledger.entries()][-2:] == ["rotation", "pass"]
    assert scene.store.round(ROUND).receipts() == [1]
