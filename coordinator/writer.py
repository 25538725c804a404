"""One thread that writes every entry of every log: batches, one transaction each.

A caller hands in a statement and waits for the answer (:class:`Wish`), or a contribution that is
still to be checked (:class:`coordinator.intake.Parcel`). The thread takes what has come together
meanwhile, has the contributions checked, decides about each statement in its order
(:class:`Draft`), links it into its round's chain, stores all of them in one transaction, lets them
take effect, and only then answers. When the transaction fails nobody is acknowledged, every caller
gets the reason, and memory is as before; a round of which it is not known whether its entries were
stored reads its log again before the next write. Used by :class:`coordinator.board.Board`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from coordinator.answers import Answer, Place, ThreadAnswer
from coordinator.batches import Batches
from coordinator.desk import Desk
from coordinator.errors import CoordinatorError, StoreError
from coordinator.metrics import Metrics
from coordinator.rounds import MEMBER_KINDS
from coordinator.store import EntryHead, NewEntry, Store
from protocols.contribution import Arrived
from protocols.errors import PolicyRefusal, ProtocolError
from protocols.signing import Statement
from protocols.transcript import next_entry

LOG = logging.getLogger("cefed.coordinator")

MAX_BATCH = 256
MAX_BATCH_BYTES = 1 << 25
"""A transaction's size, within one statement more: memory, and the time the first caller waits."""

GATHER_SECONDS = 0.003
"""Less than a commit takes."""

CROWD = 8
"""Items in a batch: so many come together only while calls wait for each other."""

CROWD_SECONDS = 0.25
"""How long after such a batch more of them are expected."""


class Item(Protocol):
    """What is handed in."""

    @property
    def data(self) -> bytes:
        """The signed statement."""
        ...

    @property
    def answer(self) -> Answer:
        """Where the answer goes."""
        ...

    def checked(self) -> Wish | None:
        """The statement, checked; None if it was answered already. Called by the thread."""
        ...


@dataclass
class Wish:
    """A statement that somebody wants in the log.

    ``what``: a contribution as it was checked on arrival, or any other statement.
    ``answer``: where the answer goes.
    ``head``: the head that the log must have right before, if that matters.
    """

    desk: Desk
    data: bytes
    what: Arrived | Statement
    answer: Answer
    head: bytes | None = None

    def checked(self) -> Wish:
        """See :class:`Item`: this was, before."""
        return self

    @property
    def kind(self) -> str:
        """The statement's kind."""
        return "contribution" if isinstance(self.what, Arrived) else self.what.kind


class Overtaken(CoordinatorError):
    """Something was logged before a statement that names the head of the log."""


class Draft:
    """What one batch adds to one round.

    A statement that is not a member's may change what is due: it is the last of its round in a
    batch, so that everything is decided against a state that is stored. Members' contributions and
    masked vectors change nothing for each other, and go together.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.rows: list[tuple[Wish, NewEntry]] = []
        self.sealed = False
        self._head = desk.head
        self._index = desk.entries
        self._versions: dict[bytes, int] = {}
        self._hashes: set[bytes] = set()
        self._masked: set[bytes] = set()

    def add(self, wish: Wish) -> None:
        """Decide about ``wish`` and link it. :raises ProtocolError: it is refused."""
        desk, what = self.desk, wish.what
        signer = what.member if isinstance(what, Arrived) else what.signer
        if isinstance(what, Arrived):
            desk.round.check_contribution(signer, what.version, self._versions.get(signer.raw))
            version = self._versions[signer.raw] = what.version
        else:
            if wish.head is not None and wish.head != self._head:
                raise Overtaken(f"round {desk.round_id}: the log has grown meanwhile")
            desk.round.admit(what)
            version = desk.next_version(what.kind)
            self._seal(what)
        entry = next_entry(self._head, self._index, wish.kind, wish.data, what.hash)
        self.rows.append((wish, NewEntry(desk.round_id, entry, what.hash, signer.raw, version)))
        self._head, self._index = entry.hash, entry.index + 1
        self._hashes.add(what.hash)

    def _seal(self, what: Statement) -> None:
        """See that nothing comes after ``what`` that it might have changed."""
        if what.kind not in MEMBER_KINDS:
            self.sealed = True
        elif what.signer.raw in self._masked:
            raise PolicyRefusal(
                f"{what.signer.fingerprint} sent two {what.kind} statements at once"
            )
        self._masked.add(what.signer.raw)

    def has(self, digest: bytes) -> bool:
        """Whether the statement with this hash is in the batch already."""
        return digest in self._hashes

    def take(self) -> None:
        """Let the stored rows take effect, and answer."""
        with self.desk.turn:
            for wish, new in self.rows:
                entry = new.entry
                head = EntryHead(
                    entry.index, entry.kind, new.signer, new.version, new.payload_hash, entry.hash
                )
                self.desk.take(head, wish.data)
            self.desk.staged = False

    def drop(self, *, stale: bool) -> None:
        """Forget the rows. ``stale``: it is not known whether they were stored."""
        with self.desk.turn:
            self.desk.staged = False
            self.desk.stale = self.desk.stale or stale


class Writer:
    """The writing thread; made and ended by the board.

    :param answered: called by the thread after every batch, whose answers were given.
    """

    def __init__(self, store: Store, metrics: Metrics, answered: Callable[[], None]) -> None:
        self._store = store
        self._metrics = metrics
        self._answered = answered
        self._crowded_at = -math.inf
        self._queue: Batches[Item] = Batches(
            "writer",
            self._work,
            MAX_BATCH,
            GATHER_SECONDS,
            lambda item: len(item.data),
            MAX_BATCH_BYTES,
        )

    def append(
        self, desk: Desk, data: bytes, what: Arrived | Statement, *, head: bytes | None = None
    ) -> Place:
        """Wait until ``data`` is durable and in effect; its place in the log.

        A statement that is in the log already keeps its place. Never called while holding the
        desk's turn, which the writer needs.

        :raises ProtocolError: the round refuses it. :raises StoreError: it cannot be stored.
        """
        answer = ThreadAnswer()
        self.hand_in(Wish(desk, data, what, answer, head))
        return answer.wait()

    def hand_in(self, item: Item) -> None:
        """Have it decided, and its answer given, without waiting for it.

        :raises StoreError: the coordinator is stopping; no answer will be given.
        """
        if not self._queue.put(item):
            raise StoreError("the coordinator is stopping; try again later")

    def alive(self) -> bool:
        """Whether the thread still writes."""
        return self._queue.alive()

    @property
    def crowded(self) -> bool:
        """Whether statements come faster than they can be taken one by one."""
        return time.monotonic() - self._crowded_at < CROWD_SECONDS

    def close(self) -> None:
        """Write what was handed in, then end."""
        self._queue.close()

    def _work(self, batch: list[Item]) -> None:
        if len(batch) >= CROWD:
            self._crowded_at = time.monotonic()
        wishes: list[Wish] = []
        try:
            for item in batch:
                if (wish := item.checked()) is not None:
                    wishes.append(wish)
            self._queue.put_back(self._write(wishes))
        except Exception as error:  # the writer must outlive whatever one batch does to it
            LOG.exception("the writer stumbled")
            for wish in wishes:
                with wish.desk.turn:
                    wish.desk.staged, wish.desk.stale = False, True
            for item in batch:
                if not item.answer.done:
                    item.answer.refuse(error)
        self._answered()

    def _write(self, batch: Sequence[Wish]) -> list[Wish]:
        """Store what can be stored of ``batch``; what has to wait for the next one."""
        drafts: dict[str, Draft] = {}
        later: list[Wish] = []
        for wish in batch:
            try:
                if not self._stage(wish, drafts):
                    later.append(wish)
            except (ProtocolError, CoordinatorError) as error:
                wish.answer.refuse(error)
        rows = [new for draft in drafts.values() for _, new in draft.rows]
        if rows:
            self._commit(list(drafts.values()), rows)
        else:
            for draft in drafts.values():
                draft.drop(stale=False)
        return later

    def _stage(self, wish: Wish, drafts: dict[str, Draft]) -> bool:
        """Decide about ``wish`` and answer it if it needs no writing; False if it has to wait."""
        desk = wish.desk
        with desk.turn:
            draft = drafts.get(desk.round_id)
            if draft is None:
                if desk.stale:
                    desk.catch_up()
                draft = drafts[desk.round_id] = Draft(desk)
                desk.staged = True
            place = desk.places.get(wish.what.hash)
            if place is not None:
                wish.answer.give(place)
                return True
            if draft.sealed or draft.has(wish.what.hash):
                return False
            draft.add(wish)
            return True

    def _commit(self, drafts: Sequence[Draft], rows: Sequence[NewEntry]) -> None:
        start = time.perf_counter()
        try:
            self._store.append(rows)
        except StoreError as error:
            LOG.error("nothing was stored: %s", error)
            self._metrics.store_failures.inc()
            for draft in drafts:
                draft.drop(stale=True)
                for wish, _ in draft.rows:
                    # One exception each: they are raised in different threads.
                    wish.answer.refuse(StoreError(str(error)))
            return
        self._metrics.commit_seconds.observe(time.perf_counter() - start)
        self._metrics.batch_entries.observe(len(rows))
        for draft in drafts:
            draft.take()
            for wish, new in draft.rows:
                entry = new.entry
                wish.answer.give(Place(entry.index, entry.kind, entry.hash))
