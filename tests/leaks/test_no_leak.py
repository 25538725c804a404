"""No value leaves a node: planted numbers are searched for in everything that left.

The first tests show that the search finds every form; then a build that leaks on purpose is caught
at the socket; then the real build passes at the socket and, over a whole simulated round, in the
coordinator's store, the trustees' folders, all logs and the bundle.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import logging
import lzma
import secrets
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from enterprise_node.gateway import client
from enterprise_node.node import Node
from enterprise_node.private import submission
from enterprise_node.private.intake import read_own
from enterprise_node.private.store import NodeStore
from protocols.template import PlanTemplate
from protocols.wire import service_pb2 as pb
from tests import keys
from tests.enterprise_node.scene import Scene, roster_with, serving, settings_for
from tests.leaks.planted import Planted, plant, write_inputs
from tests.leaks.proxy import recording_proxy
from tests.leaks.search import Hit, search
from tests.sim.shared import cefed, frozen_primes

NUMBER = "7215340986127354"
INTEGER = int(NUMBER)


@pytest.mark.parametrize(
    "leaked",
    [
        NUMBER.encode(),
        f"{INTEGER:,}".encode(),
        NUMBER.encode("utf-16-le"),
        INTEGER.to_bytes(8, "big"),
        INTEGER.to_bytes(7, "little"),
        struct.pack("<d", float(INTEGER)),
        struct.pack(">d", float(INTEGER)),
        base64.b64encode(b"x" + NUMBER.encode() + b"yz"),
        base64.b64encode(b"xy" + INTEGER.to_bytes(8, "big") + b"z"),
        INTEGER.to_bytes(8, "big").hex().encode(),
        zlib.compress(b"value " + NUMBER.encode()),
        gzip.compress(INTEGER.to_bytes(8, "big")),
        bz2.compress(NUMBER.encode()),
        lzma.compress(NUMBER.encode()),
    ],
)
def test_search_finds_every_form(leaked: bytes) -> None:
    assert search(b"\x00" * 40 + leaked + b"\x01" * 40, [NUMBER], "sample")


def test_search_finds_varints() -> None:
    message = pb.SendSealedRequest(sender=1).SerializeToString()
    assert not search(message, [NUMBER], "sample")
    entry = b"\x08" + _varint(INTEGER)
    assert search(message + entry, [NUMBER], "sample")


def test_search_finds_nothing_in_random_bytes() -> None:
    assert not search(secrets.token_bytes(1 << 20), plant(3)[0].numbers, "random")


@pytest.fixture
def planted_scene(tmp_path: Path) -> tuple[Scene, Planted]:
    """A node with planted records, not yet connected to anything."""
    (planted,) = plant(1)
    records, mapping, template = write_inputs(tmp_path, [planted])
    coordinator = keys.signing_key(0, "coordinator")
    own = read_own(records, mapping, planted.enterprise)
    store = NodeStore.create(tmp_path / "node", settings_for(planted.enterprise, coordinator))
    store.save_import(own, records.read_bytes(), mapping.read_bytes())
    roster = roster_with(store.key())
    plan = PlanTemplate.load(template).instantiate(
        round_id="planted",
        cohort="region-a",
        participants=len(roster.members),
        roster_hash=roster.hash,
        key_id=keys.trustees().ceremony.key_id,
        opens_at=0,
        deadline=4_000_000_000,
        definitions=dict(own.definitions),
    )
    return Scene(store, "", plan, roster, coordinator), planted


def hits_at_the_socket(scene: Scene, planted: Planted, folder: Path) -> list[Hit]:
    """Run the node's part of a round; search what it sent, logged and left at the coordinator."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        with serving(scene, folder), recording_proxy(scene.address) as recording:
            done = Node(scene.store, recording.address).run(scene.plan.round_id)
            sent = bytes(recording.sent)
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(sent) > done.bytes > 10_000
    hits = search(sent, planted.numbers, "socket")
    hits += search(log.getvalue().encode(), planted.numbers, "log")
    for path in folder.glob("board.sqlite*"):
        hits += search(path.read_bytes(), planted.numbers, path.name)
    return hits


def test_real_build_leaks_nothing_at_the_socket(
    planted_scene: tuple[Scene, Planted], tmp_path: Path
) -> None:
    assert hits_at_the_socket(*planted_scene, tmp_path) == []


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


LEAKS: dict[str, Callable[[int], bytes]] = {
    "decimal": lambda value: str(value).encode(),
    "binary": lambda value: value.to_bytes(8, "big"),
    "varint": _varint,
    "float": lambda value: struct.pack("<d", float(value)),
    "base64": lambda value: base64.b64encode(str(value).encode()),
    "compressed": lambda value: zlib.compress(str(value).encode()),
}


@pytest.mark.parametrize("form", LEAKS)
def test_build_that_leaks_in_metadata_is_caught(
    form: str,
    planted_scene: tuple[Scene, Planted],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A build that sends one own measure along with every call, as a binary header."""
    scene, planted = planted_scene
    value = scene.store.own().integers["output"]
    header = (("leak-bin", LEAKS[form](value)),)

    class Leaky(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            return continuation(details._replace(metadata=header), request)

    def leaky_channel(address: str, options: Any) -> Any:
        return grpc.intercept_channel(original(address, options=options), Leaky())

    original = grpc.insecure_channel
    monkeypatch.setattr(client.grpc, "insecure_channel", leaky_channel)
    hits = hits_at_the_socket(scene, planted, tmp_path)
    assert {hit.number for hit in hits} == {planted.output_yuan}


def test_build_that_leaks_in_the_log_is_caught(
    planted_scene: tuple[Scene, Planted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build whose log line shows the measures it encrypts."""
    honest = submission.contribution.build

    def leaky(plan: Any, layout: Any, measures: Any, *rest: Any) -> bytes:
        logging.getLogger("cefed").warning("encrypting %s", measures)
        return honest(plan, layout, measures, *rest)

    monkeypatch.setattr(submission.contribution, "build", leaky)
    hits = hits_at_the_socket(*planted_scene, tmp_path)
    assert {hit.where for hit in hits} == {"log"}


def test_whole_round_leaks_nothing_outside_the_nodes(tmp_path: Path) -> None:
    """Every file of coordinator, trustees, logs and bundle after a round of twelve."""
    planted = plant(12)
    records, mapping, plan = write_inputs(tmp_path, planted)
    out = tmp_path / "out"
    done = cefed(
        "sim", "run", "--records", records, "--mapping", mapping, "--plan", plan, "--out", out,
        "--keep-work", "--modulus-bits", 2048, "--unsafe-primes", frozen_primes(tmp_path),
    )  # fmt: skip
    assert done.code == 0, done.stderr
    numbers = [number for one in planted for number in one.numbers]
    private = (out / "nodes", out / "work" / "nodes")
    searched = [
        path
        for path in sorted(out.rglob("*"))
        if path.is_file() and not any(path.is_relative_to(folder) for folder in private)
    ]
    names = {path.name for path in searched}
    assert {"transcript.bin", "board.sqlite", "ledger.jsonl", "release.json"} <= names
    hits = [hit for path in searched for hit in search(path.read_bytes(), numbers, str(path))]
    assert hits == []
    own = [path for path in sorted(out.rglob("*")) if path.name == "measures.json"]
    assert all(search(path.read_bytes(), numbers, "own") for path in own)
