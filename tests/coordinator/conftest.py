"""A board with one round, and a clock that tests set."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.board import Board
from tests.trustee.scene import NOW, Scene


class Clock:
    """A clock that stands still until it is set."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(scene: Scene, tmp_path: Path, clock: Clock) -> Board:
    return scene.board(tmp_path / "board.sqlite", clock)
