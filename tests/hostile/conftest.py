"""One coordinator for the tests of a file that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.hostile.served import Served, requests, serve
from tests.trustee.scene import Scene


@pytest.fixture(scope="session")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="module")
def served(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(scene, tmp_path_factory.mktemp("coordinator")) as running:
        yield running


@pytest.fixture(scope="session")
def asked(scene: Scene) -> dict[str, Any]:
    """A request for each call of the board."""
    return requests(scene)
