"""The folder: what comes back as it was, and rounds that stay in their folder."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from enterprise_node.errors import NodeStoreError, NodeUsageError
from enterprise_node.private.settings import Settings, read_identity
from enterprise_node.private.store import NodeStore
from tests import keys
from tests.enterprise_node.scene import make_node, policy_for, settings_for


@pytest.mark.parametrize(
    "settings",
    [settings_for("A01"), Settings('name "quoted" 橡胶', "id", "a\\b", "C:\\exchange")],
)
def test_settings_come_back(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "node.toml"
    path.write_text(settings.to_toml(), encoding="utf-8")
    assert Settings.load(path) == settings


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('schema = "cefed.node/1"', "cefed.node/2"),
        ('schema = "cefed.node/2"\nname = "a"\ngroup = "g"', "enterprise_id"),
        ('schema = "cefed.node/2"\nname = ""\ngroup = "g"\nenterprise_id = "e"', "name"),
        (
            'schema = "cefed.node/2"\nname = "a"\ngroup = "g"\nenterprise_id = "e"\nlimits = 1',
            "unknown: limits",
        ),
        ("= 3", "not the settings"),
    ],
)
def test_settings_that_are_none(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "node.toml"
    path.write_text(text + "\n")
    with pytest.raises(NodeStoreError, match=what):
        Settings.load(path)


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
    NodeStore.create(folder, settings_for("A01"), policy_for())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_node_in_a_folder_is_refused(tmp_path: Path) -> None:
    store = make_node(tmp_path / "node")
    before = store.key().public
    with pytest.raises(NodeStoreError, match="already"):
        NodeStore.create(tmp_path / "node", settings_for("A01"), policy_for())
    assert store.key().public == before


def test_an_import_comes_back(tmp_path: Path) -> None:
    store = make_node(tmp_path / "node")
    own, digest = store.imported()
    assert own.integers["output"] > 0
    assert len(digest) == 64
    (tmp_path / "node" / "measures.json").write_text("{}")
    with pytest.raises(NodeStoreError, match="cefed node import again"):
        store.own()


def test_rounds_are_known_by_their_names(tmp_path: Path) -> None:
    store = make_node(tmp_path / "node")
    names = ["region-a-2020", "Ab", "aB", "x.y", "con"]
    for name in names:
        store.round(name).keep("description", b"x")
    assert sorted(folder.round_id for folder in store.rounds()) == sorted(names)


@pytest.mark.parametrize(
    "round_id", ["../../outside", "/tmp/outside", "..", ".hidden", "", "a/b", "a" * 65, "a\n"]
)
def test_a_round_id_that_leads_elsewhere_is_no_path(tmp_path: Path, round_id: str) -> None:
    store = make_node(tmp_path / "node")
    with pytest.raises(NodeUsageError, match="not a round's identifier"):
        store.round(round_id)


def test_the_highest_version_is_remembered_without_its_bytes(tmp_path: Path) -> None:
    folder = make_node(tmp_path / "node").round("r")
    assert (folder.version(), folder.receipts()) == (0, [])
    folder.keep("contribution-1", b"x")
    folder.keep("receipt-1", b"y")
    folder.drop("contribution-1")
    folder.keep("contribution-2", b"z")
    (folder.folder / "contribution-9.partial").write_bytes(b"")
    assert (folder.version(), folder.receipts()) == (2, [1])
    assert folder.last_receipt() == b"y"
