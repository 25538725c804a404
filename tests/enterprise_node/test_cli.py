"""Every bad input: one clear line that says where and what to do, its exit code, no traceback."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result
from typer.testing import CliRunner

import cefed
from enterprise_node.private.store import NodeStore
from tests import keys
from tests.enterprise_node.scene import MAPPING, RECORDS, ROUND, Scene, quiet_scene, scene

HEADER = "enterprise_id,sector_code,sector,output_yuan,cei_tco2_per_mwh,electricity_mwh,"
HEADER += "emissions_tco2"
ROW = "B1,29,rubber,9370000,0.70,919.2,648"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cefed.app, [str(argument) for argument in arguments])


def refused(code: int, *arguments: object) -> str:
    """The one line on standard error of a command that must be refused with ``code``."""
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def refused_round(made: Scene) -> str:
    """A round that the node refuses after it has asked for its description."""
    return refused(
        4,
        "node", "run", made.store.folder, "--coordinator", made.address, "--round", ROUND,
    )  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> Path:
    folder = tmp_path / "node"
    key = keys.signing_key(0, "coordinator").public.raw.hex()
    result = run("node", "init", folder, "--name", "B1", "--coordinator-key", key)
    assert result.exit_code == 0, result.output
    return folder


def import_bytes(code: int, node: Path, data: bytes, mapping: Path = MAPPING) -> str:
    records = node.parent / "records.csv"
    records.write_bytes(data)
    return refused(code, "node", "import", node, "--records", records, "--mapping", mapping)


def test_the_whole_path_of_a_good_file(node: Path) -> None:
    records = node.parent / "gbk.csv"
    records.write_bytes(f"{HEADER}\n{ROW.replace('rubber', '橡胶')}\n".encode("gbk"))
    done = run("node", "import", node, "--records", records, "--mapping", MAPPING, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["enterprise"] == "B1"
    checked = json.loads(run("node", "check", node, "--json").stdout)
    assert checked["measures"]["emissions"] == {"unit": "kgCO2", "value": "648000"}
    assert json.loads(run("node", "status", node, "--json").stdout)["cohort"] == "region-a"
    assert run("node", "ledger", "verify", node).exit_code == 0


def test_unknown_unit(node: Path) -> None:
    mapping = node.parent / "mapping.toml"
    mapping.write_text(MAPPING.read_text().replace('unit = "MWh"', 'unit = "MWhh"'))
    line = import_bytes(3, node, f"{HEADER}\n{ROW}\n".encode(), mapping)
    assert "MWhh" in line
    assert "columns" in line


def test_missing_column(node: Path) -> None:
    data = f"{HEADER}\n{ROW}\n".replace("electricity_mwh", "power_mwh").encode()
    line = import_bytes(3, node, data)
    assert "electricity_mwh" in line
    assert "power_mwh" in line


def test_empty_file(node: Path) -> None:
    assert "empty" in import_bytes(3, node, b"")


def test_wrong_encoding(node: Path) -> None:
    assert "UTF-8" in import_bytes(3, node, f"{HEADER}\n{ROW}\n".encode("utf-16"))


def test_duplicate_enterprise(node: Path) -> None:
    records = node.parent / "records.csv"
    records.write_text(f"{HEADER}\n{ROW}\n{ROW}\n")
    line = refused(
        3,
        "node", "import", node, "--records", records, "--mapping", MAPPING, "--enterprise", "B1",
    )  # fmt: skip
    assert "rows 2, 3" in line


def test_several_enterprises_and_none_named(node: Path) -> None:
    line = refused(2, "node", "import", node, "--records", RECORDS, "--mapping", MAPPING)
    assert "--enterprise" in line


def test_not_a_number_is_told_with_row_and_column(node: Path) -> None:
    line = import_bytes(3, node, f"{HEADER}\n{ROW.replace('648', '#VALUE!')}\n".encode())
    assert "row 2" in line
    assert "emissions_tco2" in line


def test_a_refused_import_leaves_the_one_before(node: Path) -> None:
    records = node.parent / "good.csv"
    records.write_text(f"{HEADER}\n{ROW}\n")
    assert run("node", "import", node, "--records", records, "--mapping", MAPPING).exit_code == 0
    import_bytes(3, node, b"")
    assert NodeStore(node).own().enterprise == "B1"


def test_zero_denominator(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        zero = tmp_path / "zero.csv"
        zero.write_text(f"{HEADER}\n{ROW.replace('648', '0')}\n")
        folder = made.store.folder
        run("node", "import", folder, "--records", zero, "--mapping", MAPPING)
        line = refused_round(made)
    assert "zero denominator" in line


def test_plan_for_another_sector(tmp_path: Path) -> None:
    with scene(tmp_path, cohort="steel") as made:
        line = refused_round(made)
    assert "steel" in line


def test_value_over_its_bound(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        big = tmp_path / "big.csv"
        big.write_text(f"{HEADER}\n{ROW.replace('9370000', '99999999999')}\n")
        mapping = tmp_path / "wide.toml"
        mapping.write_text(
            MAPPING.read_text().replace("maximum = 100000000000", "maximum = 1000000000000")
        )
        folder = made.store.folder
        big.write_text(big.read_text().replace("99999999999", "199999999999"))
        done = run("node", "import", folder, "--records", big, "--mapping", mapping)
        assert done.exit_code == 0, done.output
        line = refused_round(made)
    assert "over the plan's bound" in line


def test_expired_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(tmp_path) as made:
        late = SimpleNamespace(time=lambda: made.plan.deadline + 60)
        monkeypatch.setattr("enterprise_node.node.time", late)
        line = refused_round(made)
    assert "expired" in line
    assert "new round" in line
    assert made.store.own().enterprise == "A01"


def test_unreachable_coordinator(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    line = refused(
        5, "node", "run", made.store.folder, "--coordinator", "127.0.0.1:1", "--round", ROUND
    )
    assert "127.0.0.1:1" in line
    assert "is it running?" in line


def test_not_a_nodes_folder(tmp_path: Path) -> None:
    assert "node init" in refused(2, "node", "status", tmp_path)


def test_a_second_init_keeps_the_key(node: Path) -> None:
    before = NodeStore(node).key().public
    assert "already" in refused(8, "node", "init", node, "--name", "again")
    assert NodeStore(node).key().public == before


def test_another_coordinator_than_the_pinned_one(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    other = keys.signing_key(3).public.raw.hex()
    line = refused(
        2,
        "node", "run", made.store.folder, "--coordinator", "127.0.0.1:1", "--round", ROUND,
        "--coordinator-key", other,
    )  # fmt: skip
    assert "node.toml" in line


def test_no_coordinator_key_at_all(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    settings = made.store.settings()
    (made.store.folder / "node.toml").write_text(replace(settings, coordinator=None).to_toml())
    line = refused(
        2, "node", "run", made.store.folder, "--coordinator", "127.0.0.1:1", "--round", ROUND
    )
    assert "--coordinator-key" in line


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    (made.store.folder / "signing.pem").chmod(0o644)
    assert "chmod 600" in refused(8, "node", "status", made.store.folder)


@pytest.mark.parametrize("command", ["node", "coordinator", "trustee", "ceremony", "sim", "demo"])
def test_every_part_has_help_with_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.output


def test_trustees_are_pinned_from_the_files_they_gave(tmp_path: Path) -> None:
    paths = [tmp_path / name / "identity.json" for name in ("t1", "t2")]
    for path in paths:
        assert run("trustee", "init", path.parent, "--name", path.parent.name).exit_code == 0
    options = [option for path in paths for option in ("--trustee", path)]
    folder = tmp_path / "node"
    done = run("node", "init", folder, "--name", "B1", "--minimum-threshold", 3, *options)
    assert done.exit_code == 0, done.output
    settings = NodeStore(folder).settings()
    expected = [json.loads(path.read_text())["signing_key"] for path in paths]
    assert [trustee.raw.hex() for trustee in settings.trustees] == expected
    assert settings.limits.minimum_threshold == 3
    shown = json.loads(run("node", "status", folder, "--json").stdout)
    assert shown["trustees"] == [trustee.fingerprint for trustee in settings.trustees]
    assert "same key" in refused(
        2, "node", "init", tmp_path / "other", "--name", "B2", *options, "--trustee", paths[0]
    )


def test_a_node_without_trustees_says_how_to_pin_them(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        settings = replace(made.store.settings(), trustees=())
        (made.store.folder / "node.toml").write_text(settings.to_toml())
        line = refused_round(made)
    assert "identity.json" in line
    assert [entry.kind for entry in made.store.ledger.entries()] == ["describe"]


def test_another_plan_needs_the_owners_word(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        made.store.commitments.commit(replace(made.plan, title="another"), 1)
        assert "--replace-plan" in refused_round(made)
        done = run(
            "node", "run", made.store.folder, "--coordinator", made.address, "--round", ROUND,
            "--replace-plan",
        )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert [plan.by_owner for plan in made.store.commitments.all()] == [False, True]
