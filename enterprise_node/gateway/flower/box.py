"""The node's end of a letter: items into the inbox, envelopes out of the outbox.

Called by the ClientApp of a SuperNode and by that of a simulation. It holds no key and reads no
envelope's content; the private side judges what arrives.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from enterprise_node.errors import ExchangeError
from enterprise_node.exchange import IN_KINDS, OUT_KINDS, Envelope, Exchange
from protocols.service.flower.letters import Item, Letter, fitting

LOG = logging.getLogger("cefed.flower")


def deliver(exchange: Exchange, letter: Letter) -> None:
    """Put a letter's items in the inbox. One of an unknown kind is left out, and logged.

    :raises ExchangeError: the folder cannot be used.
    :raises StorageError: it cannot be written; the courier sends the items again.
    """
    for item in letter.items:
        if item.kind not in IN_KINDS:
            LOG.warning("an item of kind %r is none that comes in", item.kind)
            continue
        exchange.inbox.put(envelope_of(item), item.label)


def collect(exchange: Exchange, carried: Collection[bytes], *, again: bool = False) -> Letter:
    """What is new in the outbox, as a letter; what does not fit waits for the next one.

    :param carried: the digests of what went out before.
    :param again: whether everything goes out once more.
    :raises ExchangeError: the folder cannot be used.
    """
    envelopes, damaged = exchange.outbox.read()
    for flaw in damaged:
        LOG.warning("%s in the outbox %s", flaw.name, flaw.reason)
    standing = [item_of(envelope) for envelope in envelopes if envelope.kind in OUT_KINDS]
    digests = [item.digest for item in standing]
    fresh = [
        item
        for item, digest in zip(standing, digests, strict=True)
        if again or digest not in carried
    ]
    return Letter(items=fitting(fresh), standing=tuple(digests))


def carried_after(letter: Letter, carried: Collection[bytes]) -> list[bytes]:
    """The digests to remember once ``letter`` is out: of what still stands, and was carried."""
    gone = {item.digest for item in letter.items}.union(carried)
    return [digest for digest in letter.standing if digest in gone]


def item_of(envelope: Envelope, label: str = "") -> Item:
    """An envelope's parts."""
    return Item(envelope.kind, envelope.subject, envelope.payload, envelope.serial, label)


def envelope_of(item: Item) -> Envelope:
    """The envelope of an item. :raises ExchangeError: none can be like that."""
    return Envelope(item.kind, item.subject, item.payload, item.serial)


def open_folder(path: str) -> Exchange:
    """The exchange folder that a node's configuration names.

    :raises ExchangeError: none is named, or it is not there.
    :raises StorageError: likewise.
    """
    if not path:
        raise ExchangeError(
            "the node configuration names no exchange folder: --node-config 'exchange=\"FOLDER\"'"
        )
    return Exchange.open(Path(path))
