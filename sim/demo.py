"""The compact table at the end of a run, and what to open next."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from sim.settings import Settings
from sim.summary import MEBIBYTE, Summary
from sim.verifying import Verdict

MOST_ROWS = 40
_NUMBERS = frozenset({"n", "bands", "value", "curve deviation"})


def show(
    console: Console,
    settings: Settings,
    summary: Summary,
    verified: tuple[Verdict, float] | None,
) -> None:
    """Print the cohorts, the run's figures, and where everything lies."""
    console.print(_cohorts(summary))
    console.print(_figures(settings, summary, verified))
    out = settings.out
    console.print("Open next:", style="bold")
    for path, what in (
        (out / "report.html", "the report, in any browser, offline"),
        (out / "targets.csv", "the target r of every band under each strategy"),
        (out / "release.json", "everything that was published"),
        (out / "nodes", "what each enterprise alone knows: measures.json, position.json"),
    ):
        console.print(f"  {path}  {what}", highlight=False, soft_wrap=True, markup=False)
    console.print(
        f"Check the bundle yourself: cefed verify {out / 'bundle'}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    console.print(
        "All roles ran on this one machine. In reality coordinator, trustees and enterprises are "
        "different organisations; one machine that holds every share could open everything.",
        highlight=False,
        markup=False,
    )


def _cohorts(summary: Summary) -> Table:
    table = Table(title="Published")
    for name in ("cohort", "n", "bands", "ranked by", "value", "unit", "curve deviation"):
        table.add_column(
            name, justify="left" if name in ("cohort", "ranked by", "unit") else "right"
        )
    for document in summary.documents[:MOST_ROWS]:
        cohort = str(document["cohort"])
        members = "< k" if document["n"] is None else str(document["n"])
        if document["withheld"] is not None:
            table.add_row(cohort, members, "-", f"withheld: {document['withheld']}")
            continue
        ranking = document["ranking"]
        indicator = document["indicators"].get(ranking, {})
        deviation = summary.deviations.get(cohort)
        table.add_row(
            cohort,
            members,
            str(len(document["bands"])),
            str(ranking),
            f"{float(indicator['value']):,.2f}" if indicator.get("value") else "-",
            str(indicator.get("unit", "")),
            f"{100 * float(deviation):.2f} %" if deviation is not None else "-",
        )
    if len(summary.documents) > MOST_ROWS:
        table.add_row(f"and {len(summary.documents) - MOST_ROWS} more")
    return table


def _figures(settings: Settings, summary: Summary, verified: tuple[Verdict, float] | None) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column()
    took_part = summary.enterprises - len(summary.excluded)
    table.add_row("enterprises", f"{took_part} took part, {len(summary.excluded)} excluded")
    table.add_row(
        "cohorts",
        f"{summary.released} published, {len(summary.documents) - summary.released} withheld, "
        f"{summary.bands} bands",
    )
    table.add_row(
        "key", f"{settings.modulus_bits} bits, {settings.threshold} of {settings.trustees} trustees"
    )
    seconds = summary.timings
    primes = (
        "with fresh primes" if settings.primes is None else "with primes from a file: a TEST KEY"
    )
    table.add_row("key ceremony", f"{seconds.get('ceremony', 0.0):.1f} s, {primes}")
    table.add_row(
        "rounds", f"{seconds.get('round', 0.0):.1f} s, from opening to the endorsed release"
    )
    table.add_row(
        "sent by nodes",
        f"{summary.bytes_sent / MEBIBYTE:.1f} MiB; largest node process "
        f"{summary.peak_rss_nodes / MEBIBYTE:.0f} MiB",
    )
    if verified is not None:
        verdict, took = verified
        outcome = "accepted" if verdict.accepted else "REJECTED"
        table.add_row("cefed verify", f"{outcome}, {took:.1f} s")
    return table
