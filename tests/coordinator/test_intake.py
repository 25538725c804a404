"""The intake: contributions from an event loop, checked and signed in a thread of its own."""

from __future__ import annotations

import asyncio

import pytest

from coordinator.answers import Place
from coordinator.errors import StoreError
from coordinator.intake import Intake, Job, Parcel
from protocols.errors import InvalidSignature
from protocols.signing import statement_hash
from protocols.transcript import open_receipt
from tests.cohort import COORDINATOR, Scene, member_key
from tests.coordinator.conftest import Opened

PLACE = Place(7, "contribution", bytes(32))


def parcel(text: str) -> Parcel:
    return Parcel(text, b"", member_key(1).public)


def test_every_call_gets_its_own_answer() -> None:
    """Some are refused on arrival, some by the writer, some by what the writer found too late."""
    handed: list[Job] = []

    def step(job: Job) -> bytes | None:
        if job.error is not None:
            raise job.error
        if job.place is not None:
            return b"receipt " + job.parcel.round_id.encode()
        if job.parcel.round_id == "bad":
            raise InvalidSignature("bad")
        handed.append(job)
        if len(handed) == 2:
            handed[0].give(PLACE)
            handed[1].refuse(StoreError("full"))
        return None

    intake = Intake(step)

    async def calls() -> list[bytes | BaseException]:
        return await asyncio.gather(
            *(intake.take(parcel(text)) for text in ("good", "bad", "late")),
            return_exceptions=True,
        )

    good, bad, late = asyncio.run(calls())
    assert good == b"receipt good"
    assert isinstance(bad, InvalidSignature)
    assert isinstance(late, StoreError)
    intake.close()


def test_a_call_that_went_away_is_no_harm_to_the_next() -> None:
    waiting: list[Job] = []

    def step(job: Job) -> bytes | None:
        if job.place is None and job.parcel.round_id == "slow":
            waiting.append(job)
            return None
        return b"receipt"

    intake = Intake(step)

    async def calls() -> bytes:
        slow = asyncio.create_task(intake.take(parcel("slow")))
        await intake.take(parcel("first"))
        slow.cancel()
        waiting[0].give(PLACE)
        return await intake.take(parcel("second"))

    assert asyncio.run(calls()) == b"receipt"
    intake.close()
    assert waiting[0].done


def test_what_comes_after_the_end_is_refused() -> None:
    intake = Intake(lambda job: b"receipt")
    intake.close()
    assert not intake.alive()

    with pytest.raises(StoreError, match="stopping"):
        asyncio.run(intake.take(parcel("late")))


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
