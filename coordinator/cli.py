"""`cefed coordinator ...`: the platform operator's commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coordinator import checking, cli_departures, database
from coordinator.cli_common import AsJson, Config, Folder, open_office, tell
from coordinator.cli_members import member_app
from coordinator.cli_rounds import round_app
from coordinator.cli_trustees import trustee_app
from coordinator.errors import SettingsError, StoreError
from coordinator.folder import IDENTITY, SETTINGS, TLS, Office, certificate_hosts
from coordinator.process import serve_office
from protocols.service.authority import AUTHORITY, CERTIFICATE, renew_server, server_names

app = typer.Typer(no_args_is_help=True, help="The platform that collects a round.")
tls_app = typer.Typer(no_args_is_help=True, help="The server's certificate.")
cli_departures.attach(member_app)
app.add_typer(trustee_app, name="trustee")
app.add_typer(member_app, name="member")
app.add_typer(round_app, name="round")
app.add_typer(tls_app, name="tls")

Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", metavar="NAME", help="Host name or address it is reached under."),
]


@app.command()
def init(
    directory: Folder,
    host: Hosts = None,
    database_url: Annotated[
        str,
        typer.Option(
            "--database", metavar="URL", help="postgresql+psycopg://USER@HOST/NAME; else SQLite."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make a coordinator's folder: key, TLS authority and certificate, configuration, database.

    Example: cefed coordinator init platform --host cefed.example.org
    """
    office = Office.create(directory, host or [], database_url)
    key = office.key().public
    facts = {
        "signing_key": key.raw.hex(),
        "fingerprint": key.fingerprint,
        "identity": str(directory / IDENTITY),
        "settings": str(directory / SETTINGS),
        "tls_authority": str(directory / TLS / AUTHORITY),
    }
    lines = [
        f"nodes and trustees pin this coordinator's key: {facts['signing_key']}",
        f"its fingerprint, to compare by telephone: {facts['fingerprint']}",
        f"trustees also need its TLS authority: {facts['tls_authority']}",
        f"configure it in {facts['settings']}, then: cefed coordinator serve {directory}",
    ]
    tell(facts, "\n".join(lines), as_json)


@app.command()
def migrate(directory: Folder, config: Config = None, as_json: AsJson = False) -> None:
    """Bring the database to the schema of this version. Stop the coordinator and back it up first.

    Example: cefed coordinator migrate platform
    """
    office = open_office(directory, config)
    with office.alone() as alone:
        if not alone:
            raise SettingsError(f"stop the process that serves {directory} first")
        database.migrate(office.database_url())
    tell({"migrated": True}, "the database has the schema of this version", as_json)


@app.command()
def check(directory: Folder, config: Config = None, as_json: AsJson = False) -> None:
    """Look at configuration, files, certificate and database, and say what would not work.

    Exit code 8 if the coordinator could not serve. Example: cefed coordinator check platform
    """
    findings = checking.check(open_office(directory, config))
    good = all(finding.good for finding in findings)
    facts = {
        "good": good,
        "findings": [{"name": f.name, "good": f.good, "text": f.text} for f in findings],
    }
    lines = [f"{'ok' if f.good else 'NOT OK':<7}{f.name}: {f.text}" for f in findings]
    tell(facts, "\n".join(lines), as_json)
    if not good:
        raise typer.Exit(StoreError.exit_code)


@app.command()
def serve(
    directory: Folder,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Else as configured; port 0 for any.")
    ] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Plaintext, on loopback only. For tests.")
    ] = False,
    log: Annotated[Path | None, typer.Option(help="Log file; stderr by default.")] = None,
    config: Config = None,
) -> None:
    """Serve the rounds of a folder until stopped (Ctrl-C or SIGTERM).

    Prints the address and writes it to DIR/address.

    Example: cefed coordinator serve platform --listen 0.0.0.0:7443
    """
    given = {"listen": listen or None, "log_file": log}
    changed = {name: value for name, value in given.items() if value is not None}
    office = open_office(directory, config)
    office = Office(office.folder, office.settings.model_copy(update=changed))
    serve_office(office, insecure=insecure, started=typer.echo)


@tls_app.command("renew")
def tls_renew(directory: Folder, host: Hosts = None, as_json: AsJson = False) -> None:
    """Make a new server key and certificate under the folder's TLS authority.

    It keeps the names of the present certificate, unless --host gives others. Clients need nothing
    new. Start the coordinator again afterwards.

    Example: cefed coordinator tls renew platform --host cefed.example.org
    """
    folder = directory / TLS
    names = certificate_hosts(host or server_names(folder / CERTIFICATE))
    renew_server(folder, names)
    told = f"renewed for {', '.join(names)}; start the coordinator again"
    tell({"renewed": True, "hosts": names}, told, as_json)
