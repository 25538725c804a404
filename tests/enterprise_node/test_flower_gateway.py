"""The gateway over Flower: a SuperNode's mailbox, the courier's mirrors, and what each may do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("flwr")

from flwr.app import Context, Message
from flwr.app.error import Error

from enterprise_node.errors import ExchangeError
from enterprise_node.exchange import Envelope, Exchange
from enterprise_node.gateway.flower import box, client
from enterprise_node.gateway.flower.courier import Courier, Errand
from enterprise_node.gateway.flower.mirror import Mirror
from protocols.errors import MalformedMessage
from protocols.service.flower.letters import Item, Letter
from protocols.service.flower.post import Post
from tests.enterprise_node.scene import ROUND, Scene, make_scene
from tests.flower_grid import Node, StubGrid

NODE = 7
QUICK = Errand(rounds=frozenset({ROUND}), exchange_seconds=0.2, pause_seconds=0.0, seconds=20.0)


def with_private_side(scene: Scene) -> Node:
    """A SuperNode beside which the private side works on its own."""

    def serve(message: Message, context: Context) -> Message:
        scene.step()
        return client.carry(message, context)

    return Node(serve, {client.EXCHANGE: str(scene.exchange.folder)})


def courier_for(scene: Scene, grid: StubGrid, folder: Path) -> tuple[Courier, Post]:
    post = Post(grid)
    return Courier(post, scene.desk, folder), post  # type: ignore[arg-type]


def until_received(scene: Scene, grid: StubGrid, folder: Path) -> None:
    """Carry until the receipt is there, then let the round be cancelled, which ends the errand."""
    courier, post = courier_for(scene, grid, folder)

    def nodes() -> list[int]:
        if scene.store.round(ROUND).receipts():
            scene.desk.state = "cancelled"
        return post.nodes()

    outcome = courier.run(QUICK, nodes)
    assert outcome.states == {ROUND: "cancelled"}


def test_a_contribution_goes_out_and_its_receipt_comes_in(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    until_received(scene, StubGrid({NODE: with_private_side(scene)}), tmp_path / "mirrors")
    assert len(scene.desk.submitted) == 1
    assert len(scene.store.round(ROUND).receipts()) == 1


def test_a_new_courier_hands_the_same_contribution_in(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    node = with_private_side(scene)
    courier, post = courier_for(scene, StubGrid({NODE: node}), tmp_path / "first")
    for _ in range(20):  # killed once the coordinator has it, before the receipt went in
        courier.run(Errand(frozenset({ROUND}), 0.2, 0.0, 0.01), post.nodes)
        if scene.desk.submitted:
            break
    assert not scene.store.round(ROUND).receipts()
    node.context = None  # another run of the app remembers nothing
    until_received(scene, StubGrid({NODE: node}), tmp_path / "second")
    assert len(scene.desk.submitted) == 1


def test_each_envelope_travels_once_and_again_when_it_is_asked_for(tmp_path: Path) -> None:
    exchange = Exchange.create(tmp_path / "exchange")
    node = Node(client.carry, {client.EXCHANGE: str(exchange.folder)})
    post = Post(StubGrid({NODE: node}))
    heard: list[Letter] = []

    def exchange_with(letter: Letter) -> Letter:
        assert post.deliver({NODE: letter}, 1.0, lambda _, reply: heard.append(reply.letter)) == []
        return heard[-1]

    exchange.outbox.put(Envelope("pass", "", b"first"))
    assert [item.payload for item in exchange_with(Letter()).items] == [b"first"]
    again = exchange_with(Letter())
    assert again.items == ()
    assert len(again.standing) == 1
    assert len(exchange_with(Letter(again=True)).items) == 1
    exchange.outbox.put(Envelope("pass", "", b"second"))
    assert [item.payload for item in exchange_with(Letter()).items] == [b"second"]


def test_only_what_may_leave_leaves(tmp_path: Path) -> None:
    exchange = Exchange.create(tmp_path / "exchange")
    exchange.outbox.put(Envelope("diary", "", b"not for anybody"))
    exchange.outbox.put(Envelope("pass", "", b"bearer"))
    letter = box.collect(exchange, ())
    assert [item.kind for item in letter.items] == ["pass"]


def test_only_what_may_come_in_comes_in(tmp_path: Path) -> None:
    exchange = Exchange.create(tmp_path / "exchange")
    items = (Item("gateway", "", b"x"), Item("receipt", ROUND, b"x", label="0123abcd-"))
    box.deliver(exchange, Letter(items=items))
    (path,) = exchange.inbox.folder.iterdir()
    assert path.name.startswith("0123abcd-receipt-")


def test_what_does_not_fit_in_a_letter_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "fitting", lambda items: tuple(items[:1]))
    exchange = Exchange.create(tmp_path / "exchange")
    for number in range(3):
        exchange.outbox.put(Envelope("contribution", f"round-{number}", b"sealed"))
    carried: list[bytes] = []
    seen = []
    for _ in range(4):
        letter = box.collect(exchange, carried)
        carried = box.carried_after(letter, carried)
        seen += [item.subject for item in letter.items]
    assert sorted(seen) == ["round-0", "round-1", "round-2"]
    exchange.outbox.withdraw("contribution", "round-0")
    assert len(box.carried_after(box.collect(exchange, carried), carried)) == 2


def test_a_mirror_follows_the_outbox_and_keeps_what_was_not_taken(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "mirror")
    first, second = Item("contribution", "a", b"1"), Item("contribution", "b", b"2")
    mirror.next_letter()
    mirror.take(Letter(items=(first, second), standing=(first.digest, second.digest)))
    mirror.exchange.inbox.put(Envelope("receipt", "a", b"receipt"), "12345678-")
    assert mirror.next_letter().items == (Item("receipt", "a", b"receipt", label="12345678-"),)
    assert mirror.waiting  # nobody answered: it stays
    assert len(mirror.next_letter().items) == 1
    mirror.changed = False
    mirror.take(Letter(standing=(second.digest,)))
    assert not mirror.waiting
    assert mirror.changed
    assert [e.subject for e in mirror.exchange.outbox.read()[0]] == ["b"]
    reopened = Mirror(tmp_path / "mirror")
    reopened.take(Letter())
    assert reopened.exchange.outbox.read()[0] == []


def test_a_withdrawal_does_not_remove_what_took_its_place(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "mirror")
    old, new = Item("pass", "", b"old"), Item("pass", "", b"new")
    mirror.take(Letter(items=(old,), standing=(old.digest,)))
    mirror.take(Letter(items=(new,), standing=(old.digest, new.digest)))
    mirror.take(Letter(standing=(new.digest,)))
    assert mirror.bearer() == b"new"


def fails(message: Message, context: Context) -> Message:
    return Message(Error(code=7, reason="ValueError"), reply_to=message)


def talks_nonsense(message: Message, context: Context) -> Message:
    return Message(message.content.__class__(), reply_to=message)


def test_nodes_that_fail_or_keep_silent_do_not_stop_the_others(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    others = {1: Node(fails, {}), 2: Node(talks_nonsense, {}), 3: Node(fails, {}, silent=True)}
    grid = StubGrid({**others, NODE: with_private_side(scene)})
    until_received(scene, grid, tmp_path / "mirrors")
    assert len(scene.desk.submitted) == 1


def test_who_did_not_answer_is_named(tmp_path: Path) -> None:
    folder = str(Exchange.create(tmp_path / "exchange").folder)
    config: dict[str, str | int] = {client.EXCHANGE: folder}
    grid = StubGrid({1: Node(client.carry, config), 2: Node(client.carry, config, silent=True)})
    heard: list[int] = []
    silent = Post(grid).deliver(
        {1: Letter(), 2: Letter()}, 0.2, lambda node, reply: heard.append(node)
    )
    assert (heard, silent) == ([1], [2])


def test_a_node_without_an_exchange_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="node-config"):
        box.open_folder("")
    with pytest.raises(ExchangeError, match="mount or restore"):
        box.open_folder(str(tmp_path / "nowhere"))
    with pytest.raises(MalformedMessage):
        Item("pass", "../../etc", b"")


def test_the_client_app_loads_neither_keys_nor_accounting() -> None:
    """What a SuperNode's process imports, asked of a fresh interpreter."""
    program = (
        "import sys; import enterprise_node.gateway.flower.client; "
        "print(*(name for name in sys.modules if name.startswith(('accounting', "
        "'enterprise_node.private', 'protocols.signing', 'protocols.paillier', 'gmpy2', 'phe', "
        "'pandas'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
