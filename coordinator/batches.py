"""A queue that one thread empties in batches.

Whoever works takes what has come together meanwhile, since waking a thread for each item would
cost more than the item. When items come one by one each is taken at once; when the last batch had
several, the thread waits a moment for more, as databases do that commit in groups: without it the
writer committed every second contribution alone, and acceptance waited for the disk. Used by
:mod:`coordinator.writer`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Batches(Generic[T]):
    """The queue and its thread, which starts at once.

    :param name: of the thread.
    :param work: does one batch; raises nothing.
    :param most: items in a batch.
    :param gather: seconds to wait for more, while several come at a time.
    :param weigh: an item's weight; a batch takes no more once it weighs ``heaviest``.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[T]], None],
        most: int,
        gather: float,
        weigh: Callable[[T], int] = lambda _: 0,
        heaviest: int = 1,
    ) -> None:
        self._do = work
        self._most = most
        self._gather = gather
        self._last_size = 0
        self._weigh = weigh
        self._heaviest = heaviest
        self._queue: deque[T] = deque()
        self._arrived = threading.Condition()
        self._ends = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, item: T) -> bool:
        """Have an item worked on; False after :meth:`close`, when it never will be."""
        with self._arrived:
            if self._ends:
                return False
            self._queue.append(item)
            self._arrived.notify()
            return True

    def put_back(self, items: Sequence[T]) -> None:
        """Items of the batch under way that are for the next one; called by the thread itself."""
        with self._arrived:
            self._queue.extendleft(reversed(items))

    def alive(self) -> bool:
        """Whether the thread still works."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Finish what has come, then end."""
        with self._arrived:
            self._ends = True
            self._arrived.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next():
            self._do(batch)

    def _next(self) -> list[T]:
        with self._arrived:
            while not self._queue and not self._ends:
                self._arrived.wait()
        if self._last_size > 1 and len(self._queue) < self._most and not self._ends:
            time.sleep(self._gather)
        with self._arrived:
            batch: list[T] = []
            weight = 0
            while self._queue and len(batch) < self._most and weight < self._heaviest:
                batch.append(self._queue.popleft())
                weight += self._weigh(batch[-1])
            self._last_size = len(batch)
            return batch
