"""The queue that one thread empties: everything once, in order, and when it waits for company."""

from __future__ import annotations

import queue
import threading

import pytest

from coordinator import batches
from coordinator.batches import Batches

GATHER = 0.25
WAIT = 30.0


class Clock:
    """Instead of ``time``: nobody sleeps, and each sleep is noted."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Worker:
    """Takes batches; each begins only once the test has seen it."""

    def __init__(self, most: int = 100, heaviest: int = 1 << 30) -> None:
        self.batches: queue.Queue[list[int]] = queue.Queue()
        self.may_go_on = threading.Semaphore(0)
        self.queue: Batches[int] = Batches("test", self._work, most, GATHER, lambda i: i, heaviest)

    def _work(self, batch: list[int]) -> None:
        self.batches.put(batch)
        self.may_go_on.acquire(timeout=WAIT)

    def next(self) -> list[int]:
        """The batch under way."""
        return self.batches.get(timeout=WAIT)

    def put(self, *items: int) -> None:
        """Hand items in while the thread is busy."""
        for item in items:
            assert self.queue.put(item)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(batches, "time", made)
    return made


def test_what_comes_one_by_one_is_taken_at_once(clock: Clock) -> None:
    worker = Worker()
    for item in range(3):
        worker.put(item)
        assert worker.next() == [item]
        worker.may_go_on.release()
    worker.queue.close()
    assert clock.slept == []


def test_company_is_waited_for_after_a_batch_of_several(clock: Clock) -> None:
    worker = Worker()
    worker.put(1)
    assert worker.next() == [1]
    worker.put(2, 3)
    worker.may_go_on.release()
    assert worker.next() == [2, 3]
    assert clock.slept == []
    worker.put(4)
    worker.may_go_on.release()
    assert worker.next() == [4]
    assert clock.slept == [GATHER]
    worker.put(5)
    worker.may_go_on.release()
    assert worker.next() == [5]
    assert clock.slept == [GATHER]
    worker.may_go_on.release()
    worker.queue.close()


def test_a_full_batch_waits_for_nobody(clock: Clock) -> None:
    worker = Worker(most=2)
    worker.put(1)
    worker.next()
    worker.put(2, 3, 4, 5)
    for expected in ([2, 3], [4, 5]):
        worker.may_go_on.release()
        assert worker.next() == expected
    worker.may_go_on.release()
    worker.queue.close()
    assert clock.slept == []


def test_a_batch_ends_with_the_item_that_makes_it_too_heavy() -> None:
    worker = Worker(heaviest=10)
    worker.put(1)
    worker.next()
    worker.put(4, 7, 1)
    worker.may_go_on.release(3)
    assert [worker.next(), worker.next()] == [[4, 7], [1]]
    worker.queue.close()


def test_what_is_put_back_comes_first_and_closing_finishes_everything() -> None:
    worker = Worker()
    worker.put(1)
    worker.next()
    worker.put(2, 3)
    worker.queue.put_back([8, 9])
    assert len(worker.queue) == 4
    closing = threading.Thread(target=worker.queue.close)
    closing.start()
    worker.may_go_on.release(2)
    assert worker.next() == [8, 9, 2, 3]
    closing.join(WAIT)
    assert not worker.queue.alive()
    assert not worker.queue.put(4)


def test_many_threads_lose_and_repeat_nothing() -> None:
    taken: list[int] = []
    made: Batches[int] = Batches("test", taken.extend, 7, 0.001)
    threads = [
        threading.Thread(target=lambda start: [made.put(start + i) for i in range(500)], args=(n,))
        for n in range(0, 4000, 1000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    made.close()
    assert sorted(taken) == [start + i for start in range(0, 4000, 1000) for i in range(500)]
    for start in range(0, 4000, 1000):
        own = [item for item in taken if start <= item < start + 1000]
        assert own == sorted(own)
