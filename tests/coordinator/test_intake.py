"""The intake: contributions from an event loop, through the writing thread and back."""

from __future__ import annotations

import asyncio

import pytest

from coordinator.answers import Place
from coordinator.desk import Desk
from coordinator.errors import StoreError
from coordinator.intake import Intake, Parcel
from coordinator.writer import Wish
from protocols.contribution import Arrived
from protocols.errors import InvalidSignature
from protocols.signing import statement_hash
from protocols.transcript import open_receipt
from tests.cohort import COORDINATOR, Scene, member_key
from tests.coordinator.conftest import Opened

PLACE = Place(7, "contribution", bytes(32))


class Decided:
    """Rules by the name of the round: "bad" is refused on arrival, "known" is in the log, "broken"
    cannot be acknowledged, everything else waits for the writer."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.errors: list[Exception] = []

    def check(self, parcel: Parcel) -> Wish | bytes:
        if parcel.round_id == "bad":
            raise InvalidSignature("bad")
        if parcel.round_id == "known":
            return b"receipt known"
        arrived = Arrived(parcel.caller, 1, parcel.data)
        return Wish(self.desk, parcel.data, arrived, parcel)

    def acknowledge(self, wish: Wish, place: Place) -> bytes:
        assert place == PLACE
        if wish.data == b"broken":
            raise ValueError("broken")
        return b"receipt " + wish.data

    def refused(self, error: Exception) -> None:
        self.errors.append(error)


@pytest.fixture
def rules(opened: Opened) -> Decided:
    scene = Scene()
    return Decided(opened.board(scene)._desk(scene.round_id))


def parcel(intake: Intake, text: str) -> Parcel:
    return Parcel(intake, text, text.encode(), member_key(1).public)


def test_every_call_gets_its_own_answer(rules: Decided) -> None:
    """Some are refused on arrival, some by the writer, some by what the writer found too late."""

    async def calls() -> list[bytes | BaseException]:
        intake = Intake(rules)
        parcels = [parcel(intake, t) for t in ("good", "bad", "known", "full", "broken")]
        good, _, _, full, broken = parcels
        assert [made.checked() is not None for made in parcels] == [True, False, False, True, True]
        assert [made.done for made in parcels] == [False, True, True, False, False]
        good.give(PLACE)
        full.refuse(StoreError("full"))
        broken.give(PLACE)
        assert all(made.done for made in parcels)
        waiting = [asyncio.ensure_future(made.receipt()) for made in parcels]
        await asyncio.sleep(0)
        assert not any(future.done() for future in waiting)
        intake.wake()
        return await asyncio.gather(*waiting, return_exceptions=True)

    good, bad, known, full, broken = asyncio.run(calls())
    assert (good, known) == (b"receipt good", b"receipt known")
    assert isinstance(bad, InvalidSignature)
    assert isinstance(full, StoreError)
    assert isinstance(broken, ValueError)
    assert rules.errors == [bad, full, broken]


def test_what_was_not_checked_is_never_acknowledged(rules: Decided) -> None:
    async def call() -> None:
        with pytest.raises(AssertionError, match="not checked"):
            parcel(Intake(rules), "good").give(PLACE)

    asyncio.run(call())


def test_a_call_that_went_away_is_no_harm_to_the_next(rules: Decided) -> None:
    async def calls() -> bytes:
        intake = Intake(rules)
        gone, stays = parcel(intake, "known"), parcel(intake, "known")
        call = asyncio.create_task(gone.receipt())
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.sleep(0)
        for made in (gone, stays):
            made.checked()
        intake.wake()
        return await stays.receipt()

    assert asyncio.run(calls()) == b"receipt known"


def test_each_loop_is_woken_for_its_own_and_a_closed_one_is_passed_over(
    rules: Decided, caplog: pytest.LogCaptureFixture
) -> None:
    intake = Intake(rules)

    async def make() -> Parcel:
        return parcel(intake, "known")

    left = asyncio.run(make())

    async def call() -> bytes:
        stays = parcel(intake, "known")
        for made in (left, stays):
            made.checked()
        intake.wake()
        return await stays.receipt()

    assert asyncio.run(call()) == b"receipt known"
    assert "1 calls ended before their answers" in caplog.text


def test_what_comes_after_the_end_is_refused(opened: Opened) -> None:
    scene = Scene()
    board = opened.board(scene)
    board.close()
    assert not board.alive()

    with pytest.raises(StoreError, match="stopping"):
        asyncio.run(board.submit_soon(scene.round_id, scene.contribution(1), member_key(1).public))


def test_the_receipt_is_that_of_a_waiting_thread(opened: Opened) -> None:
    """One contribution by the loop, the same again by a thread, and one that is refused."""
    scene = Scene()
    board = opened.board(scene)
    data, key = scene.contribution(1), member_key(1).public

    receipt = asyncio.run(board.submit_soon(scene.round_id, data, key))

    assert receipt == board.submit(scene.round_id, data, key)
    assert receipt == asyncio.run(board.submit_soon(scene.round_id, data, key))
    read = open_receipt(receipt, COORDINATOR.public, round_id=scene.round_id)
    assert read.payload_hash == statement_hash(data)
    with pytest.raises(InvalidSignature, match="nobody speaks for another"):
        asyncio.run(board.submit_soon(scene.round_id, data, member_key(2).public))
    counted = board.metrics.registry.get_sample_value
    assert counted("cefed_board_arrivals_total", {"result": "accepted"}) == 1
    assert counted("cefed_board_arrivals_total", {"result": "repeated"}) == 2
    assert counted("cefed_board_arrivals_total", {"result": "refused"}) == 1


def test_the_writers_refusal_reaches_the_call(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coordinator.store import Store

    scene = Scene()
    board = opened.board(scene)

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Store, "append", full)
    with pytest.raises(StoreError, match="full"):
        asyncio.run(board.submit_soon(scene.round_id, scene.contribution(1), member_key(1).public))
    counted = board.metrics.registry.get_sample_value
    assert counted("cefed_board_arrivals_total", {"result": "failed"}) == 1
