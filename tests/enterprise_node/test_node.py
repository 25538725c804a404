"""A node against a real coordinator on loopback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from enterprise_node.errors import PlanRefused
from enterprise_node.gateway.client import GatewayClient
from enterprise_node.gateway.errors import CoordinatorRefused, CoordinatorUnreachable, PlanNotOpen
from enterprise_node.node import Node
from protocols.transcript import read_receipt
from tests.enterprise_node.scene import ROUND, quiet_scene, scene


def test_a_run_sends_one_contribution_and_keeps_the_receipt(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        done = Node(made.store, made.address).run(ROUND)
    assert done.index == 1
    assert not made.store.pending(ROUND).exists()
    kinds = [entry.kind for entry in made.store.ledger.entries()]
    assert kinds == ["describe", "contribution"]
    assert made.store.ledger.verify() == 2
    receipt = made.store.receipt(ROUND).read_bytes()
    with pytest.raises(Exception, match="another statement"):
        read_receipt(receipt, made.coordinator.public, b"other bytes", round_id=ROUND)


def test_a_second_run_sends_nothing_again(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        node = Node(made.store, made.address)
        node.run(ROUND)
        assert node.run(ROUND).already
    assert [e.kind for e in made.store.ledger.entries()].count("contribution") == 1


def test_a_node_that_lost_receipt_and_bytes_is_not_counted_twice(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        node = Node(made.store, made.address)
        node.run(ROUND)
        made.store.receipt(ROUND).unlink()
        with pytest.raises(CoordinatorRefused, match="already contributed"):
            node.run(ROUND)


def test_an_interrupted_submission_is_repeated_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene(tmp_path) as made:
        node = Node(made.store, made.address)
        submit = GatewayClient.submit
        sent: list[bytes] = []

        def lose_the_answer(self: GatewayClient, round_id: str, data: bytes) -> bytes:
            sent.append(data)
            receipt = submit(self, round_id, data)
            if len(sent) == 1:
                raise CoordinatorUnreachable("the line broke after the request")
            return receipt

        monkeypatch.setattr(GatewayClient, "submit", lose_the_answer)
        with pytest.raises(CoordinatorUnreachable):
            node.run(ROUND)
        assert made.store.pending(ROUND).exists()
        assert node.run(ROUND).index == 1
    assert sent[0] == sent[1]


def test_an_unreachable_coordinator_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    pauses: list[float] = []
    client = GatewayClient(
        made.address, lambda outgoing: None, deadline=1.0, attempts=3, sleep=pauses.append
    )
    with client, pytest.raises(CoordinatorUnreachable, match=re.escape(made.address)) as caught:
        client.describe(ROUND)
    assert caught.value.exit_code == 5
    assert pauses == [0.2, 0.4]
    assert made.store.own().enterprise == "A01"


def test_an_unknown_round_is_refused_with_the_coordinators_words(tmp_path: Path) -> None:
    with scene(tmp_path) as made, pytest.raises(PlanNotOpen, match="no round"):
        Node(made.store, made.address).run("region-b-2020")


def test_a_refused_plan_sends_nothing_but_the_question(tmp_path: Path) -> None:
    with (
        scene(tmp_path, cohort="another-sector") as made,
        pytest.raises(PlanRefused, match="another-sector"),
    ):
        Node(made.store, made.address).run(ROUND)
    assert [entry.kind for entry in made.store.ledger.entries()] == ["describe"]


def test_a_preview_says_what_leaves_and_sends_only_the_question(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        node = Node(made.store, made.address)
        seen = node.preview(ROUND)
        assert [entry.kind for entry in made.store.ledger.entries()] == ["describe"]
        done = node.run(ROUND)
    assert seen.message_bytes == done.bytes
    assert sum(seen.ciphertexts.values()) == done.ciphertexts
    assert seen.plan_hash == made.plan.hash.hex()
    assert {inside.name for inside in seen.inside} == {m.name for m in made.plan.measures}
    text = "\n".join(seen.lines())
    assert made.address in text
    assert "bin " in text
    values = [str(value) for value in made.store.own().integers.values() if value > 99]
    assert not any(re.search(rf"\b{value}\b", text) for value in values)
