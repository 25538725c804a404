"""Delivery of letters: every node once, in its order, whoever stays silent, and none held back."""

from __future__ import annotations

import pytest

pytest.importorskip("flwr")

from flwr.app import Context, Message

from protocols.on_demand import OnDemand
from protocols.service.flower import post
from protocols.service.flower.letters import Item, Letter
from protocols.service.flower.post import PORTION, Post, Reply
from protocols.service.flower.records import from_content, to_content
from tests.flower_grid import Node, StubGrid

MANY = 3 * PORTION


def echo(message: Message, context: Context) -> Message:
    return Message(to_content(from_content(message.content)), reply_to=message)


def letter(node: int) -> Letter:
    return Letter(items=(Item("release", "", str(node).encode()),))


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(post, "time", made)
    return made


def delivered(made: Post, nodes: range) -> tuple[dict[int, Reply], list[int]]:
    heard: dict[int, Reply] = {}
    silent = made.deliver(OnDemand(nodes, letter), 60.0, heard.__setitem__)
    return heard, silent


@pytest.mark.parametrize("in_flight", [2, PORTION, 10 * MANY])
def test_every_node_gets_its_own_letter_and_is_heard(in_flight: int) -> None:
    nodes = range(1, 41 if in_flight == 2 else MANY)
    made = Post(StubGrid({node: Node(echo, {}) for node in nodes}), in_flight)
    made.nodes()
    heard, silent = delivered(made, nodes)
    assert silent == []
    assert {node: reply.letter for node, reply in heard.items()} == {n: letter(n) for n in nodes}


def test_the_silent_keep_nobody_else_waiting() -> None:
    """More of them than are asked for at a time, and all before those who answer."""
    nodes = range(1, MANY)
    quiet = set(range(1, PORTION + 50))
    made = Post(StubGrid({n: Node(echo, {}, silent=n in quiet) for n in nodes}), 10 * MANY)
    made.nodes()
    heard, silent = delivered(made, nodes)
    assert set(silent) == quiet
    assert set(heard) == set(nodes) - quiet


def test_letters_leave_in_the_order_in_which_the_nodes_joined() -> None:
    order: list[int] = []

    def serve(message: Message, context: Context) -> Message:
        order.append(message.metadata.dst_node_id)
        return echo(message, context)

    nodes = range(1, MANY)
    made = Post(StubGrid({node: Node(serve, {}) for node in reversed(nodes)}))
    joined = made.nodes()
    delivered(made, nodes)
    assert order == joined
    assert made.exchanges == 1
