"""What sizes, work, order, logs and opened counts show of a member."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.closing import read_proposal
from protocols.paillier import Encryptor
from protocols.signing import open_signed, statement_hash
from tests.attacks import fine_grid, metadata, side_channels
from tests.attacks.play import encrypt, folder, submit
from tests.trustee.scene import MEMBERS, Scene, member_key, values


def test_a_fast_path_for_zeros_shows_the_bin_and_the_default_does_not() -> None:
    without = side_channels.run(True)
    assert without.succeeded, list(without.lines())

    default = side_channels.run(False)
    assert default.gained is None
    assert default.stopped_by == ("8 of 8 bins took work",)


SCENE = Scene()
ENCRYPTOR = Encryptor(SCENE.held.ceremony.key.public, window_bits=4)


@settings(max_examples=20)
@given(
    output=st.integers(1, 1_000_000),
    emissions=st.integers(1, 1_000_000),
    electricity=st.integers(0, 1_000_000),
    number=st.integers(1, MEMBERS),
)
def test_with_the_same_randomness_any_values_take_the_same_work_and_bytes(
    output: int, emissions: int, electricity: int, number: int
) -> None:
    """So work and size depend on the randomness alone, which is independent of the values."""
    measures = {"output": output, "emissions": emissions, "electricity": electricity}
    key = member_key(number)

    def watched(chosen: dict[str, int]) -> tuple[list[int], int]:
        seeded = random.Random(7).getrandbits
        return side_channels.watch(SCENE, ENCRYPTOR, chosen, randbits=seeded, signer=key)

    trace, size = watched(measures)
    assert (trace, size) == watched(values(1))
    assert min(trace) > 0


def test_the_log_is_in_the_order_of_arrival_and_the_list_in_that_of_hashes() -> None:
    numbers = list(range(1, MEMBERS + 1))
    random.Random(3).shuffle(numbers)
    with folder() as path:
        board = SCENE.board(path / "board.sqlite")
        sent = [encrypt(SCENE, values(number), member_key(number)) for number in numbers]
        for data in sent:
            submit(board, SCENE, data)
        while board.advance():
            pass
        entries = list(board.read(SCENE.round_id, 0))
        board.close()
    assert [e.payload for e in entries if e.kind == "contribution"] == sent
    (close,) = [e for e in entries if e.kind == "close"]
    listed = read_proposal(open_signed(close.payload, "close").payload, SCENE.plan).included
    assert list(listed) == sorted(map(statement_hash, sent))


@pytest.mark.parametrize("leak", metadata.LEAKS)
def test_a_build_that_says_too_much_is_caught(leak: str) -> None:
    found = metadata.run(True, leak)

    assert found.succeeded, list(found.lines())


def test_nothing_planted_is_said_by_default() -> None:
    found = metadata.run(False)

    assert found.gained is None, found.gained
    assert found.figures["characters searched"] > 10_000
    assert found.figures["troubles that did not happen"] == []


def test_a_fine_grid_shows_most_of_region_a_and_steps_do_not() -> None:
    """The figures that docs/threats.md and the design name."""
    grid = fine_grid.run(True)
    assert grid.succeeded, list(grid.lines())

    steps = fine_grid.run(False)
    assert steps.gained == 7
    assert "bands of at least 5" in steps.stopped_by[0]
    assert steps.figures == grid.figures
    assert steps.figures["alone in a band's classes, profile statistical, %"] == 50.0
