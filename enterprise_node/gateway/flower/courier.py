"""The courier: exchanges of letters with all nodes, and the gateway's relay on each one's mirror.

It works in the ServerApp's process. A node that does not answer is carried on in a later exchange,
and what the coordinator refuses to one node does not concern the others. Nothing is lost when it is
killed: the nodes' outboxes hold everything, and a new courier asks for all of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from enterprise_node.errors import NodeError
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.errors import CoordinatorUnreachable
from enterprise_node.gateway.flower.mirror import Mirror
from enterprise_node.gateway.relay import ENDED, MASKING, OPEN, Relay
from protocols.errors import MalformedMessage, StorageError
from protocols.service.flower.letters import Letter
from protocols.service.flower.post import Post, Reply

LOG = logging.getLogger("cefed.flower")

RELAYS_AT_A_TIME = 16
"""Threads that speak to the coordinator. Nearly all of a relay's time it waits: for the
coordinator's answer, which is durable, and for its own files to be so."""

IDLE_SECONDS = 15.0
IDLE_SHARE = 20
"""After so long without anything new, and so many times as long as it takes, each relay looks for
itself: what is waited for of one node alone shows in no round's state."""

CONCERNING = frozenset({OPEN, MASKING, *ENDED})
"""The states in which there is something for a node. What lies between is the trustees' work."""

EARLY = "proposed"
"""The state of a round that the trustees have not all seen yet: nodes could not answer it."""


@dataclass(frozen=True)
class Errand:
    """How long a courier works, and how often it looks.

    :param rounds: the rounds it waits for; empty for whatever comes, until the time is over.
    :param exchange_seconds: how long an exchange waits for replies.
    :param pause_seconds: between two looks at the coordinator.
    :param seconds: after which it stops, whatever is left.
    :param every_time: whether each exchange goes to every node. Where the private sides work on
        their own, as in a deployment, nobody knows which of them has something; where a node
        answers within its exchange, as in a simulation, only those are asked for whom there is
        something.
    """

    rounds: frozenset[str] = frozenset()
    exchange_seconds: float = 120.0
    pause_seconds: float = 1.0
    seconds: float = 3600.0
    every_time: bool = True


@dataclass
class Outcome:
    """What a courier did. ``states`` are of the rounds that the nodes are members of."""

    exchanges: int = 0
    states: dict[str, str] = field(default_factory=dict)
    silent: int = 0
    refused: list[str] = field(default_factory=list)


class Courier:
    """Carries for the nodes of one Flower run.

    :param post: how letters reach the nodes.
    :param client: the connection to the coordinator, shared by all relays.
    :param folder: where the mirrors are.
    :param hear: called with every reply, e.g. to count what a simulation measures.
    """

    def __init__(
        self,
        post: Post,
        client: CoordinatorClient,
        folder: Path,
        *,
        hear: Callable[[int, Reply], None] | None = None,
    ) -> None:
        self._post = post
        self._client = client
        self._folder = folder
        self._hear = hear
        self._mirrors: dict[int, Mirror] = {}
        self._relays: dict[int, Relay] = {}
        self._seen: dict[int, Mapping[str, str]] = {}
        self._moved = time.monotonic()
        self._patience = IDLE_SECONDS
        self.outcome = Outcome()

    def run(self, errand: Errand, nodes: Callable[[], Iterable[int]]) -> Outcome:
        """Carry until the errand's rounds have ended everywhere, or its time is over.

        :param nodes: the nodes that are there now.
        """
        end = time.monotonic() + errand.seconds
        left: list[int] = []
        while time.monotonic() < end:
            known = list(nodes())
            new = [node for node in known if node not in self._mirrors]
            due = known if errand.every_time else new or left
            if due:
                self._exchange(due, errand)
            states = self._look()
            relayed = 0
            if not self._too_early(errand, states):
                relayed = self._relay(known, states, everybody=errand.every_time or self._idle())
            left = self._with_something(known) if due or relayed else []
            if known and self._ended(errand, states) and not left:
                break
            if errand.every_time or not left:
                time.sleep(errand.pause_seconds)
        self.outcome.exchanges = self._post.exchanges
        return self.outcome

    def _exchange(self, nodes: Collection[int], errand: Errand) -> None:
        letters: dict[int, Letter] = {}
        for node in nodes:
            mirror = self._mirrors.get(node)
            if mirror is None:
                mirror = self._mirrors[node] = Mirror(self._folder / f"{node:020d}")
            letters[node] = mirror.next_letter()
        silent = self._post.deliver(letters, errand.exchange_seconds, self._take)
        self.outcome.silent += len(silent)
        if silent:
            LOG.warning("%d of %d nodes did not answer; later again", len(silent), len(letters))

    def _take(self, node: int, reply: Reply) -> None:
        try:
            self._mirrors[node].take(reply.letter)
        except (NodeError, StorageError, MalformedMessage) as error:
            LOG.warning("node %d: %s", node, error)
            return
        if self._hear is not None:
            self._hear(node, reply)

    def _with_something(self, nodes: Iterable[int]) -> list[int]:
        return [node for node in nodes if node in self._mirrors and self._mirrors[node].waiting]

    def _look(self) -> dict[str, str]:
        """Every round's state, asked for in the name of the first node that is admitted."""
        for mirror in self._mirrors.values():
            bearer = mirror.bearer()
            if bearer is None:
                continue
            try:
                found = self._client.rounds(bearer)
            except CoordinatorUnreachable as error:
                LOG.warning("%s", error)
                return {}
            except NodeError as error:
                LOG.info("%s", error)
                continue
            self.outcome.states = {summary.round_id: summary.state for summary in found}
            return self.outcome.states
        return {}

    def _too_early(self, errand: Errand, states: Mapping[str, str]) -> bool:
        return any(states.get(round_id, EARLY) == EARLY for round_id in errand.rounds)

    def _idle(self) -> bool:
        """Whether so long nothing moved that every relay looks for itself, once."""
        return time.monotonic() - self._moved >= self._patience

    def _relay(self, nodes: Iterable[int], states: Mapping[str, str], *, everybody: bool) -> int:
        """Run the relays of those who sent something new, or whom a round's state concerns.

        :returns: how many ran.
        """
        concerning = {name: state for name, state in states.items() if state in CONCERNING}
        due = [
            node
            for node in nodes
            if node in self._mirrors
            and (
                everybody
                or self._mirrors[node].changed
                or not concerning.items() <= self._seen.get(node, {}).items()
            )
        ]
        started = time.monotonic()
        with ThreadPoolExecutor(RELAYS_AT_A_TIME) as pool:
            for node, passed in zip(due, pool.map(self._step, due), strict=True):
                if passed:
                    self._seen[node] = {**self._seen.get(node, {}), **concerning}
        if due:
            self._moved = time.monotonic()
        if everybody:
            self._patience = max(IDLE_SECONDS, IDLE_SHARE * (self._moved - started))
        return len(due)

    def _step(self, node: int) -> bool:
        mirror = self._mirrors[node]
        relay = self._relays.get(node)
        if relay is None:
            relay = self._relays[node] = Relay(mirror.exchange, self._client)
        mirror.changed = False
        try:
            report = relay.step()
        except (NodeError, StorageError) as error:
            mirror.changed = True
            LOG.warning("node %d: %s", node, error)
            return False
        for text in report.refused:
            LOG.warning("node %d: %s", node, text)
            self.outcome.refused.append(text)
        return True

    def _ended(self, errand: Errand, states: Mapping[str, str]) -> bool:
        return bool(errand.rounds) and all(states.get(name) in ENDED for name in errand.rounds)
