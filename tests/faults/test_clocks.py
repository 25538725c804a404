"""A clock that is an hour off: what works, and what is refused with which words.

Deadlines on a node whose clock is off: ``tests/enterprise_node/test_private_side.py``
(``test_a_clock_that_is_an_hour_off``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.notices import make_deadline, roster_vote
from protocols.passes import Bearer
from protocols.signing import statement_hash
from protocols.wire import service_pb2 as pb
from tests import keys
from tests.cohort import COORDINATOR, NOW
from tests.enterprise_node.scene import ROUND, describe, make_scene
from tests.enterprise_node.scene import Scene as Node
from tests.faults.running import gateway, kinds, running, texts, turns
from tests.hostile.served import Served, serve
from tests.trustee.scene import Scene, new_ledger
from trustee.agreement import TrusteeLimits
from trustee.client import BoardClient
from trustee.errors import StumbledError
from trustee.service import Service

HOUR = 3600
AHEAD, BEHIND = HOUR, -HOUR


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(deadline=NOW + 10 * HOUR)


class Watch:
    """A trustee's own clock."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.skew = 0

    def __call__(self) -> int:
        return self.served.clock() + self.skew


@contextmanager
def trustees(served: Served, folder: Path) -> Iterator[tuple[list[Service], list[Watch]]]:
    """Four trustees over TLS, each with a clock."""
    with ExitStack() as stack:
        services, watches = [], []
        for index, key in enumerate(served.trustees, start=1):
            watch = Watch(served)
            bearer = Bearer(key, COORDINATOR.public, clock=watch)
            board = stack.enter_context(BoardClient(served.target, bearer))
            own = folder / f"trustee-{index}"
            own.mkdir()
            ledger = new_ledger(folder / f"ledger-{index}.jsonl")
            stack.callback(ledger.close)
            services.append(
                Service(
                    board,
                    [served.scene.accepted(index)],
                    ledger,
                    COORDINATOR.public,
                    TrusteeLimits(),
                    own,
                    clock=watch,
                )
            )
            watches.append(watch)
        yield services, watches


def poll(services: list[Service]) -> None:
    """Everybody looks and acts once; whoever is not let in goes on trying."""
    for service in services:
        service._peers._looked.clear()
        try:
            service.poll()
        except StumbledError:
            continue


def wait_for(served: Served, services: list[Service], state: str) -> None:
    until = time.monotonic() + 60
    while (found := served.board.rounds()[0].state) != state:
        assert time.monotonic() < until, found
        poll(services)


@pytest.mark.parametrize(
    ("skew", "words"),
    [(AHEAD, "60 minutes in the future"), (2 * BEHIND, "expired 60 minutes ago")],
    ids=["an hour ahead", "two hours behind"],
)
def test_a_trustees_clock(scene: Scene, tmp_path: Path, skew: int, words: str) -> None:
    """It is not let in, the others finish the round, and it comes back with its clock set."""
    with (
        serve(scene, tmp_path, opened=False) as served,
        trustees(served, tmp_path) as (services, watches),
    ):
        watches[3].skew = skew
        with pytest.raises(StumbledError, match="does not let this trustee in") as caught:
            services[3].poll()
        assert words in str(caught.value)
        assert "set both by NTP" in str(caught.value)

        wait_for(served, services, "open")
        for number in range(1, scene.members + 1):
            served.submit(number)
        wait_for(served, services, "released")

        watches[3].skew = 0
        services[3].poll()
        services[3].poll()
        assert services[3]._left == {scene.round_id}, "it was done without this trustee"


def test_a_trustees_clock_an_hour_behind(scene: Scene, tmp_path: Path) -> None:
    """Its pass of one hour is over just now, within the five minutes: it takes part."""
    with (
        serve(scene, tmp_path, opened=False) as served,
        trustees(served, tmp_path) as (services, watches),
    ):
        watches[3].skew = BEHIND
        wait_for(served, services[1:], "open")

        votes = served.board.describe(scene.round_id)[2]
    assert len(votes) == 3


@pytest.mark.parametrize("skew", [AHEAD, BEHIND], ids=["ahead", "behind"])
def test_a_nodes_clock(tmp_path: Path, skew: int) -> None:
    """An hour is within what its pass allows: it contributes as if nothing were wrong."""
    scene = make_scene(tmp_path)
    scene.clock = lambda: time.time() + skew
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        assert kinds(turns(scene, service)) == ["contributed", "receipt"]
        assert len(coordinator.logged()) == 1


def test_a_nodes_clock_three_hours_ahead(tmp_path: Path) -> None:
    """Its pass begins an hour from now: nothing is lost, and the owner reads why."""
    scene = make_scene(tmp_path)
    scene.clock = lambda: time.time() + 3 * HOUR
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        events = turns(scene, service)

        assert kinds(events) == ["notice"]
        assert "in the future on: the clocks of its signer and of the coordinator differ" in texts(
            events
        )
        assert coordinator.logged() == []
        scene.clock = time.time
        assert "receipt" in kinds(turns(scene, service, 3))


def with_plan(made: Node, **changes: int) -> Node:
    """The scene with another plan, for which the trustees have voted."""
    made.plan = replace(made.plan, **changes)  # type: ignore[arg-type]
    made.desk.description = describe(made.plan, made.roster)
    signing = keys.trustees().signing[:3]
    made.desk.votes = tuple(roster_vote(made.plan, made.roster, key) for key in signing)
    return made


@pytest.mark.parametrize("skew", [AHEAD, BEHIND], ids=["ahead", "behind"])
def test_the_coordinators_clock_and_the_nodes(tmp_path: Path, skew: int) -> None:
    """The nodes' passes still fit; the coordinator's clock decides about deadlines."""
    now = int(time.time())
    made = make_scene(tmp_path)
    scene = with_plan(made, opens_at=now - 2 * HOUR, deadline=now + 2 * HOUR)
    with running(scene, tmp_path, skew=skew) as coordinator, gateway(coordinator) as service:
        assert kinds(turns(scene, service)) == ["contributed", "receipt"]
        assert len(coordinator.logged()) == 1


def test_a_coordinator_an_hour_ahead_ends_an_hour_early(tmp_path: Path) -> None:
    """What comes after its own idea of the deadline is refused by name, and can be extended."""
    now = int(time.time())
    made = make_scene(tmp_path)
    scene = with_plan(made, opens_at=now - HOUR, deadline=now + HOUR // 2)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        turns(scene, service, 1)
        data = scene.store.round(ROUND).contribution(1) or b""
        coordinator.skew = AHEAD  # the collection ends before the gateway gets through

        told = texts(turns(scene, service, 1))
        assert f"refused: the deadline of round {ROUND} has passed" in told
        assert coordinator.logged() == []
        assert scene.store.round(ROUND).contribution(1) == data


def test_every_trustee_is_refused_by_a_coordinator_whose_clock_is_off(
    scene: Scene, tmp_path: Path
) -> None:
    """The round waits; with the clock set it goes on."""
    with (
        serve(scene, tmp_path, opened=False) as served,
        trustees(served, tmp_path) as (services, watches),
    ):
        for watch in watches:
            watch.skew = AHEAD  # as seen from a coordinator that is an hour behind
        before = served.tables()
        for service in services:
            with pytest.raises(StumbledError, match="set both by NTP"):
                service.poll()
        assert served.tables() == before
        assert served.board.rounds()[0].state == "proposed"
        for watch in watches:
            watch.skew = 0
        wait_for(served, services, "open")


def test_the_deadline_can_be_moved_when_a_clock_was_wrong(scene: Scene, tmp_path: Path) -> None:
    with serve(scene, tmp_path) as served:
        longer = make_deadline(
            scene.plan, NOW, scene.deadline + HOUR, "the clock was wrong", COORDINATOR
        )
        request = pb.AnnounceRequest(round_id=scene.round_id, statement=longer)
        served.call("Announce", request, COORDINATOR)
        served.clock.now = scene.deadline + HOUR // 2

        served.submit(1)

        assert served.board.rounds()[0].contributions == 1


def test_a_coordinator_whose_clock_was_set_back_after_the_round_was_made(tmp_path: Path) -> None:
    """For an hour the round is not open by its clock: what comes too early is taken later."""
    now = int(time.time())
    scene = with_plan(make_scene(tmp_path), opens_at=now + HOUR // 2, deadline=now + 3 * HOUR)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        early = turns(scene, service, 3)
        assert kinds(early) == ["contributed", "notice"]
        assert f"waiting: round {ROUND} is not open yet" in texts(early)
        sent = scene.store.round(ROUND).contribution(1) or b""
        assert coordinator.logged() == []

        coordinator.skew = HOUR  # the time has come

        assert "receipt" in kinds(turns(scene, service))
        assert coordinator.logged() == [statement_hash(sent)]
