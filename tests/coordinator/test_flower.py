"""Totals rounds over a Flower grid: who is asked, what comes back, and what a false node can do."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

pytest.importorskip("flwr")

from flwr.app import Context, Message

from coordinator.flower import Members
from protocols.passes import make_pass
from protocols.roster import Roster
from protocols.service.flower.letters import Item, Letter
from protocols.service.flower.post import Post
from protocols.service.flower.records import from_content, to_content
from protocols.signing import SigningKey
from tests import keys
from tests.flower_grid import Node, StubGrid

ROUND = "round-1"
COORDINATOR = keys.signing_key(0, "coordinator")
KEYS = [keys.signing_key(number) for number in range(1, 4)]
ROSTER = Roster.of_keys(key.public for key in KEYS)
ANSWER = b"answer to "

Say = Callable[[Letter], Letter]


def bearer_of(key: SigningKey) -> Item:
    now = int(time.time())
    return Item("pass", "", make_pass(key, COORDINATOR.public, now=now, lifetime=3600))


def node(say: Say) -> Node:
    def serve(message: Message, context: Context) -> Message:
        return Message(to_content(say(from_content(message.content))), reply_to=message)

    return Node(serve, {})


def member(key: SigningKey, heard: list[Letter] | None = None, *, late: int = 0) -> Node:
    """Shows its pass when asked, and answers a step ``late`` letters after it came."""
    waiting: list[bytes] = []
    rest = [late]

    def say(letter: Letter) -> Letter:
        if heard is not None:
            heard.append(letter)
        if letter.again:
            return Letter(items=(bearer_of(key),))
        waiting.extend(item.payload for item in letter.items)
        if rest[0] > 0:
            rest[0] -= 1
            return Letter()
        answers = tuple(Item("totals", ROUND, ANSWER + step) for step in waiting)
        waiting.clear()
        return Letter(items=answers)

    return node(say)


def place_of(key: SigningKey) -> int:
    return ROSTER.place(key.public)


def members_behind(nodes: dict[int, Node]) -> Members:
    post = Post(StubGrid(nodes))
    members = Members(post, ROSTER, ROUND, COORDINATOR.public)
    members.greet(post.nodes(), 1.0)
    return members


def test_steps_go_to_the_members_places_and_their_answers_come_back() -> None:
    members = members_behind({10 + n: member(key) for n, key in enumerate(KEYS)})
    steps = {place_of(key): f"step {n}".encode() for n, key in enumerate(KEYS)}
    came = members.carry(steps, 1.0)
    assert came == {place: ANSWER + step for place, step in steps.items()}


def test_only_those_who_are_asked_answer_and_who_is_not_there_does_not() -> None:
    members = members_behind({10: member(KEYS[0]), 11: member(KEYS[1])})
    asked = {place_of(KEYS[0]): b"step", place_of(KEYS[2]): b"step"}
    assert set(members.carry(asked, 1.0)) == {place_of(KEYS[0])}


def test_a_late_answer_comes_later_and_the_step_travels_once() -> None:
    heard: list[Letter] = []
    members = members_behind({10: member(KEYS[0], heard, late=1)})
    steps = {place_of(KEYS[0]): b"step"}
    assert members.carry(steps, 1.0) == {}
    assert members.carry(steps, 1.0) == {place_of(KEYS[0]): ANSWER + b"step"}
    assert [len(letter.items) for letter in heard] == [0, 1, 0]


def test_a_node_without_a_place_is_never_asked() -> None:
    heard: list[Letter] = []
    stranger = member(keys.signing_key(99), heard)
    members = members_behind({10: member(KEYS[0]), 11: stranger})
    members.carry({place_of(key): b"step" for key in KEYS}, 1.0)
    assert len(heard) == 1  # the greeting


def test_a_pass_that_its_member_did_not_sign_takes_no_place() -> None:
    """Keys are no secret: whoever names one must not keep its owner out of the round."""

    def say(letter: Letter) -> Letter:
        true = bearer_of(KEYS[0]).payload
        return Letter(items=(Item("pass", "", true[:-1] + bytes([true[-1] ^ 1])),))

    members = members_behind({1: node(say), 10: member(KEYS[0])})
    assert members.carry({place_of(KEYS[0]): b"step"}, 1.0) == {place_of(KEYS[0]): ANSWER + b"step"}


def test_a_pass_that_is_shown_later_does_not_take_a_place_over() -> None:
    def say(letter: Letter) -> Letter:
        if letter.again:
            return Letter(items=(bearer_of(KEYS[1]),))
        return Letter(items=(bearer_of(KEYS[0]), Item("totals", ROUND, b"forged")))

    members = members_behind({10: member(KEYS[0]), 11: node(say)})
    came = members.carry({place_of(key): b"step" for key in KEYS[:2]}, 1.0)
    assert came == {place_of(KEYS[0]): ANSWER + b"step", place_of(KEYS[1]): b"forged"}


def test_answers_for_other_rounds_and_of_other_kinds_are_left_out() -> None:
    def say(letter: Letter) -> Letter:
        if letter.again:
            return Letter(items=(bearer_of(KEYS[0]), Item("pass", "", b"no pass")))
        return Letter(items=(Item("totals", "round-2", b"x"), Item("masked", ROUND, b"x")))

    members = members_behind({10: node(say)})
    assert members.carry({place_of(KEYS[0]): b"step"}, 1.0) == {}


def test_everybody_gets_the_release() -> None:
    heard: list[Letter] = []
    members = members_behind({10: member(KEYS[0], heard), 11: member(KEYS[1], heard)})
    members.publish(b"signed release")
    assert [letter.items for letter in heard[2:]] == [
        (Item("release", ROUND, b"signed release"),)
    ] * 2
