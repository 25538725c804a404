"""A board with one round, a clock that tests set, and both databases to run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.board import Board
from coordinator.store import Store
from tests.cohort import NOW, Scene
from tests.coordinator.databases import BACKENDS, fresh_database


class Clock:
    """A clock that stands still until it is set."""

    now = NOW

    def __call__(self) -> int:
        return self.now


class Opened:
    """Boards and stores over one database, closed when the test is over."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._ends: list[Callable[[], None]] = []

    def board(self, scene: Scene, clock: Callable[[], int] | None = None, **settings: Any) -> Board:
        """Another board, as after a restart."""
        board = scene.board(self.url, clock or Clock(), **settings)
        self._ends += [board._store.close, board.close]
        return board

    def store(self) -> Store:
        """Another store."""
        store = Store.create(self.url)
        self._ends.append(store.close)
        return store

    def close(self) -> None:
        """End the threads and connections of all of them."""
        while self._ends:
            self._ends.pop()()


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def opened(url: str) -> Iterator[Opened]:
    opened = Opened(url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(scene: Scene, opened: Opened, clock: Clock) -> Board:
    """A board whose round is open."""
    return opened.board(scene, clock)


@pytest.fixture
def store(opened: Opened) -> Store:
    return opened.store()
