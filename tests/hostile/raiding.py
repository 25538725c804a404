"""Has a hostile app raid two SuperNodes: ``python -m tests.hostile.raiding RESULT``.

One stands where it belongs, as the gateway's user; the other is started as the private side's user,
as nobody should, and shows what the raid finds where it can. Both are told the same exchange
folder. Started by root where other users can reach the interpreter (:mod:`tests.apart`).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from enterprise_node.exchange import Exchange
from sim.flower.fleet import Fleet, Users, obstacle
from tests.enterprise_node.scene import ROUND, Scene, make_scene

APP = Path(__file__).resolve().parent / "flower_raid"
PLANTED = b"the meter reading of March is 4711 kWh"
SECONDS = 120.0


def main(result: Path) -> None:
    """Plant, raid, and write what was found."""
    if reason := obstacle():
        sys.exit(reason)
    users = Users.of(0)
    if users is None:
        sys.exit("no users")
    work = Path(tempfile.mkdtemp(prefix="cefed-raid-"))
    work.chmod(0o755)  # the raid may list it
    try:
        scene = plant(work, users)
        loot = work / "loot.json"
        with Fleet(work) as fleet:
            fleet.add("gateway", scene.exchange.folder, users)
            wrong = Users(private=users.private, gateway=users.private, group=users.group)
            fleet.add("wrong", scene.exchange.folder, wrong)
            fleet.run(APP, {"loot": str(loot), "nodes": 2}, seconds=SECONDS)
        found = json.loads(loot.read_text())
        contribution = scene.exchange.outbox.get("contribution", ROUND)
        document = {
            "gateway": found[str(users.gateway)],
            "wrong": found[str(users.private)],
            "contribution": contribution.payload.hex() if contribution is not None else "",
            "key": (scene.store.folder / "signing.pem").read_bytes().hex(),
            "records": scene.store.folder.joinpath("planted.csv").read_bytes().hex(),
            "values": [value for value in scene.store.own().integers.values() if value > 10**6],
        }
        result.write_text(json.dumps(document))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def plant(work: Path, users: Users) -> Scene:
    """A node with data and a contribution in its outbox, each folder its user's."""
    scene = make_scene(work)
    scene.exchange = Exchange.create(work / "exchange")
    scene.step()
    scene.relay().fetch_round(ROUND)
    scene.step()
    (scene.store.folder / "planted.csv").write_bytes(PLANTED)
    for path in (scene.store.folder, *scene.store.folder.rglob("*")):
        os.chown(path, users.private, users.group)
    scene.store.folder.chmod(0o700)
    for path in (scene.exchange.folder, *scene.exchange.folder.rglob("*")):
        os.chown(path, users.private, users.group)
        path.chmod(0o2770 if path.is_dir() else 0o660)
    return scene


if __name__ == "__main__":
    main(Path(sys.argv[1]))
