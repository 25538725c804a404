"""A finished round leaves what others read: bundle, release, targets, report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator import cli, folder, operator
from coordinator.board import Board
from coordinator.errors import SettingsError, StoreError
from coordinator.export import export_rounds
from coordinator.store import Store
from protocols.bundle import read_bundle
from protocols.errors import PlanError, ProtocolError, StorageError
from tests.keys import signing_key
from tests.trustee.scene import COORDINATOR, Direct, Scene, new_ledger
from trustee.agreement import TrusteeLimits
from trustee.service import Service


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="module")
def finished(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store of a round that was released, and of one that is open."""
    path = tmp_path_factory.mktemp("finished")
    board = scene.board(path / "board.sqlite")
    board.create_round(Scene(round_id="round-2").record)
    for number in range(1, scene.members + 1):
        board.submit(scene.round_id, scene.contribution(number))
    trustees = [
        Service(
            Direct(board),
            scene.holder(index),
            new_ledger(path / f"ledger-{index}"),
            scene.held.ceremony,
            COORDINATOR.public,
            TrusteeLimits(),
        )
        for index in range(1, 5)
    ]
    for _ in range(8):
        board.advance()
        for trustee in trustees:
            trustee.poll()
    assert board.rounds()[0].state == "released"
    return Store.at(path / "board.sqlite")


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


def write_members(path: Path, count: int) -> Path:
    lines = ["name,signing_key,group"]
    for number in range(1, count + 1):
        group = "one group" if number == 1 else ""
        lines.append(f"plant {number},{signing_key(number).public.raw.hex()},{group}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def test_members_are_read_with_their_groups(tmp_path: Path) -> None:
    roster = operator.read_members(write_members(tmp_path / "members.csv", 5))

    groups = [member.group for member in roster.members]
    assert "one group" in groups
    assert len(set(groups)) == 5


def test_a_group_has_one_member(tmp_path: Path) -> None:
    path = write_members(tmp_path / "members.csv", 3)
    path.write_text(path.read_text().replace(",\n", ",one group\n"))
    with pytest.raises(ProtocolError, match="one group"):
        operator.read_members(path)


@pytest.mark.parametrize("content", ["", "key\nabc\n", "signing_key\nabc\n", "signing_key\n\x00\n"])
def test_a_members_file_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.csv").write_text(content)

    with pytest.raises(SettingsError):
        operator.read_members(tmp_path / "m.csv")


def test_the_folder_is_made_once_and_held_by_one(tmp_path: Path) -> None:
    key = folder.create(tmp_path / "c")

    assert folder.load_key(tmp_path / "c").public == key
    assert json.loads((tmp_path / "c" / "coordinator.json").read_text())["signing_key"]
    with pytest.raises(StorageError, match="exists already"):
        folder.create(tmp_path / "c")
    with folder.exclusive(tmp_path / "c") as first, folder.exclusive(tmp_path / "c") as second:
        assert (first, second) == (True, False)
    with pytest.raises(StoreError, match="not a coordinator's folder"):
        folder.open_store(tmp_path / "c2")


def test_commands_without_a_serving_process(scene: Scene, tmp_path: Path) -> None:
    runner = CliRunner()
    place = str(tmp_path / "c")
    assert runner.invoke(cli.app, ["init", place, "--json"]).exit_code == 0

    status = runner.invoke(cli.app, ["round", "status", place, "--json"])

    assert json.loads(status.stdout) == {"rounds": []}
    missing = runner.invoke(cli.app, ["round", "close", place, "round-9"])
    assert isinstance(missing.exception, PlanError)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 1_000_090),
        ("30m", 1_001_800),
        ("2h", 1_007_200),
        ("1d", 1_086_400),
        ("1970-01-12T13:46:40Z", 1_000_000),
        ("1970-01-12T13:46:40", 1_000_000),
        ("1970-01-12T14:46:40+01:00", 1_000_000),
    ],
)
def test_deadlines(text: str, seconds: int) -> None:
    assert cli.parse_deadline(text, 1_000_000) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5", "1e3s"])
def test_deadlines_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError):
        cli.parse_deadline(text, 1_000_000)


def test_a_new_folder_opens_as_a_board_without_rounds(tmp_path: Path) -> None:
    folder.create(tmp_path / "c")

    board = folder.open_board(tmp_path / "c")
    assert isinstance(board, Board)
    assert board.rounds() == []
