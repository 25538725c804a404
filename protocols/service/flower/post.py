"""Delivery of letters over a Flower grid, with replies handed on one by one as they come.

``Grid.send_and_receive`` pushes everything, holds every reply until the last, and sleeps three
seconds between two looks. A round has up to 10,000 nodes with 100 KB each, so letters are pushed
in portions in the order in which the nodes joined, and replies are pulled while others still
work. The order matters to the simulation engine: it goes over its nodes in that order and looks
for each one's message from the front of its store, so that messages pushed in that order are found
at once, and a node without one is looked for among all of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from flwr.app import Message
from flwr.serverapp import Grid

from protocols.errors import MalformedMessage
from protocols.service.flower.letters import Letter
from protocols.service.flower.records import (
    MESSAGE_TYPE,
    Figures,
    figures_of,
    from_content,
    to_content,
)

LOG = logging.getLogger("cefed.flower")

PORTION = 256
"""Letters pushed at a time, and replies asked for at a time."""

IN_FLIGHT = 2048
"""Letters that are out without a reply: bounds what the SuperLink holds."""

SIMULATED_IN_FLIGHT = 1 << 14
"""The same for the simulation engine: everybody's at once. With a few at a time it would look in
vain for the letters of all other nodes, among all that are out, again and again."""

SHORT_PAUSE_SECONDS = 0.05
LONG_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Reply:
    """A node's answer to a letter, with the figures beside it."""

    letter: Letter
    figures: Figures


Listener = Callable[[int, Reply], None]


def show_log() -> None:
    """Let our own log reach the run's, and nobody else's: the libraries log every request."""
    if not LOG.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        LOG.addHandler(handler)
        LOG.setLevel(logging.INFO)
        LOG.propagate = False


class Post:
    """Letters to the SuperNodes of a run, by their node identifiers.

    :param grid: Flower's, as a ServerApp gets it.
    :param in_flight: letters that are out at a time.
    :ivar exchanges: how many times :meth:`deliver` was called.
    """

    def __init__(self, grid: Grid, in_flight: int = IN_FLIGHT) -> None:
        self._grid = grid
        self._in_flight = in_flight
        self._order: dict[int, int] = {}
        self.exchanges = 0

    def nodes(self) -> list[int]:
        """The nodes that are there now, in the order in which they joined."""
        found = sorted(self._grid.get_nodes(), key=lambda node: (node.registered_at, node.node_id))
        for node in found:
            self._order.setdefault(node.node_id, len(self._order))
        return sorted((node.node_id for node in found), key=self._order.__getitem__)

    def wait_for(self, count: int, seconds: float) -> list[int]:
        """The nodes, once there are ``count`` of them or ``seconds`` have passed."""
        end = time.monotonic() + seconds
        while len(nodes := self.nodes()) < count and time.monotonic() < end:
            time.sleep(LONG_PAUSE_SECONDS)
        return nodes

    def deliver(self, letters: Mapping[int, Letter], seconds: float, hear: Listener) -> list[int]:
        """Send each node its letter and hand every reply to ``hear`` as it comes.

        A reply that is an error or no letter is logged, and counts as none: the node is asked
        again in another exchange.

        :param seconds: how long to wait for replies.
        :returns: the nodes that did not answer.
        """
        self.exchanges += 1
        missing = dict.fromkeys(sorted(letters, key=lambda node: self._order.get(node, 1 << 62)))
        pending = iter(list(missing))
        waiting: dict[str, None] = {}
        end = time.monotonic() + seconds
        pause = SHORT_PAUSE_SECONDS
        more = True
        while more or waiting:
            if more and len(waiting) < self._in_flight:
                more = self._push(pending, letters, seconds, waiting)
            answered = 0
            for node, reply in self._pull(waiting):
                answered += 1
                if reply is not None and node in missing:
                    del missing[node]
                    hear(node, reply)
            if time.monotonic() >= end:
                break
            pause = SHORT_PAUSE_SECONDS if answered else min(LONG_PAUSE_SECONDS, 1.5 * pause)
            if not answered:
                time.sleep(pause)
        return list(missing)

    def _push(
        self,
        pending: Iterator[int],
        letters: Mapping[int, Letter],
        seconds: float,
        waiting: dict[str, None],
    ) -> bool:
        """Push the next portion; False when there was none."""
        portion = list(islice(pending, min(PORTION, self._in_flight // 2)))
        messages = [
            Message(to_content(letters[node]), node, MESSAGE_TYPE, ttl=seconds + LONG_PAUSE_SECONDS)
            for node in portion
        ]
        if messages:
            # What the SuperLink does not take has no identifier, and is asked for another time.
            waiting.update(dict.fromkeys(filter(None, self._grid.push_messages(messages))))
        return bool(portion)

    def _pull(self, waiting: dict[str, None]) -> Iterator[tuple[int, Reply | None]]:
        """Replies to letters that are out, each with its node; None for what is no answer.

        The first ones are asked for; if none of them is answered, others are the first next time.
        The SuperLink sees to it that a reply is from the node that its message was for.
        """
        asked = list(islice(waiting, PORTION))
        messages = list(self._grid.pull_messages(asked)) if asked else []
        if not messages:
            for identifier in asked:
                waiting[identifier] = waiting.pop(identifier)
        for message in messages:
            waiting.pop(message.metadata.reply_to_message_id, None)
            node = message.metadata.src_node_id
            yield node, _reply(node, message)


def _reply(node: int, message: Message) -> Reply | None:
    if message.has_error():
        LOG.warning("node %d: error %d: %s", node, message.error.code, message.error.reason)
        return None
    try:
        return Reply(from_content(message.content), figures_of(message.content))
    except MalformedMessage as error:
        LOG.warning("node %d: %s", node, error)
        return None
