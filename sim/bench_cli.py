"""``cefed bench``. ``cefed.py`` adds ``app``."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from protocols.paillier import DEFAULT_MODULUS_BITS, WINDOW_BITS
from sim.bench_crypto import BenchResult, Figure, run

app = typer.Typer(help="Measure the cryptography on this machine.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps ``crypto`` a subcommand although it is the only one."""


@app.command()
def crypto(
    modulus_bits: Annotated[
        int, typer.Option(min=2048, help="Length of the Paillier modulus.")
    ] = DEFAULT_MODULUS_BITS,
    window_bits: Annotated[
        int, typer.Option(min=4, max=12, help="Width of the fixed-base table's windows.")
    ] = WINDOW_BITS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Encryption, addition, proofs and opening beside phe, on one core, in one run.

    Draws a fresh key first, which takes a few seconds. Targets that were missed are shown as
    missed. Example: cefed bench crypto --json
    """
    console = Console(stderr=True)
    result = run(modulus_bits, window_bits, progress=lambda text: console.print(f"{text} ..."))
    if as_json:
        typer.echo(json.dumps(result.as_json(), indent=1))
    else:
        Console(width=None if Console().is_terminal else 120).print(_table(result))


def _table(result: BenchResult) -> Table:
    table = Table(
        title=f"{result.modulus_bits}-bit modulus, {result.randomness_bits}-bit exponents, "
        f"{result.window_bits}-bit windows",
        caption=result.machine,
    )
    table.add_column("operation")
    table.add_column("ms", justify="right")
    table.add_column("against", justify="right")
    table.add_column("target")
    for figure in result.figures:
        table.add_row(figure.name, f"{figure.milliseconds:,.4f}", _ratio(figure), _target(figure))
    return table


def _ratio(figure: Figure) -> str:
    """Speed against ``phe``; time against the bare multiplication."""
    if figure.ratio is None:
        return ""
    if figure.compared_with == "phe":
        return f"{figure.ratio:,.0f} times as fast as phe"
    return f"{figure.ratio:.2f} times the {figure.compared_with}"


def _target(figure: Figure) -> str:
    if figure.met is None:
        return ""
    return f"{'met' if figure.met else 'MISSED'}: {figure.target}"
