"""A SuperNode executes what its SuperLink sends: a hostile app finds sealed envelopes there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import apart

pytest.importorskip("flwr")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def raid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("raid")
    (folder / "python").mkdir()
    result = folder / "result.json"
    done = subprocess.run(
        [*apart.prefix(folder / "python"), sys.executable, "-m", "tests.hostile.raiding", result],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(result.read_text())
    return document


def everything(loot: dict[str, str]) -> bytes:
    return b"\n".join(bytes.fromhex(content) for content in loot.values())


@pytest.mark.slow
def test_the_raid_takes_the_sealed_contribution(raid: dict[str, Any]) -> None:
    assert bytes.fromhex(raid["contribution"]) in everything(raid["gateway"])


@pytest.mark.slow
def test_where_it_can_the_raid_takes_the_data_and_the_key(raid: dict[str, Any]) -> None:
    """The control: the same app in a SuperNode that is started as the private side's user."""
    taken = everything(raid["wrong"])
    assert bytes.fromhex(raid["records"]) in taken
    assert bytes.fromhex(raid["key"]) in taken


@pytest.mark.slow
def test_in_the_gateway_s_place_it_gets_neither_a_value_nor_a_key(raid: dict[str, Any]) -> None:
    taken = everything(raid["gateway"])
    assert bytes.fromhex(raid["records"]) not in taken
    assert bytes.fromhex(raid["key"]) not in taken
    assert raid["values"]
    for value in raid["values"]:
        assert str(value).encode() not in taken
        assert value.to_bytes(8, "big") not in taken
        assert value.to_bytes(8, "little") not in taken
    assert not [name for name in raid["gateway"] if "/node/" in name]
