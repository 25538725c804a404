"""The courier's copy of one node's exchange folder, on the machine of the ServerApp.

The relay works on the copy as a gateway works on the folder itself: it reads the outbox, fills the
inbox and keeps its state beside them. What it puts in the inbox leaves with the next letter, and is
removed when the node has answered that letter.
"""

from __future__ import annotations

from pathlib import Path

from enterprise_node.exchange import Envelope, Exchange
from enterprise_node.gateway.flower.box import envelope_of, item_of
from protocols.service.flower.letters import Item, Letter, fitting


class Mirror:
    """One node's copy.

    :param folder: made if it is missing.
    :ivar changed: whether the node's outbox differs from what the relay saw last.
    """

    def __init__(self, folder: Path) -> None:
        self.exchange = Exchange.create(folder)
        self.changed = True
        standing, _ = self.exchange.outbox.read()
        self._known = {item_of(e).digest: (e.kind, e.subject) for e in standing}
        self._heard = False
        self._out: tuple[Path, ...] = ()

    @property
    def waiting(self) -> bool:
        """Whether something for the node lies here."""
        return any(self.exchange.inbox.folder.iterdir())

    def bearer(self) -> bytes | None:
        """The node's pass; None if it has sent none."""
        found = self.exchange.outbox.get("pass")
        return found.payload if found is not None else None

    def next_letter(self) -> Letter:
        """What the node is to get. Nothing is removed before :meth:`take`."""
        taken, _ = self.exchange.inbox.take()
        items = [item_of(envelope, _label(path, envelope)) for path, envelope in taken]
        sent = fitting(items) if items else ()
        self._out = tuple(path for path, _ in taken[: len(sent)])
        return Letter(items=sent, again=not self._heard)

    def take(self, reply: Letter) -> None:
        """Follow the node's outbox, and remove what it has now received.

        :raises ExchangeError: the copy cannot be used.
        :raises StorageError: likewise.
        """
        for path in self._out:
            self.exchange.inbox.done(path)
        self._out = ()
        self._heard = True
        for digest in [known for known in self._known if known not in reply.standing]:
            self._withdraw(digest)
        for item in reply.items:
            self._put(item)

    def _withdraw(self, digest: bytes) -> None:
        kind, subject = self._known.pop(digest)
        held = self.exchange.outbox.get(kind, subject)
        if held is not None and item_of(held).digest == digest:
            self.exchange.outbox.withdraw(kind, subject)
        self.changed = True

    def _put(self, item: Item) -> None:
        digest = item.digest
        if digest not in self._known:
            self._known[digest] = (item.kind, item.subject)
            self.exchange.outbox.put(envelope_of(item))
            self.changed = True


def _label(path: Path, envelope: Envelope) -> str:
    """What the relay put before the envelope's own file name."""
    return path.name.partition(envelope.file_name)[0]
