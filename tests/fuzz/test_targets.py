"""Every target for a moment: its valid inputs are accepted, changed ones end as is documented."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.coordinator.databases import VARIABLE
from tests.fuzz import boards, calls, folders, wire
from tests.fuzz.mutate import mutate
from tests.fuzz.statements import log_seeds
from tests.fuzz.target import Target
from tests.fuzz.targets import targets

HANG_SECONDS = 60
"""Far above what any input takes, also on a busy machine."""

NAMES = (
    "codec", "plan-unsigned", "roster", "place", "plan", "ceremony", "contribution", "close",
    "closing-vote",
    "certificate", "certificate-of-a-table", "label", "share-set", "release", "roster-vote",
    "refusal", "endorsement", "reminder",
    "deadline", "cancellation", "rehearsal", "sealed-shares", "key-share", "receipt", "pass",
    "enrolment", "rotation", "request", "member-certificate", "revocations", "members-of-a-roster",
    "verification", "transcript-at-a-trustee", "ledger-talk", "gateway.toml", "coordinator.toml",
    "trustee.toml", "environment", "policy.toml", "node.toml", "limits.toml", "invitation",
    "identity-at-a-dealer", "identity-at-a-node", "members.csv", "definitions.json", "envelope",
    "notice", "gateway-state.json", "ledger-export", "egress-ledger", "trustee-ledger",
    "release.json", "targets.csv", "bundle", "inbox", "outbox-and-answers", "board-at-a-trustee",
    "answers-over-a-socket",
    "calls-sqlite", "calls-postgresql",
)  # fmt: skip


class Hang(BaseException):
    """One input took longer than any may."""


@contextmanager
def watched() -> Iterator[None]:
    """Ends what hangs, where the platform can."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(HANG_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    """No coordinator goes on after the tests."""
    yield
    calls.close()


def found(name: str) -> Target:
    if name == "calls-postgresql" and not os.environ.get(VARIABLE):
        pytest.skip(f"no PostgreSQL to test on: set {VARIABLE}")
    return targets()[name]


def examples(target: Target) -> int:
    """Fewer of the dear ones."""
    return max(4, 60 // (1 + target.cost // 4))


def test_every_target_is_named_here() -> None:
    assert set(targets()) == set(NAMES) - ({"calls-postgresql"} - set(targets()))


@pytest.mark.parametrize("name", NAMES)
def test_valid_inputs_are_accepted(name: str) -> None:
    target = found(name)
    for seed in target.seeds():
        target.read(seed)


@pytest.mark.parametrize("name", NAMES)
def test_changed_inputs_end_as_is_documented(name: str) -> None:
    target = found(name)
    seeds = list(target.seeds())

    @settings(max_examples=examples(target), suppress_health_check=list(HealthCheck))
    @given(place=st.integers(0, len(seeds) - 1), number=st.integers(0, 2**64 - 1))
    def run(place: int, number: int) -> None:
        changed = mutate(seeds[place], Random(number), seeds)
        with watched():
            target(changed)

    run()


@pytest.mark.parametrize("name", NAMES)
def test_arbitrary_bytes_end_as_is_documented(name: str) -> None:
    target = found(name)

    @settings(max_examples=max(3, examples(target) // 3), suppress_health_check=list(HealthCheck))
    @given(data=st.binary(max_size=600))
    def run(data: bytes) -> None:
        with watched():
            target(data)

    run()


def test_the_inbox_reaches_contributing_and_believing_a_release() -> None:
    happened = [{event.kind for event in folders.step_with(seed)} for seed in folders.inbox_seeds()]

    assert "contributed" in happened[0]
    assert "contributed" in happened[1]
    assert "receipt" in happened[2]
    assert "receipt" in happened[3]
    assert "release" in happened[4]
    assert "release" in happened[5]


def test_the_board_reaches_votes_shares_and_an_endorsement() -> None:
    said = [boards.serve(seed) for seed in targets()["board-at-a-trustee"].seeds()]

    assert said[:2] == [["roster"], ["roster"]]
    for posted in said[2:]:
        assert [kind for kind in posted if kind not in ("counts", "classes")] == [
            "closing",
            "certificate",
            "endorsement",
        ]


def test_a_damaged_file_is_reported_and_nothing_of_it_used() -> None:
    seed = folders.inbox_seeds()[-1]
    (place, file) = wire.parts(seed)
    cut = wire.pack([place, (file[0], file[1][:-1])])

    assert {event.kind for event in folders.step_with(cut)} == {"damaged"}


def test_changes_are_repeatable_and_keep_messages_messages() -> None:
    seed = log_seeds()[0]
    made = [mutate(seed, Random(number), [seed]) for number in range(300)]

    assert made == [mutate(seed, Random(number), [seed]) for number in range(300)]
    still = [data for data in made if data != seed and wire.fields(data)]
    assert len(still) > 100


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 70_000])
def test_fields_are_put_together_as_they_were(size: int) -> None:
    data = wire.pack([(1, b"x" * size), (40, b"")]) + wire.join(
        [(3, wire.VARINT, wire.varint(300))]
    )

    assert wire.join(wire.fields(data) or []) == data
    assert wire.parts(data) == [(1, b"x" * size), (40, b"")]
