"""The ClientApp of a deployment: an exchange folder's end of Flower's messages, and nothing else.

The SuperNode's configuration names the exchange folder (``exchange="/srv/cefed/exchange"``) and
nothing else. The process holds no key and imports neither accounting nor the private side; it runs
as a user who cannot read them. Whatever another app in its place might do, it finds sealed
envelopes. docs/flower.md.
"""

from __future__ import annotations

import base64

from flwr.app import ConfigRecord, Context, Message
from flwr.clientapp import ClientApp

from enterprise_node.gateway.flower.box import carried_after, collect, deliver, open_folder
from protocols.service.flower.records import from_content, to_content

EXCHANGE = "exchange"
"""The one key of the node's configuration."""

MEMORY = "carried"
"""Where a run remembers the digests of what went out; Flower keeps it between messages."""

app = ClientApp()


@app.query("carry")
def carry(message: Message, context: Context) -> Message:
    """Put what came in the inbox, take what is new in the outbox along.

    :raises ExchangeError: the folder is not there; Flower reports it to the ServerApp.
    :raises StorageError: it cannot be written.
    """
    exchange = open_folder(str(context.node_config.get(EXCHANGE, "")))
    letter = from_content(message.content)
    deliver(exchange, letter)
    carried = recall(context)
    reply = collect(exchange, carried, again=letter.again)
    remember(context, carried_after(reply, carried))
    return Message(to_content(reply), reply_to=message)


def recall(context: Context) -> list[bytes]:
    """The digests of what went out in this run."""
    record = context.state.config_records.get(MEMORY)
    text = record.get(MEMORY, "") if record is not None else ""
    data = base64.b64decode(text) if isinstance(text, str) else b""
    return [data[start : start + 32] for start in range(0, len(data), 32)]


def remember(context: Context, carried: list[bytes]) -> None:
    """Keep the digests for the run's next message."""
    text = base64.b64encode(b"".join(carried)).decode("ascii")
    context.state[MEMORY] = ConfigRecord({MEMORY: text})
