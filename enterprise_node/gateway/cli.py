"""``cefed gateway``, and ``cefed-gateway`` where it is installed alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from enterprise_node.errors import ExchangeError, NodeError, NodeUsageError
from enterprise_node.exchange import GATEWAY_FILE, Exchange
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.errors import (
    CoordinatorRefused,
    CoordinatorUnreachable,
    NotAdmitted,
)
from enterprise_node.gateway.relay import Relay
from enterprise_node.gateway.service import Service
from enterprise_node.gateway.settings import ROLE, GatewaySettings
from protocols.errors import ProtocolError
from protocols.service import logs, probes
from protocols.service.settings import load
from protocols.service.stopping import stop_event

EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="The part of an enterprise's node that has a network, and nothing to hide.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Folder = Annotated[
    Path, typer.Argument(metavar="EXCHANGE", help="The folder shared with the private side.")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings that override the others.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Plaintext, to a coordinator on this machine only.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]


@app.command()
def run(
    exchange: Folder,
    config: Config = None,
    insecure: Insecure = False,
    once: Annotated[
        bool, typer.Option("--once", help="One step, then end: for the machine with the medium.")
    ] = False,
) -> None:
    """Carry envelopes between the exchange folder and the coordinator, until told to stop.

    Example: cefed gateway run /srv/cefed/exchange
    """
    shared = _open(exchange)
    settings = load(GatewaySettings, ROLE, config, exchange)
    logs.set_up(ROLE, json=settings.log_json, file=settings.log_file)
    with CoordinatorClient(settings.target(exchange, insecure=insecure)) as client:
        relay = Relay(shared, client)
        if once:
            report = relay.step()
            typer.echo(f"{report.out} envelopes carried out, {report.inward} in")
            if report.refused:
                typer.echo("\n".join(f"refused: {text}" for text in report.refused), err=True)
                raise typer.Exit(CoordinatorRefused.exit_code)
            return
        service = Service(relay, settings.interval_seconds)
        stop = stop_event()
        watched = None
        if settings.probes_listen:
            watched = probes.start(settings.probes_listen, service.trouble, service.registry)
        try:
            service.run(stop)
        finally:
            if watched is not None:
                watched.stop()


@app.command()
def check(
    exchange: Folder, config: Config = None, insecure: Insecure = False, as_json: AsJson = False
) -> None:
    """Check the configuration and the exchange folder, and whether the coordinator answers.

    Example: cefed gateway check /srv/cefed/exchange
    """
    shared = _open(exchange)
    settings = load(GatewaySettings, ROLE, config, exchange)
    bearer = shared.outbox.get("pass")
    facts: dict[str, object] = {
        "exchange": str(exchange),
        "coordinator": settings.coordinator,
        "pass": bearer is not None,
        "reachable": False,
        "admitted": False,
        "trouble": "",
    }
    with CoordinatorClient(settings.target(exchange, insecure=insecure), deadline=10.0) as client:
        try:
            client.rounds(bearer.payload if bearer is not None else b"")
            facts |= {"reachable": True, "admitted": True}
        except NotAdmitted as error:
            facts |= {"reachable": True, "trouble": str(error)}
        except CoordinatorUnreachable as error:
            facts["trouble"] = str(error)
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(f"{name:<12} {value}" for name, value in facts.items()))
    if not facts["reachable"]:
        raise typer.Exit(CoordinatorUnreachable.exit_code)
    asking = any(shared.outbox.get(kind) is not None for kind in ("enrolment", "rotation"))
    if not facts["admitted"] and not asking:
        raise typer.Exit(NotAdmitted.exit_code)  # nothing is under way that would change it


def _open(exchange: Path) -> Exchange:
    try:
        return Exchange.open(exchange)
    except ExchangeError as error:
        raise NodeUsageError(
            f"{exchange} is no exchange folder (no {GATEWAY_FILE}); cefed node enrol writes it"
        ) from error


def main() -> None:
    """Entry point of ``cefed-gateway``: one clear line for an error, and its exit code."""
    try:
        app(prog_name="cefed-gateway")
    except (NodeError, ProtocolError) as error:
        print(f"cefed-gateway: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
