"""No value leaves a node: planted numbers are searched for in everything that left.

The first tests show that the search finds every form; then builds that leak on purpose are caught
at the socket, in the log and in the exchange folder; then the real build passes there and, over a
whole simulated round, in the coordinator's store, the trustees' folders, all logs and the bundle.
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

import pytest

from enterprise_node.exchange import Envelope
from enterprise_node.gateway import client
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.relay import Relay
from enterprise_node.private import outgoing, submission
from enterprise_node.private.intake import read_own
from enterprise_node.private.policy import ANY
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.store import NodeStore
from protocols.notices import roster_vote
from protocols.service.channel import Target
from protocols.template import PlanTemplate
from protocols.wire import service_pb2 as pb
from tests import keys
from tests.enterprise_node.live import serving
from tests.enterprise_node.scene import (
    Desk,
    Scene,
    describe,
    policy_for,
    roster_with,
    settings_for,
)
from tests.leaks.planted import Planted, plant, write_inputs
from tests.leaks.proxy import recording_proxy
from tests.leaks.search import Hit, search
from tests.sim.shared import cefed, frozen_primes

# isort: split
import grpc

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
        gzip.compress(INTEGER.to_bytes(8, "big"), mtime=0),
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
    own = read_own(records, mapping, planted.enterprise)
    policy = policy_for(indicators=(ANY,))
    store = NodeStore.create(tmp_path / "node", settings_for(planted.enterprise), policy)
    store.save_import(own, records.read_bytes(), mapping.read_bytes())
    roster = roster_with(store.key().public)
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
    votes = tuple(roster_vote(plan, roster, key) for key in keys.trustees().signing[:3])
    desk = Desk(plan.round_id, describe(plan, roster), votes, set())
    return Scene(store, store.exchange(), plan, roster, desk), planted


def hits_outside(scene: Scene, planted: Planted, folder: Path) -> list[Hit]:
    """Take part in a round; search everything that left the private side.

    In plaintext, so that the proxy sees what TLS would hide: every byte the gateway sends, every
    file that was ever in the exchange folder, the log, and what reached the coordinator's store.
    """
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    exchanged: dict[bytes, str] = {}
    try:
        with serving(scene, folder, insecure=True) as live:
            with recording_proxy(live.target.address) as recording:
                with (
                    PrivateSide(scene.store, scene.exchange) as side,
                    CoordinatorClient(Target(recording.address, None, True)) as calls,
                ):
                    for _ in range(3):
                        side.step()
                        for path in scene.exchange.folder.rglob("*"):
                            if path.is_file():
                                exchanged[path.read_bytes()] = path.name
                        Relay(scene.exchange, calls).step()
                sent = bytes(recording.sent)
            assert len(live.logged()) == 1
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(sent) > 10_000
    hits = search(sent, planted.numbers, "socket")
    hits += search(log.getvalue().encode(), planted.numbers, "log")
    for data, name in exchanged.items():
        hits += search(data, planted.numbers, f"exchange {name}")
    for path in folder.glob("board.sqlite*"):
        hits += search(path.read_bytes(), planted.numbers, path.name)
    return hits


def test_real_build_leaks_nothing_out_of_the_private_side(
    planted_scene: tuple[Scene, Planted], tmp_path: Path
) -> None:
    assert hits_outside(*planted_scene, tmp_path) == []


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
            shown = (*details.metadata, *header)
            return continuation(details._replace(metadata=shown), request)

    def leaky_channel(target: Target) -> Any:
        return grpc.intercept_channel(original(target), Leaky())

    original = client.open_channel
    monkeypatch.setattr(client, "open_channel", leaky_channel)
    hits = hits_outside(scene, planted, tmp_path)
    assert {hit.number for hit in hits} == {planted.output_yuan}


def test_build_that_leaks_in_the_log_is_caught(
    planted_scene: tuple[Scene, Planted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build whose log line shows the measures it encrypts."""
    honest = submission.contribution.build

    def leaky(plan: Any, layout: Any, measures: Any, *rest: Any, **more: Any) -> bytes:
        logging.getLogger("cefed").warning("encrypting %s", measures)
        return honest(plan, layout, measures, *rest, **more)

    monkeypatch.setattr(submission.contribution, "build", leaky)
    hits = hits_outside(*planted_scene, tmp_path)
    assert {hit.where for hit in hits} == {"log"}


def test_build_that_leaks_in_the_exchange_folder_is_caught(
    planted_scene: tuple[Scene, Planted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that writes a measure behind the contribution, where no coordinator would see it."""
    scene, planted = planted_scene
    value = scene.store.own().integers["output"]

    def leaky(kind: str, subject: str, payload: bytes, serial: int) -> Envelope:
        if kind == "pass":
            scene.exchange.outbox.put(Envelope("notes", "", value.to_bytes(8, "big")))
        return Envelope(kind, subject, payload, serial)

    monkeypatch.setattr(outgoing, "Envelope", leaky)
    hits = hits_outside(scene, planted, tmp_path)
    assert {hit.where for hit in hits} == {"exchange notes.envelope"}


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
        if path.is_file()
        and ("exchange" in path.parts or not any(path.is_relative_to(f) for f in private))
    ]
    names = {path.name for path in searched}
    assert {"transcript.bin", "board.sqlite", "ledger.jsonl", "release.json"} <= names
    assert "pass.envelope" in names
    hits = [hit for path in searched for hit in search(path.read_bytes(), numbers, str(path))]
    assert hits == []
    own = [path for path in sorted(out.rglob("*")) if path.name == "measures.json"]
    assert all(search(path.read_bytes(), numbers, "own") for path in own)
