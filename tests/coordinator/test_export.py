"""A finished round leaves what others read: bundle, release, targets, report."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.database import sqlite_url
from coordinator.errors import SettingsError
from coordinator.export import export_rounds
from coordinator.store import Store
from protocols.bundle import read_bundle
from protocols.errors import PlanError
from tests.cohort import Scene
from tests.coordinator.acting import Acting
from tests.coordinator.test_openings import work


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="module")
def finished(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store of a round that was released, and of one that is open."""
    url = sqlite_url(tmp_path_factory.mktemp("finished") / "board.sqlite")
    board = scene.board(url)
    board.create_round(Scene(round_id="round-2").record)
    for number in range(1, scene.members + 1):
        scene.submit(board, number)
    acting = Acting(scene, board)
    work(board)
    for posts in (acting.closings, acting.certificates, acting.sums, acting.endorsements):
        acting.post(posts())
        work(board)
    assert board.rounds()[0].state == "released"
    board.close()
    store = Store(url)
    yield store
    store.close()


def test_everything_public_is_written(scene: Scene, finished: Store, tmp_path: Path) -> None:
    done = export_rounds(
        finished, ["round-1"], tmp_path, generated_by="cefed test", unsafe_small_modulus=True
    )

    release = json.loads((tmp_path / "release.json").read_text())
    assert release["schema"] == "cefed.release/1"
    assert release["generated_by"] == "cefed test"
    assert release["cohorts"] == [done.documents["round-1"]]
    bundle = read_bundle(tmp_path / "bundle")
    assert bundle.ceremony == scene.held.ceremony.received
    (round_files,) = bundle.rounds
    assert round_files.roster() == scene.roster.to_bytes()
    assert list(round_files.entries()) == [(e.kind, e.payload) for e in finished.read("round-1")]
    rows = list(csv.DictReader((tmp_path / "targets.csv").read_text().splitlines()))
    assert {row["cohort"] for row in rows} == {"cohort-1"}
    assert "cefed test" in (tmp_path / "report.html").read_text()


def test_nothing_sealed_is_in_the_bundle(finished: Store, tmp_path: Path) -> None:
    export_rounds(
        finished, ["round-1"], tmp_path, generated_by="cefed test", unsafe_small_modulus=True
    )

    (round_files,) = read_bundle(tmp_path / "bundle").rounds
    assert {kind for kind, _ in round_files.entries()} == {
        "plan",
        "roster",
        "contribution",
        "close",
        "closing",
        "certificate",
        "sums",
        "release",
        "endorsement",
    }


@pytest.mark.parametrize(
    ("names", "text"), [(["round-2"], "no release yet"), (["round-9"], "no round")]
)
def test_what_is_not_finished_is_not_exported(
    finished: Store, tmp_path: Path, names: list[str], text: str
) -> None:
    with pytest.raises(PlanError, match=text):
        export_rounds(finished, names, tmp_path, generated_by="x", unsafe_small_modulus=True)
    with pytest.raises(SettingsError, match="at least one"):
        export_rounds(finished, [], tmp_path, generated_by="x")
