"""The folder: settings that come back as they were, and rounds that stay in their folder."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from enterprise_node.errors import NodeStoreError, NodeUsageError
from enterprise_node.gateway.client import GatewayClient
from enterprise_node.node import Node
from enterprise_node.private.settings import Settings, read_identity
from enterprise_node.private.store import NodeStore
from protocols.errors import TranscriptBroken
from protocols.terms import Limits
from protocols.transcript import Transcript, sign_receipt
from tests import keys
from tests.enterprise_node.scene import ROUND, quiet_scene, scene, settings_for


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "settings",
    [
        settings_for("A01", keys.signing_key(0, "coordinator")),
        Settings('name "quoted" 橡胶', None, (), Limits(7, 20, minimum_threshold=3)),
    ],
)
def test_settings_come_back(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "node.toml"
    path.write_text(settings.to_toml(), encoding="utf-8")
    assert Settings.load(path) == settings


def test_settings_of_an_older_node_pin_nobody_and_have_the_default_threshold(
    tmp_path: Path,
) -> None:
    path = tmp_path / "node.toml"
    path.write_text(
        'name = "A01"\ncoordinator_key = ""\n[limits]\nminimum_cohort = 5\ndominance_percent = 10\n'
    )
    assert Settings.load(path) == Settings("A01", None, (), Limits())


def test_a_trustees_key_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    settings = settings_for("A01", keys.signing_key(0, "coordinator"))
    path.write_text(settings.to_toml().replace(settings.trustees[0].raw.hex(), "12ab"))
    with pytest.raises(NodeStoreError, match=r"node\.toml"):
        Settings.load(path)


def test_pinning_a_coordinator_keeps_the_trustees(tmp_path: Path) -> None:
    key = keys.signing_key(0, "coordinator")
    settings = settings_for("A01", key)
    store = NodeStore.create(tmp_path / "node", replace(settings, coordinator=None))
    store.pin(key.public)
    assert store.settings() == settings


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "other/1", "signing_key": "00"}'])
def test_another_file_is_no_trustees_identity(tmp_path: Path, content: str) -> None:
    path = tmp_path / "identity.json"
    path.write_text(content)
    with pytest.raises(NodeUsageError, match=r"identity\.json"):
        read_identity(path)
    key = keys.signing_key(1, "trustee").public
    path.write_text(
        json.dumps({"schema": "cefed.trustee-identity/1", "signing_key": key.raw.hex()})
    )
    assert read_identity(path) == key


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir(mode=0o755)
    NodeStore.create(folder, settings_for("A01", keys.signing_key(0, "coordinator")))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "round_id", ["../../outside", "/tmp/outside", "..", ".hidden", "", "a/b", "a" * 65, "a\n"]
)
def test_a_round_id_that_leads_elsewhere_is_no_path(tmp_path: Path, round_id: str) -> None:
    store = quiet_scene(tmp_path).store
    for place in (store.pending, store.receipt, store.release):
        with pytest.raises(NodeUsageError, match="not a round's identifier"):
            place(round_id)


@pytest.mark.parametrize("claimed", ["../../outside", "another-round"])
def test_a_receipt_for_another_round_is_refused_and_written_nowhere(
    tmp_path: Path, claimed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene(tmp_path) as made:

        def answer(self: GatewayClient, round_id: str, data: bytes) -> bytes:
            entry = Transcript(claimed).append("contribution", data)
            return sign_receipt(made.coordinator, claimed, entry)

        monkeypatch.setattr(GatewayClient, "submit", answer)
        before = files(tmp_path)
        with pytest.raises(TranscriptBroken, match="the receipt is for round"):
            Node(made.store, made.address).run(ROUND)
        added = files(tmp_path) - before
    names = {path.name for path in added if "board.sqlite" not in path.name}
    assert names == {"egress.jsonl", "plans.json", f"{ROUND}.contribution"}
