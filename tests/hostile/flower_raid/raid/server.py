"""Sends the app to every node once and keeps what comes back."""

from __future__ import annotations

import json
import time
from pathlib import Path

from flwr.app import Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """One exchange; the loot goes into a file, by the user that each process had."""
    while len(list(grid.get_node_ids())) < int(context.run_config["nodes"]):
        time.sleep(0.5)
    messages = [Message(RecordDict(), node, "query.carry") for node in grid.get_node_ids()]
    loot = {}
    for reply in grid.send_and_receive(messages, timeout=120):
        taken = reply.content["loot"]
        user = str(reply.content["facts"]["user"])
        loot[user] = {
            name: content.hex()
            for name, content in zip(taken["names"], taken["contents"], strict=True)
        }
    Path(str(context.run_config["loot"])).write_text(json.dumps(loot))
