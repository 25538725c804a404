"""The egress ledger: chained, and a changed line is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from enterprise_node.errors import NodeStoreError
from enterprise_node.private.ledger import EgressLedger


def filled(path: Path) -> EgressLedger:
    ledger = EgressLedger(path)
    for number in range(3):
        ledger.append(
            time=number, round_id="r", kind="describe", destination="h:1", payload=b"x" * number
        )
    return ledger


def test_the_chain_of_an_untouched_ledger_holds(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "egress.jsonl")
    assert ledger.verify() == 3
    assert [entry.bytes for entry in ledger.entries()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("defect", "line"),
    [
        (lambda lines: [lines[0], lines[1].replace('"bytes":1', '"bytes":9'), lines[2]], 2),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: [lines[1], lines[0], lines[2]], 1),
    ],
    ids=["changed", "removed", "reordered"],
)
def test_a_tampered_ledger_is_refused_at_the_line(tmp_path: Path, defect, line: int) -> None:  # type: ignore[no-untyped-def]
    ledger = filled(tmp_path / "egress.jsonl")
    lines = ledger.path.read_text().splitlines()
    ledger.path.write_text("\n".join(defect(lines)) + "\n")
    with pytest.raises(NodeStoreError, match=f"line {line}"):
        ledger.verify()


def test_a_line_cut_off_by_a_crash_is_dropped_before_the_next(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "egress.jsonl")
    with ledger.path.open("a") as file:
        file.write('{"time": 4, "kin')
    ledger.append(time=5, round_id="r", kind="read", destination="h:1", payload=b"")
    assert ledger.verify() == 4


def test_something_else_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "egress.jsonl"
    path.write_text("hello\n")
    with pytest.raises(NodeStoreError, match="not an entry"):
        EgressLedger(path).verify()
