"""``cefed bench``. ``cefed.py`` adds ``app``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from protocols.paillier import DEFAULT_MODULUS_BITS, WINDOW_BITS
from sim import bench_engine, bench_ingest, bench_nodes
from sim.bench_crypto import BenchResult, Figure, run
from sim.bench_ingest import Result
from sim.bench_round import KINDS
from sim.errors import OptionError
from sim.processes import stoppable
from sim.settings import Engine

app = typer.Typer(
    help="Measure the cryptography, a coordinator under load, and rounds of many nodes.",
    no_args_is_help=True,
)


class Kinds(StrEnum):
    """Which plans ``ingest`` measures."""

    DEFAULT = "default"
    SMALL = "small"
    BOTH = "both"


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


@app.command()
def ingest(
    database: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="PostgreSQL to measure on, in a schema of its own that is dropped afterwards; "
            "SQLite by default.",
        ),
    ] = "",
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long to send.")] = 10.0,
    kind: Annotated[
        Kinds, typer.Option(help="A plan ranked over 64 bins, one without ranking, or both.")
    ] = Kinds.BOTH,
    proof_workers: Annotated[
        int, typer.Option(min=1, help="Processes that check proofs at low priority meanwhile.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Contributions a second that a coordinator makes durable and acknowledges, over TLS.

    Starts a coordinator and a load generator as processes on this machine. The contributions have
    real size and real signatures. A few are made in full, and the proof rate is measured on those;
    the others carry their ciphertexts under other members' signatures. Afterwards every receipt is
    looked up in the log. Targets that were missed are shown as missed.

    Example: cefed bench ingest --kind default --seconds 20 --json
    """
    console = Console(stderr=True)
    chosen = KINDS if kind is Kinds.BOTH else (kind.value,)
    results = [
        bench_ingest.run(
            name,
            database=database,
            seconds=seconds,
            proof_workers=proof_workers,
            progress=lambda text: console.print(f"{text} ..."),
        )
        for name in chosen
    ]
    if as_json:
        typer.echo(json.dumps([result.as_json() for result in results], indent=1))
        return
    for result in results:
        typer.echo("\n".join(_ingest_lines(result)))


@app.command()
def nodes(
    sizes: Annotated[
        str, typer.Option(metavar="A,B", help="Numbers of virtual nodes, separated by commas.")
    ] = ",".join(map(str, bench_nodes.SIZES)),
    backends: Annotated[
        str, typer.Option(metavar="A,B", help="Of paillier, certified, totals, totals-dropping.")
    ] = ",".join(bench_nodes.BACKENDS),
    engine: Annotated[
        Engine, typer.Option(help="What runs the nodes: processes, or Flower's simulation.")
    ] = Engine.FLOWER,
    modulus_bits: Annotated[
        int, typer.Option(min=2048, help="Length of the Paillier modulus.")
    ] = DEFAULT_MODULUS_BITS,
    work: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the runs write; figures stay there.")
    ] = Path("out/bench-nodes"),
    empty: Annotated[
        bool, typer.Option("--empty/--no-empty", help="Measure the engine alone as well.")
    ] = True,
    secagg: Annotated[
        bool, typer.Option("--secagg/--no-secagg", help="Run Flower's own SecAgg+ as well.")
    ] = True,
    unsafe_primes: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON with two safe primes, for tests only."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Whole rounds of many virtual enterprises, each backend beside the others.

    Wall time, memory of all processes, bytes and processor time of a node, and how these grow; on
    Flower's engine an empty app with as many exchanges beside each. In totals-dropping a fifth of
    the nodes drop out. The default takes hours; one that was cut short goes on where it stopped if
    it is given the same work folder, in whose measured.jsonl the figures are.

    Example: cefed bench nodes --sizes 72,1000 --backends certified,totals
    """
    console = Console(stderr=True)
    numbers = _numbers(sizes)
    with stoppable():
        measured = bench_nodes.run(
            bench_nodes.cases(numbers, _backends(backends)),
            work,
            on=engine,
            modulus_bits=modulus_bits,
            primes=unsafe_primes,
            empty=empty,
            progress=lambda text: console.print(f"{text} ..."),
        )
        aggregated = []
        if secagg and engine is Engine.FLOWER:
            for number in numbers:
                console.print(f"Flower's SecAgg+, {number} nodes ...")
                aggregated.append(bench_engine.secagg(number, work / f"secagg-{number}"))
    if as_json:
        document = bench_nodes.document(measured, modulus_bits, aggregated)
        typer.echo(json.dumps(document, indent=1))
    else:
        typer.echo(bench_nodes.as_markdown(measured, aggregated))


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise OptionError(f"--sizes {text!r}: give numbers of nodes, such as 72,1000")
    return numbers


def _backends(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",")]
    unknown = [name for name in names if name not in bench_nodes.BACKENDS]
    if unknown:
        known = ", ".join(bench_nodes.BACKENDS)
        raise OptionError(f"--backends {', '.join(unknown)}: there are {known}")
    return names


def _ingest_lines(result: Result) -> list[str]:
    verdict = "met" if result.met else "MISSED"
    return [
        f"{result.kind} on {result.database}: {result.per_second:,.0f} contributions/s, "
        f"{result.megabytes_per_second:,.1f} MB/s ({result.contribution_bytes:,} bytes, "
        f"{result.ciphertexts} ciphertexts each)",
        f"  target {result.target_per_second:,.0f}/s: {verdict}",
        f"  latency: p50 {result.latency_p50 * 1e3:,.0f} ms, "
        f"p99 {result.latency_p99 * 1e3:,.0f} ms",
        f"  {result.in_log:,} receipts in {result.seconds:.1f} s, every one is in the log",
        f"  proofs: {result.proofs_per_second_one_core:,.1f} contributions/s on one core; "
        f"{result.verdicts_meanwhile:,} were checked meanwhile",
        *(f"  {count} refused: {text}" for text, count in result.refusals.items()),
    ]


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
