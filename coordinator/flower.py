"""Totals rounds over a Flower grid: the conductor's steps as letters, the members' answers back.

Called by a ServerApp. Which node is which member it learns from the passes in the nodes' first
letters, whose signatures it checks. That decides only where a step is sent: every answer that
matters is signed by the member, and the conductor judges it. A node that shows a pass which it got
hold of gets the steps of that member, sealed for it, and keeps it out of the round.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

from flwr.app.user_config import UserConfig

from coordinator.folder import Office
from coordinator.totals import Account, Conductor, Patience, binding_of
from protocols.federated.totals.gathering import Gathering
from protocols.files import read_limited
from protocols.on_demand import OnDemand
from protocols.passes import InvalidPass, read_pass
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.service.flower.letters import Item, Letter
from protocols.service.flower.post import Post, Reply
from protocols.signing import VerifyKey, open_signed
from protocols.wire.codec import MAX_LARGE

LOG = logging.getLogger("cefed.flower")

STEP: Final = "totals"
RELEASE: Final = "release"
PASS: Final = "pass"  # noqa: S105 - the name of a kind of envelope

EXCHANGE_SECONDS: Final = 600.0
"""How long one exchange waits for replies, unless the run says otherwise or the stage ends."""

Hear = Callable[[int, Reply], None]


class Members:
    """The members of one round behind the SuperNodes of one run.

    :param post: how letters reach the nodes.
    :param roster: whose members are asked.
    :param round_id: the subject of the round's envelopes.
    :param coordinator: whom the passes are for.
    :param seconds: how long one exchange waits for replies.
    :param hear: called with every reply, e.g. to count what a simulation measures.
    """

    def __init__(
        self,
        post: Post,
        roster: Roster,
        round_id: str,
        coordinator: VerifyKey,
        *,
        seconds: float = EXCHANGE_SECONDS,
        hear: Hear | None = None,
    ) -> None:
        self._post = post
        self._seconds = seconds
        self._round_id = round_id
        self._coordinator = coordinator
        self._hear = hear
        self._places = {member.key.raw: place for place, member in enumerate(roster.members)}
        self._nodes: dict[int, int] = {}
        self._members: dict[int, int] = {}
        self._brought: dict[int, bytes] = {}
        self._came: dict[int, bytes] = {}

    def greet(self, nodes: Iterable[int], seconds: float) -> int:
        """Ask every node for its pass; returns how many members were found."""
        self._exchange(dict.fromkeys(nodes, Letter(again=True)), seconds)
        return len(self._nodes)

    def carry(self, steps: Mapping[int, bytes], seconds: float) -> Mapping[int, bytes]:
        """The conductor's transport (:data:`coordinator.totals.Carry`): one exchange.

        A private side that works apart from its SuperNode answers in a later exchange than the
        step came in. The conductor asks until enough have answered; who has the step already is
        visited without it.
        """
        self._came.clear()
        asked: dict[int, bytes] = {}

        def letter(node: int) -> Letter:
            place = self._members[node]
            step = steps[place]
            asked[place] = hashlib.sha256(step).digest()
            fresh = self._brought.get(place) != asked[place]
            return Letter(items=(Item(STEP, self._round_id, step),) if fresh else ())

        nodes = [self._nodes[place] for place in steps if place in self._nodes]
        silent = self._exchange(OnDemand(nodes, letter), seconds)
        for node in set(nodes) - silent:
            place = self._members[node]
            self._brought[place] = asked[place]
        return {place: answer for place, answer in self._came.items() if place in steps}

    def publish(self, release: bytes) -> None:
        """Give every node the round's release."""
        letter = Letter(items=(Item(RELEASE, self._round_id, release),))
        self._exchange(dict.fromkeys(self._nodes.values(), letter), self._seconds)

    def _exchange(self, letters: Mapping[int, Letter], seconds: float) -> frozenset[int]:
        """:param seconds: what is left for it."""
        seconds = min(seconds, self._seconds)
        silent = frozenset(self._post.deliver(letters, seconds, self._take))
        if silent:
            LOG.warning("%d of %d nodes did not answer", len(silent), len(letters))
        return silent

    def _take(self, node: int, reply: Reply) -> None:
        if self._hear is not None:
            self._hear(node, reply)
        for item in reply.letter.items:
            if item.kind == PASS:
                self._know(node, item.payload)
        for item in reply.letter.items:
            if item.kind == STEP and item.subject == self._round_id and node in self._members:
                self._came[self._members[node]] = item.payload

    def _know(self, node: int, bearer: bytes) -> None:
        try:
            member = read_pass(bearer, self._coordinator, now=int(time.time()))
        except InvalidPass as error:
            LOG.warning("node %d: %s", node, error)
            return
        place = self._places.get(member.raw)
        if place is not None and place not in self._nodes and node not in self._members:
            self._nodes[place], self._members[node] = node, place


def conduct(post: Post, settings: UserConfig, hear: Hear | None = None) -> Account:
    """Conduct the totals round that a run configuration names.

    ``office``: the coordinator's folder. ``plan``, ``roster``: files with the signed plan and the
    roster. ``folder``: the round's own, for journal, release and report. ``stage-seconds``,
    ``grace-seconds``, ``enough``: how long members are waited for, see
    :class:`~coordinator.totals.Patience`; ``enough`` is a fraction such as ``4/5``.
    ``exchange-seconds``: how long one exchange waits for replies.

    :raises ProtocolError: files that do not belong together.
    :raises CoordinatorError: the round's folder cannot be used.
    """
    coordinator = Office.open(Path(str(settings["office"]))).key()
    signed = read_limited(Path(str(settings["plan"])), MAX_LARGE)
    plan = Plan.from_bytes(open_signed(signed, "plan", MAX_LARGE).payload)
    roster = Roster.from_bytes(read_limited(Path(str(settings["roster"])), MAX_LARGE))
    patience = Patience(
        stage_seconds=float(settings.get("stage-seconds", Patience.stage_seconds)),
        grace_seconds=float(settings.get("grace-seconds", Patience.grace_seconds)),
        visits=int(settings.get("visits", Patience.visits)),
        enough=Fraction(str(settings.get("enough", Patience.enough))),
    )
    seconds = float(settings.get("exchange-seconds", EXCHANGE_SECONDS))
    members = Members(post, roster, plan.round_id, coordinator.public, seconds=seconds, hear=hear)
    found = members.greet(post.nodes(), patience.stage_seconds)
    LOG.info("%d of %d members are behind the nodes of this run", found, plan.participants)
    conductor = Conductor(
        Gathering(signed, roster, coordinator),
        Path(str(settings["folder"])),
        binding_of(signed, roster.hash),
        members.carry,
        pseudonym=lambda place: pseudonym(roster.members[place].key),
        quorum=plan.aggregation.quorum if plan.aggregation is not None else 0,
        patience=patience,
        say=LOG.info,
    )
    account = conductor.run()
    if account.release is not None:
        members.publish(account.release)
    return account


def pseudonym(key: VerifyKey) -> str:
    """How reports call a member."""
    return key.fingerprint
