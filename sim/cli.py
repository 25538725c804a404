"""``cefed sim`` and ``cefed demo``. ``cefed.py`` adds ``app`` and ``demo``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from protocols.federated.terms import Mode
from sim import noise_costs
from sim.demo import show
from sim.errors import OptionError
from sim.faults import Kind, read_faults
from sim.processes import stoppable
from sim.profiles import as_table, run_profiles, settings_of
from sim.progress import Reporter
from sim.runner import example_folder, inputs, run_simulation
from sim.settings import Backend, Engine, Settings
from sim.summary import Summary, run_document
from sim.verifying import verify_bundle

app = typer.Typer(
    help="Simulate rounds over any record set: every role a process on this machine.",
    no_args_is_help=True,
)
demo = typer.Typer(help="A whole round of 72 enterprises on this machine, and its report.")

Records = Annotated[Path, typer.Option(metavar="CSV", help="One enterprise a row.")]
Mapping = Annotated[Path, typer.Option(metavar="TOML", help="Which column is what.")]
Plan = Annotated[Path, typer.Option(metavar="TOML", help="The plan template.")]
Cohorts = Annotated[
    str, typer.Option(metavar="A,B", help="Only these cohorts, separated by commas.")
]
AtLeast = Annotated[int, typer.Option(min=1, help="Leave out cohorts of fewer enterprises.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Output folder; must be empty or absent.")]
Trustees = Annotated[int, typer.Option(min=2, max=20, help="How many trustees share the key.")]
Threshold = Annotated[int, typer.Option(min=2, help="How many must join to open a sum.")]
Quorum = Annotated[int, typer.Option(min=1, help="How many must certify a round's closing.")]
Bits = Annotated[int, typer.Option(min=2048, help="Length of the Paillier modulus.")]
Isolate = Annotated[bool, typer.Option("--isolate", help="A process for each node.")]
KeepWork = Annotated[
    bool, typer.Option("--keep-work", help="Keep the roles' folders and logs in DIR/work.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the run's facts as JSON.")]
Primes = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="JSON with two safe primes, for tests only."),
]


@app.command()
def run(
    out: Out,
    records: Annotated[
        Path | None, typer.Option(metavar="CSV", help="One enterprise a row; default: US plants.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Which column is what.")
    ] = None,
    plan: Annotated[Path | None, typer.Option(metavar="TOML", help="The plan template.")] = None,
    period: Annotated[str, typer.Option(help="Reporting period; else the template's.")] = "",
    title: Annotated[str, typer.Option(help="Title of the report.")] = "",
    cohorts: Cohorts = "",
    trustees: Trustees = 4,
    threshold: Threshold = 2,
    quorum: Quorum = 3,
    modulus_bits: Bits = 3072,
    workers: Annotated[int, typer.Option(min=0, help="Node processes; 0 for one a core.")] = 0,
    nodes: Annotated[
        int,
        typer.Option(
            min=0,
            help="Draw so many virtual enterprises from the records: of the cohorts named, or of "
            "all into one cohort. 0: the records as they stand.",
        ),
    ] = 0,
    backend: Annotated[
        Backend, typer.Option(help="How sums are opened: under a key, or by masks.")
    ] = Backend.PAILLIER,
    mode: Annotated[
        Mode, typer.Option(help="Of the federated backend: with trustees, or totals only.")
    ] = Mode.CERTIFIED,
    engine: Annotated[
        Engine, typer.Option(help="What runs the nodes: processes, or Flower's simulation.")
    ] = Engine.LOCAL,
    seed: Annotated[int, typer.Option(help="Of what is drawn: enterprises and faults.")] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=NUMBER|SHARE%",
            help=f"What goes wrong, may be repeated: {', '.join(Kind)}.",
        ),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML or JSON with a list 'faults' of such."),
    ] = None,
    isolate: Isolate = False,
    keep_work: KeepWork = False,
    unsafe_primes: Primes = None,
    as_json: AsJson = False,
) -> None:
    """One round for each cohort of a record set, or of virtual enterprises drawn from one.

    Example: cefed sim run --records examples/us_plants/us_plants_2010_2019.csv --mapping
    examples/us_plants/mapping.toml --plan examples/us_plants/plan.toml --cohorts 25,39 --out out/us

    Example: cefed sim run --nodes 1000 --backend federated --mode totals --engine flower --fault
    drop-before-masks=20% --out out/many
    """
    records, mapping, plan = inputs(records, mapping, plan, nodes)
    settings = Settings(
        records=records,
        mapping=mapping,
        plan=plan,
        out=out,
        nodes=nodes,
        seed=seed,
        mode=mode if backend is Backend.FEDERATED else None,
        engine=engine,
        faults=read_faults(fault or (), faults),
        period=period,
        title=title,
        trustees=trustees,
        threshold=threshold,
        quorum=quorum,
        modulus_bits=modulus_bits,
        cohorts=_names(cohorts),
        primes=unsafe_primes,
        isolate=isolate,
        keep_work=keep_work,
        workers=workers,
    )
    summary = _run(settings)
    if as_json:
        typer.echo(json.dumps(run_document(settings, summary), ensure_ascii=False, indent=1))
    else:
        show(Console(), settings, summary, None)


@app.command()
def profiles(
    records: Records,
    mapping: Mapping,
    plan: Plan,
    cohorts: Cohorts = "",
    at_least: AtLeast = 1,
    every_resolution: Annotated[
        bool,
        typer.Option("--every-resolution", help="Each profile with coarse and with fine classes."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """What each disclosure profile would publish of a record set; no round is run.

    For each profile: cohorts published, bands, the share of enterprises and of every measure that
    is covered, and how many cells the size classes refuse although the exact rules would pass them.

    Example: cefed sim profiles --records examples/us_plants/us_plants_2010_2019.csv --mapping
    examples/us_plants/mapping.toml --plan examples/us_plants/plan.toml --at-least 30
    """
    settings = settings_of(records, mapping, plan, _names(cohorts))
    with Reporter() as reporter:
        document = run_profiles(
            settings, reporter, at_least=at_least, every_resolution=every_resolution
        )
    _print(document, as_table, as_json=as_json)


@app.command()
def noise(
    records: Records,
    mapping: Mapping,
    plan: Plan,
    cohorts: Cohorts = "",
    at_least: AtLeast = 1,
    epsilon: Annotated[
        str, typer.Option(metavar="A,B", help="Privacy losses to try, separated by commas.")
    ] = "0.1,1,10",
    colluding: Annotated[
        int, typer.Option(min=0, help="How many members of a band may pool what they know.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Of the noise that is drawn.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """What noise would cost in accuracy on a record set; no round is run.

    For each epsilon, with the plan's bounds and with bounds as close as the data would allow: how
    far the sums of bands and cohorts, and the ratios made of them, come from the true ones.

    Example: cefed sim noise --records examples/us_plants/us_plants_2010_2019.csv --mapping
    examples/us_plants/mapping.toml --plan examples/us_plants/plan.toml --at-least 30
    """
    try:
        epsilons = [Fraction(text.strip()) for text in epsilon.split(",")]
    except (ValueError, ZeroDivisionError):
        raise OptionError(f"--epsilon {epsilon!r}: give numbers, such as 0.1,1,10") from None
    settings = settings_of(records, mapping, plan, _names(cohorts))
    with Reporter() as reporter:
        document = noise_costs.run_noise(
            settings, reporter, epsilons, at_least=at_least, colluding=colluding, seed=seed
        )
    _print(document, noise_costs.as_table, as_json=as_json)


@demo.command()
def demo_command(
    out: Out = Path("out/demo"),
    isolate: Isolate = False,
    keep_work: KeepWork = False,
    modulus_bits: Bits = 3072,
    unsafe_primes: Primes = None,
    as_json: AsJson = False,
) -> None:
    """Region A: 72 enterprises benchmark themselves under encryption, and you read the report.

    Everything runs on this machine over real sockets: a coordinator, four trustees and the nodes.
    In reality these are different organisations. The records are a synthetic set that meets the
    published figures of the case.

    Example: cefed demo --out out/demo
    """
    region = example_folder("region_a")
    if not region.is_dir():
        raise OptionError(
            f"{region} is not there; the demo runs from the source tree (git clone), or use "
            "cefed sim run with your own records"
        )
    settings = Settings(
        records=region / "region_a.csv",
        mapping=region / "mapping.toml",
        plan=region / "plan.toml",
        out=out,
        title="Region A: 72 enterprises",
        title_zh="A 地区：72 家企业",
        modulus_bits=modulus_bits,
        primes=unsafe_primes,
        isolate=isolate,
        keep_work=keep_work,
    )
    summary = _run(settings)
    started = time.monotonic()
    verdict = verify_bundle(settings.out / "bundle")
    seconds = time.monotonic() - started
    if as_json:
        facts = run_document(settings, summary) | {
            "verified": verdict.accepted,
            "verify_seconds": round(seconds, 3),
        }
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        show(Console(), settings, summary, (verdict, seconds))
    verdict.require()


def _names(cohorts: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in cohorts.split(",") if name.strip())


def _print(
    document: dict[str, Any], as_table: Callable[[dict[str, Any]], Table], *, as_json: bool
) -> None:
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        Console(width=None if Console().is_terminal else 140).print(as_table(document))


def _run(settings: Settings) -> Summary:
    """Run with progress; SIGTERM ends it as Ctrl-C does."""
    try:
        with stoppable(), Reporter() as reporter:
            return run_simulation(settings, reporter)
    finally:
        sys.stderr.flush()
