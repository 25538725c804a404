"""Which node is struck by what, and what a struck node sends."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import InvalidSignature
from protocols.federated.terms import Mode
from protocols.signing import SigningKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from sim.errors import OptionError
from sim.faults import (
    Fault,
    Kind,
    Operation,
    assign,
    check_faults,
    liars,
    read_faults,
    read_operation,
    write_operation,
)
from sim.misconduct import Misconduct

NODES = [f"node-{number}" for number in range(40)]
KEY = SigningKey.from_seed(bytes(32))


def test_shares_and_numbers_are_read() -> None:
    assert Fault.parse("drop-before-masks=20%") == Fault(
        Kind.DROP_BEFORE_MASKS, share=Fraction(1, 5)
    )
    assert Fault.parse("late=3") == Fault(Kind.LATE, count=3)
    assert Fault.parse("corrupt = 2.5%").number(40) == 1
    assert str(Fault.parse("drop-before-masks=20%")) == "drop-before-masks=20%"


@pytest.mark.parametrize(
    "text",
    ["late", "late=", "late=-1", "late=1.5", "late=101%", "slow=1", "lying-trustee=20%", "late=x%"],
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--fault"):
        Fault.parse(text)


def test_a_file_of_faults_is_added_to_the_command_line(tmp_path: Path) -> None:
    toml, written = tmp_path / "faults.toml", tmp_path / "faults.json"
    toml.write_text('faults = ["late=1", "corrupt=2"]')
    written.write_text(json.dumps({"faults": ["stale-plan=1"]}))
    assert [f.kind for f in read_faults(["duplicate=1"], toml)] == [
        Kind.DUPLICATE,
        Kind.LATE,
        Kind.CORRUPT,
    ]
    assert read_faults([], written) == (Fault(Kind.STALE_PLAN, count=1),)
    toml.write_text("faults = 3")
    with pytest.raises(OptionError, match="expected a list"):
        read_faults([], toml)
    with pytest.raises(OptionError, match="cannot read"):
        read_faults([], tmp_path / "none.toml")


@given(
    seed=st.integers(),
    numbers=st.lists(st.integers(0, 8), min_size=1, max_size=4),
    mode=st.sampled_from([None, Mode.CERTIFIED, Mode.TOTALS]),
)
def test_each_fault_strikes_as_many_as_it_says_and_nobody_twice(
    seed: int, numbers: list[int], mode: Mode | None
) -> None:
    kinds = [Kind.LATE, Kind.CORRUPT, Kind.DUPLICATE, Kind.STALE_PLAN]
    faults = [Fault(kind, count=n) for kind, n in zip(kinds, numbers, strict=False)]
    struck = assign(faults, NODES, seed, mode)
    assert Counter(struck.values()) == Counter(
        {fault.operation(mode): fault.count for fault in faults if fault.count}
    )
    assert struck.keys() <= set(NODES)
    assert struck == assign(faults, list(reversed(NODES)), seed, mode)


def test_more_faults_than_nodes_are_refused() -> None:
    with pytest.raises(OptionError, match="more than the 40 nodes"):
        assign([Fault(Kind.LATE, count=30), Fault(Kind.CORRUPT, count=11)], NODES, 1, None)


def test_faults_that_a_backend_does_not_have_are_refused() -> None:
    masks, lying = Fault(Kind.DROP_BEFORE_MASKS, count=1), Fault(Kind.LYING_TRUSTEE, count=5)
    with pytest.raises(OptionError, match="no masks under Paillier"):
        check_faults([masks], None, 4)
    with pytest.raises(OptionError, match="no trustees"):
        check_faults([lying], Mode.TOTALS, 4)
    with pytest.raises(OptionError, match="there are 4 trustees"):
        check_faults([lying], Mode.CERTIFIED, 4)
    check_faults([masks], Mode.CERTIFIED, 4)
    assert liars([masks, lying]) == 5
    assert assign([lying], NODES, 1, None) == {}


def struck(folder: Path, at: str, what: str) -> Misconduct:
    write_operation(folder, Operation(at, what))
    assert read_operation(folder) == Operation(at, what)
    return Misconduct(folder, lambda: KEY)


def test_an_honest_node_sends_what_it_made(tmp_path: Path) -> None:
    honest = Misconduct(tmp_path, lambda: KEY)
    assert honest.outgoing("contribution", b"made") == b"made"
    assert not honest.is_gone("masked")


def test_who_drops_out_is_gone_from_there_on(tmp_path: Path) -> None:
    gone = struck(tmp_path, "masking", "drop")
    assert gone.outgoing("shares", b"made") == b"made"
    for at in ("masking", "agreement", "unmasking"):
        assert gone.is_gone(at)
        assert gone.outgoing(at, b"made") is None


def test_what_is_late_comes_with_the_next_answer(tmp_path: Path) -> None:
    late = struck(tmp_path, "masking", "late")
    assert late.outgoing("masking", b"first") is None
    assert late.outgoing("agreement", b"second") == b"first"
    assert late.outgoing("agreement", b"second") == b"second"


def test_a_duplicate_takes_the_next_answers_place_once(tmp_path: Path) -> None:
    twice = struck(tmp_path, "masking", "duplicate")
    assert [twice.outgoing("masking", b"first"), twice.outgoing("agreement", b"second")] == [
        b"first",
        b"first",
    ]
    assert twice.outgoing("agreement", b"second") == b"second"


def test_what_is_corrupt_is_not_signed_any_more(tmp_path: Path) -> None:
    made = KEY.sign("contribution", b"payload")
    spoilt = struck(tmp_path, "contribution", "corrupt").outgoing("contribution", made)
    assert spoilt is not None
    assert len(spoilt) == len(made)
    with pytest.raises(InvalidSignature):
        open_signed(spoilt, "contribution")


def test_what_is_stale_is_signed_for_another_plan(tmp_path: Path) -> None:
    payload = encode(pb.Contribution(plan_hash=bytes(32), version=1, ciphertexts=b"c"))
    made = KEY.sign("contribution", payload)
    other = struck(tmp_path, "contribution", "stale").outgoing("contribution", made)
    assert other is not None
    statement = open_signed(other, "contribution")
    read = pb.Contribution.FromString(statement.payload)
    assert statement.signer == KEY.public
    assert read.plan_hash != bytes(32)
    assert (read.version, read.ciphertexts) == (1, b"c")
