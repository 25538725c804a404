"""The compact table at the end of a run, and what to open next."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from protocols.federated.terms import Mode
from sim.settings import Settings
from sim.summary import MEBIBYTE, Summary
from sim.verifying import Verdict

MOST_ROWS = 40
TARGETS = "the target r of every band under each strategy"


def show(
    console: Console,
    settings: Settings,
    summary: Summary,
    verified: tuple[Verdict, float] | None,
) -> None:
    """Print the cohorts, the run's figures, and where everything lies."""
    console.print(_cohorts(summary))
    for line in _withheld(summary):
        console.print(line, highlight=False, markup=False)
    console.print(_figures(settings, summary, verified))
    for cohort, reason in summary.federated.abandoned.items():
        console.print(f"abandoned: {cohort}: {reason}", highlight=False, markup=False)
    out = settings.out
    console.print("Open next:", style="bold")
    for path, what in (
        (out / "report.html", "the report, in any browser, offline"),
        *([(out / "targets.csv", TARGETS)] if _has_rows(out / "targets.csv") else []),
        (out / "release.json", "everything that was published"),
        (out / "nodes", "what each enterprise alone knows: measures.json, position.json"),
    ):
        console.print(f"  {path}  {what}", highlight=False, soft_wrap=True, markup=False)
    console.print(_check_it(settings), highlight=False, soft_wrap=True, markup=False)
    console.print(
        "All roles ran on this one machine. In reality coordinator, trustees and enterprises are "
        "different organisations; one machine that holds every share could open everything.",
        highlight=False,
        markup=False,
    )


def _check_it(settings: Settings) -> str:
    if settings.mode is Mode.TOTALS:
        return (
            "Totals have no bundle: only members checked them, dominance was not controlled, and "
            "nobody else can verify them."
        )
    return f"Check the bundle yourself: cefed verify {settings.out / 'bundle'}"


def _cohorts(summary: Summary) -> Table:
    table = Table(title="Published")
    parts = "bands or cells" if any(d["table"] for d in summary.documents) else "bands"
    for name in ("cohort", "n", parts, "ranked by", "value", "unit", "curve deviation"):
        table.add_column(
            name, justify="left" if name in ("cohort", "ranked by", "unit") else "right"
        )
    for document in summary.documents[:MOST_ROWS]:
        cohort = str(document["cohort"])
        members = "< k" if document["n"] is None else str(document["n"])
        if document["withheld"] is not None:
            table.add_row(cohort, members, "-", "withheld")
            continue
        ranking = document["ranking"]
        indicator = document["indicators"].get(ranking, {})
        deviation = summary.deviations.get(cohort)
        table.add_row(
            cohort,
            members,
            _parts(document),
            str(ranking or document["tabulated_by"] or "-"),
            f"{float(indicator['value']):,.2f}" if indicator.get("value") else "-",
            str(indicator.get("unit", "")),
            f"{100 * float(deviation):.2f} %" if deviation is not None else "-",
        )
    if len(summary.documents) > MOST_ROWS:
        table.add_row(f"and {len(summary.documents) - MOST_ROWS} more")
    return table


def _parts(document: Mapping[str, Any]) -> str:
    """Bands with sums, or the published ones of a table's cells that hold somebody."""
    cells = [cell for cell in document["table"] if cell["n"] != 0]
    if cells:
        return f"{sum(cell['withheld'] is None for cell in cells)} of {len(cells)} cells"
    # One band says no more than the totals.
    return "totals only" if len(document["bands"]) == 1 else str(len(document["bands"]))


def _withheld(summary: Summary) -> list[str]:
    """Each withheld cohort with its whole reason, which no column is wide enough for."""
    held = [d for d in summary.documents if d["withheld"] is not None]
    lines = [f"withheld: {d['cohort']}: {d['withheld']}" for d in held[:MOST_ROWS]]
    if len(held) > MOST_ROWS:
        lines.append(f"withheld: and {len(held) - MOST_ROWS} more")
    return lines


def _has_rows(path: Path) -> bool:
    """Whether a table has more than its head."""
    with path.open(encoding="utf-8") as lines:
        return len(list(islice(lines, 2))) == 2


def _figures(settings: Settings, summary: Summary, verified: tuple[Verdict, float] | None) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column()
    took_part = summary.enterprises - len(summary.excluded)
    table.add_row("enterprises", f"{took_part} took part, {len(summary.excluded)} excluded")
    table.add_row(
        "cohorts",
        f"{summary.released} published, {len(summary.documents) - summary.released} withheld, "
        f"{summary.bands} bands{f', {summary.cells} cells' if summary.cells else ''}",
    )
    seconds = summary.timings
    if settings.mode is not None:
        table.add_row("backend", f"{settings.backend}, federated")
    if settings.mode is not Mode.TOTALS:
        table.add_row(
            "key",
            f"{settings.modulus_bits} bits, {settings.threshold} of {settings.trustees} trustees",
        )
        drawn = settings.primes is None
        primes = "with fresh primes" if drawn else "with primes from a file: a TEST KEY"
        table.add_row("key ceremony", f"{seconds.get('ceremony', 0.0):.1f} s, {primes}")
    table.add_row(
        "rounds", f"{seconds.get('round', 0.0):.1f} s, from opening to the endorsed release"
    )
    table.add_row(
        "sent by nodes",
        f"{summary.bytes_sent / MEBIBYTE:.1f} MiB; largest node process "
        f"{summary.peak_rss_nodes / MEBIBYTE:.0f} MiB",
    )
    for cohort, names in summary.federated.survivors.items():
        table.add_row(f"in the totals of {cohort}", f"{len(names)} enterprises that stayed")
    if verified is not None:
        verdict, took = verified
        outcome = "accepted" if verdict.accepted else "REJECTED"
        table.add_row("cefed verify", f"{outcome}, {took:.1f} s")
    return table
