"""`cefed coordinator trustee ...`: who shares the key and may post here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from coordinator.cli_common import AsJson, Config, Folder, open_office, tell
from coordinator.errors import SettingsError
from coordinator.registry_schema import MAX_NAME
from coordinator.roundfiles import read_file
from protocols.errors import ProtocolError
from protocols.signing import VerifyKey

trustee_app = typer.Typer(no_args_is_help=True, help="The trustees that may post here.")

MAX_IDENTITY = 1 << 16


@trustee_app.command("add")
def trustee_add(
    directory: Folder,
    identity: Annotated[
        list[Path], typer.Argument(metavar="IDENTITY...", help="identity.json of each trustee.")
    ],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Register trustees, who may then vote, open and talk to each other over this coordinator.

    Example: cefed coordinator trustee add platform authority.json association.json
    """
    added = []
    # All are read before any is registered.
    read = [read_identity(path) for path in identity]
    with open_office(directory, config).registry() as registry:
        for key, name in read:
            registry.add_trustee(key, name)
            added.append({"name": name, "fingerprint": key.fingerprint})
    names = ", ".join(f"{a['name']} ({a['fingerprint']})" for a in added)
    tell({"trustees": added}, f"registered {names}", as_json)


@trustee_app.command("remove")
def trustee_remove(
    directory: Folder,
    who: Annotated[str, typer.Argument(metavar="WHO", help="Name or fingerprint.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Forget a trustee; rounds that name it go on without it, if enough others are left.

    Example: cefed coordinator trustee remove platform association
    """
    with open_office(directory, config).registry() as registry:
        found = [t for t in registry.trustees() if who in (t.name, t.key.fingerprint)]
        if len(found) != 1:
            raise SettingsError(f"{len(found)} trustees are called {who!r}; use a fingerprint")
        registry.remove_trustee(found[0].key)
    tell({"removed": found[0].name}, f"{found[0].name} is forgotten", as_json)


@trustee_app.command("list")
def trustee_list(directory: Folder, config: Config = None, as_json: AsJson = False) -> None:
    """List the registered trustees.

    Example: cefed coordinator trustee list platform
    """
    with open_office(directory, config).registry() as registry:
        rows = registry.trustees()
    facts = [
        {"name": t.name, "fingerprint": t.key.fingerprint, "signing_key": t.key.raw.hex()}
        for t in rows
    ]
    lines = "\n".join(f"{t.name}: {t.key.fingerprint}" for t in rows)
    tell({"trustees": facts}, lines or "no trustees yet", as_json)


def read_identity(path: Path) -> tuple[VerifyKey, str]:
    """Key and name from a trustee's ``identity.json``. :raises SettingsError: not one."""
    try:
        data = json.loads(read_file(path, MAX_IDENTITY))
        return VerifyKey(bytes.fromhex(data["signing_key"])), str(data["name"])[:MAX_NAME]
    except (ValueError, KeyError, TypeError, RecursionError, ProtocolError) as error:
        raise SettingsError(f"{path} is not a trustee's identity.json") from error
