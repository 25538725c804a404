"""A whole round of enterprises whose private sides have no network at all.

Coordinator and trustees are processes of this machine, the gateways sit at the other end of a link
on which every packet is recorded, and each private side runs in a namespace without an interface
that is up. Nothing connects the two sides but the exchange folders.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import cefed
from enterprise_node.private.intake import read_own
from enterprise_node.private.store import NodeStore
from tests.isolation.network import NOWHERE, ROOT, Link, permitted, recorded_link, run_inside
from tests.leaks.planted import plant, write_inputs
from tests.leaks.search import search
from tests.trustee.dealt import deal, make

MEMBERS = 6
ROUND = "isolated"
PATIENCE = 120.0


@pytest.fixture
def link() -> Iterator[Link]:
    reason = permitted()
    if reason is not None:
        pytest.skip(reason)
    with recorded_link() as made:
        yield made


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "cefed", *(str(argument) for argument in arguments)]


def operator(*arguments: object) -> dict[str, Any]:
    """A command of operator or trustee that must succeed; its facts."""
    done = CliRunner().invoke(cefed.app, [*(str(argument) for argument in arguments), "--json"])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@contextmanager
def background(log: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A serving command, ended at the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command(*arguments), cwd=ROOT, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def wait_for(path: Path) -> str:
    until = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.1)
    return path.read_text().strip()


def test_a_round_without_a_network_on_the_private_sides(
    link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEFED_ETC", str(tmp_path / "etc"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT)]))
    planted = plant(MEMBERS)
    records, mapping, template = write_inputs(tmp_path, planted)
    platform = tmp_path / "platform"
    facts = operator("coordinator", "init", platform, "--host", link.address)
    key = facts["signing_key"]
    trustees = make(tmp_path)
    dealt = deal(tmp_path / "ceremony", trustees, period="2020")
    for index, place in enumerate(trustees, start=1):
        operator(
            *("trustee", "accept", place, "--ceremony", dealt.record),
            *("--share", dealt.shares[index - 1], "--out", tmp_path / "ceremony"),
            *("--dealer", dealt.ceremony.dealer.fingerprint),
        )
    operator("coordinator", "trustee", "add", platform, *(t / "identity.json" for t in trustees))

    homes = [tmp_path / "nodes" / one.enterprise for one in planted]
    shared = [tmp_path / "shared" / one.enterprise for one in planted]

    def private(*commands: list[object]) -> list[dict[str, Any]]:
        said = run_inside(NOWHERE, "node", commands, tmp_path)
        assert said["interfaces"] == ["lo"]
        return list(said["outcomes"])

    def gateways() -> None:
        calls = [["run", place, "--once"] for place in shared]
        said = run_inside(link.enter, "gateway", calls, tmp_path)
        assert [o["error"] for o in said["outcomes"]] == [""] * MEMBERS

    with background(
        tmp_path / "coordinator.log",
        *("coordinator", "serve", platform, "--listen", f"{link.address}:0"),
    ):
        address = wait_for(platform / "address").split()[-1]
        for one in planted:
            operator(
                *("coordinator", "member", "invite", platform, "--id", one.enterprise),
                *("--cohort", "region-a", "--address", address),
                *("--out", tmp_path / f"{one.enterprise}.json"),
            )
        made = private(
            *(
                ["enrol", home, "--invitation", tmp_path / f"{home.name}.json", "--yes",
                 "--exchange", place]
                for home, place in zip(homes, shared, strict=True)
            ),
            *(
                ["import", home, "--records", records, "--mapping", mapping,
                 "--enterprise", home.name]
                for home in homes
            ),
        )  # fmt: skip
        assert [o["code"] for o in made] == [0] * 2 * MEMBERS, made
        gateways()
        for home in homes:
            shown = NodeStore(home).key().public.fingerprint
            operator(
                *("coordinator", "member", "approve", platform, home.name),
                *("--fingerprint", shown),
            )
        definitions = tmp_path / "definitions.json"
        own = read_own(records, mapping, planted[0].enterprise)
        definitions.write_text(json.dumps({n.replace("/", "_"): t for n, t in own.definitions}))
        operator(
            *("coordinator", "round", "create", platform, "--template", template),
            *("--cohort", "region-a", "--cohort-members", "--ceremony", tmp_path / "ceremony"),
            *("--deadline", "1h", "--name", ROUND, "--period", "2020", "--no-rehearsal"),
            *("--definitions", definitions),
        )
        with _serving(trustees, tmp_path, address, key, platform):
            until = time.monotonic() + PATIENCE
            while not all((NodeStore(home).round(ROUND).release_path).exists() for home in homes):
                assert time.monotonic() < until, private(["status", homes[0]])[0]["stdout"]
                gateways()
                private(
                    *(["run", home] for home in homes),
                    *(["preview", home, "--round", ROUND] for home in homes),
                    *(["approve", home, "--round", ROUND] for home in homes),
                    *(["run", home] for home in homes),
                )
    document = json.loads(NodeStore(homes[0]).round(ROUND).release_path.read_text())
    expected = sum(Decimal(one.output_yuan) for one in planted)
    assert document["n"] == MEMBERS
    assert Decimal(document["measures"]["output"]["value"]) == expected
    placed = private(*(["position", home, "--round", ROUND] for home in homes))
    assert all("computed on this machine" in o["stdout"] for o in placed), placed
    assert all(NodeStore(home).round(ROUND).warning() is None for home in homes)

    numbers = [number for one in planted for number in one.numbers]
    assert len(link.seen) > 100_000
    assert search(bytes(link.seen), numbers, "link") == []
    left = [path for place in shared for path in place.rglob("*") if path.is_file()]
    assert left
    assert [hit for path in left for hit in search(path.read_bytes(), numbers, str(path))] == []


@contextmanager
def _serving(
    trustees: list[Path], folder: Path, address: str, key: str, platform: Path
) -> Iterator[None]:
    authority = next(platform.rglob("authority.pem"))
    options = ("--coordinator", address, "--coordinator-key", key, "--authority", authority)
    with ExitStack() as stack:
        for place in trustees:
            log = folder / f"{place.name}.log"
            stack.enter_context(background(log, "trustee", "serve", place, *options))
        yield
