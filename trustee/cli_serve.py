"""`cefed trustee serve` and `check`: the service, and whether it could run."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from protocols.passes import Bearer
from protocols.service import logs, probes
from protocols.service.credentials import read_optional
from protocols.service.stopping import stop_event
from trustee import ceremonies, folder, settings
from trustee import check as checking
from trustee.client import BoardClient
from trustee.errors import FolderError
from trustee.ledger import Ledger
from trustee.limits import load_limits
from trustee.metrics import Metrics
from trustee.options import CREDENTIAL, AsJson, Config, Folder, PassphraseFile, tell, unlock
from trustee.service import Service

LOG = logging.getLogger("cefed.trustee")


def serve(
    directory: Folder,
    coordinator: Annotated[str | None, typer.Option(help="HOST:PORT of the coordinator.")] = None,
    coordinator_key: Annotated[
        str | None, typer.Option(help="Its public key, 64 hex digits.")
    ] = None,
    authority: Annotated[
        Path | None, typer.Option(help="The coordinator's TLS authority, PEM.")
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Plaintext, on loopback only.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Log file; stderr by default.")] = None,
    probes_listen: Annotated[
        str | None, typer.Option("--probes", help="HOST:PORT on loopback for /healthz and so on.")
    ] = None,
    config: Config = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Take part in every round at a coordinator until stopped (Ctrl-C or SIGTERM).

    Options override /etc/cefed/trustee.toml, DIR/trustee.toml and CEFED_TRUSTEE_... variables.
    Exit codes: 2 settings, 8 folder, keys or ledger.

    Example: cefed trustee serve trustees/a --coordinator coordinator.example:7443
    --coordinator-key 3f.. --authority ca.pem
    """
    found = settings.load(
        directory,
        config,
        coordinator=coordinator,
        coordinator_key=coordinator_key,
        tls_authority=authority,
        insecure=insecure,
        log_file=log,
        probes_listen=probes_listen,
        passphrase_file=passphrase_file,
    )
    logs.set_up(settings.ROLE, json=found.log_json, file=found.log_file)
    dial = settings.coordinator_of(found)
    limits = load_limits(directory)
    keys = unlock(directory, found.passphrase_file)
    accepted = ceremonies.load(directory, keys)
    stop = stop_event()
    with ExitStack() as stack:
        ledger = Ledger(directory / folder.LEDGER)
        stack.callback(ledger.close)
        board = stack.enter_context(BoardClient(dial.target, Bearer(keys.signing, dial.key)))
        metrics = Metrics()
        service = Service(board, accepted, ledger, dial.key, limits, directory, metrics=metrics)
        if found.probes_listen:
            running = probes.start(found.probes_listen, service.reasons, metrics.registry)
            stack.callback(running.stop)
        LOG.info("serving %d keys at %s", len(accepted), dial.target.address)
        service.run(stop)
        LOG.info("stopped")


def check(
    directory: Folder,
    config: Config = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Check folder, permissions, keys, limits, ledger, ceremonies and configuration.

    Never asks: encrypted keys are opened only with --passphrase-file, a configured file or the
    systemd credential. Exit code 8 if anything is wrong.

    Example: cefed trustee check trustees/a --passphrase-file pass
    """

    def passphrase() -> bytes | None:
        file = passphrase_file or settings.load(directory, config).passphrase_file
        return read_optional(CREDENTIAL, file)

    found = checking.check(directory, config, passphrase)
    facts = {
        "ok": all(finding.ok for finding in found),
        "checks": [{"name": f.name, "ok": f.ok, "detail": f.detail} for f in found],
    }
    lines = [f"{'ok   ' if f.ok else 'WRONG'} {f.name}: {f.detail}" for f in found]
    tell(facts, "\n".join(lines), as_json)
    if not facts["ok"]:
        raise typer.Exit(FolderError.exit_code)
