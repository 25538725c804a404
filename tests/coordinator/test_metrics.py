"""What monitoring sees of a board, and what it must not see."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from coordinator.board import Board
from protocols.errors import ContributionRefused
from tests.cohort import Scene, member_key


def test_arrivals_are_counted_by_what_became_of_them(scene: Scene, board: Board) -> None:
    data, key = scene.contribution(1), member_key(1).public
    board.submit(scene.round_id, data, key)
    board.submit(scene.round_id, data, key)
    with pytest.raises(ContributionRefused):
        scene.submit(board, 1)
    board.advance()

    sample = board.metrics.registry.get_sample_value
    arrivals = {
        result: sample("cefed_board_arrivals_total", {"result": result})
        for result in ("accepted", "repeated", "refused")
    }
    assert arrivals == {"accepted": 1, "repeated": 1, "refused": 1}
    assert sample("cefed_board_batch_entries_sum") == 4  # three roster votes before
    assert sample("cefed_board_verdicts_total", {"result": "valid"}) == 1
    assert sample("cefed_board_unexamined") == 0
    assert sample("cefed_board_rounds", {"state": "open"}) == 1


def test_nothing_about_a_round_or_a_member_is_shown(scene: Scene, board: Board) -> None:
    scene.submit(board, 1)
    board.advance()

    shown = generate_latest(board.metrics.registry).decode()
    assert "cefed_board_arrivals_total" in shown
    for secret in (scene.round_id, scene.plan.cohort, member_key(1).public.fingerprint):
        assert secret not in shown
