"""The one command line: ``cefed``, or ``python -m cefed`` from the source tree.

Every package brings its own commands; they are imported when they are used, so that ``--help`` is
quick and a node installs without the coordinator's dependencies. Each package's exceptions carry
the exit code that README.md documents; here they become one clear line on standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from protocols import verification

EXIT_UNEXPECTED = 1
EXIT_DECLINED = 2
EXIT_NOT_VERIFIED = 6
EXIT_INTERRUPTED = 130

DEBUG_VARIABLE = "CEFED_DEBUG"


@dataclass(frozen=True)
class Part:
    """Where the commands of one name live, and which extra installs what they import."""

    module: str
    extra: str
    help: str
    attribute: str = "app"


PARTS: dict[str, Part] = {
    "demo": Part(
        "sim.cli", "sim", "A whole round of 72 enterprises on this machine, and its report.", "demo"
    ),
    "node": Part("enterprise_node.cli", "node", "An enterprise's own node, its private side."),
    "gateway": Part("enterprise_node.gateway.cli", "", "The part of a node that has a network."),
    "coordinator": Part("coordinator.cli", "coordinator", "The platform that collects a round."),
    "trustee": Part("trustee.cli", "trustee", "One of the organisations that share the key."),
    "ceremony": Part("trustee.ceremony_cli", "trustee", "Deal a period's key to the trustees."),
    "sim": Part("sim.cli", "sim", "Simulate rounds over any record set, all roles on one machine."),
    "bench": Part("sim.bench_cli", "sim", "Measure this machine: cryptography, acceptance."),
}


class _Lazy(click.Group):
    """Stands for a part in ``--help``; becomes the real command when it is called."""

    def __init__(self, name: str, part: Part) -> None:
        super().__init__(name=name, help=part.help)
        self._part = part

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        return self.load().make_context(info_name, args, parent, **extra)

    def load(self) -> click.Command:
        """Import the part. :raises click.ClickException: what it needs is not installed."""
        try:
            module = importlib.import_module(self._part.module)
        except ModuleNotFoundError as error:
            raise _missing(str(self.name), self._part.extra, error) from error
        return typer.main.get_command(getattr(module, self._part.attribute))


_OWN_PACKAGES = frozenset(
    {"accounting", "coordinator", "enterprise_node", "protocols", "sim", "trustee"}
)


class _Root(TyperGroup):
    """The root group: its subcommands are the parts, its errors are single lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*PARTS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        part = PARTS.get(cmd_name)
        return super().get_command(ctx, cmd_name) if part is None else _Lazy(cmd_name, part)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.ClickException, click.exceptions.Exit):
            raise
        except click.exceptions.Abort as error:
            # A prompt makes the same of Ctrl-C, of the end of input, and of an answer that is no.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise _interrupted() from None
            click.echo("nothing was done", err=True)
            raise click.exceptions.Exit(EXIT_DECLINED) from None
        except KeyboardInterrupt:
            raise _interrupted() from None
        except BrokenPipeError:
            # The reader of a pipe went away, as `head` does: nothing is wrong.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                traceback.print_exc()
            click.echo(describe(error), err=True)
            raise click.exceptions.Exit(exit_code_of(error)) from None


def _interrupted() -> click.exceptions.Exit:
    click.echo("interrupted", err=True)
    return click.exceptions.Exit(EXIT_INTERRUPTED)


def exit_code_of(error: Exception) -> int:
    """The documented exit code of an exception: that of its class, or 1 for an unexpected one."""
    code = getattr(error, "exit_code", None)
    return code if isinstance(code, int) else EXIT_UNEXPECTED


def describe(error: Exception) -> str:
    """One line for people: what went wrong, where, and what to do."""
    if isinstance(getattr(error, "exit_code", None), int):
        return "; ".join([f"cefed: {error}", *getattr(error, "__notes__", ())])
    return (
        f"cefed: unexpected {type(error).__name__}: {error} (this is a defect; set "
        f"{DEBUG_VARIABLE}=1 to see where it happened, and report it)"
    )


app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Benchmark energy and carbon performance between enterprises without showing anybody's "
    "figures.\n\nExample: cefed demo --out out/demo",
)


def _print_version(asked: bool) -> None:
    if not asked:
        return
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        typer.echo(f"cefed {installed('cefed')}")
    except PackageNotFoundError:
        typer.echo("cefed, from its source tree")
    raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=_print_version
    ),
) -> None:
    """The options of the command line as a whole."""


@app.command()
def verify(
    bundle: Path = typer.Argument(..., metavar="BUNDLE", help="The bundle's folder."),
    release: Path | None = typer.Option(
        None, metavar="FILE", help="A release.json that must say what the bundle proves."
    ),
    workers: int = typer.Option(0, min=0, help="Rounds at a time; 0 for one a core."),
    as_json: bool = typer.Option(False, "--json", help="Print the conditions as JSON."),
) -> None:
    """Check a public bundle, offline and without a key: every named condition of every round.

    Exit code 6 when a condition fails. Example: cefed verify out/demo/bundle
    """
    try:
        from protocols.audit import verify_bundle
        from protocols.verification import CALLER_DUTIES
    except ModuleNotFoundError as error:
        raise _missing("verify", "trustee", error) from error
    reports = []
    for report in verify_bundle(bundle, workers):
        reports.append(report)
        if not as_json:
            typer.echo("\n".join(_report_lines(report)))
    problems = [f"{r.round_id}: {', '.join(r.failed)}" for r in reports if not r.accepted]
    if not reports:
        problems.append("the bundle holds no round")
    if release is not None:
        problems += _compare(release, [r.document for r in reports])
    if as_json:
        typer.echo(json.dumps(_facts(reports, problems), ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(_closing_lines(problems, CALLER_DUTIES)))
    if problems:
        raise typer.Exit(EXIT_NOT_VERIFIED)


def _report_lines(report: verification.Report) -> list[str]:
    lines = [f"round {report.round_id}"]
    for condition in report.conditions:
        reason = f" - {condition.reason}" if condition.reason else ""
        lines.append(
            f"  {condition.number:>2}. {condition.name}: {condition.outcome}{reason} "
            f"({condition.text})"
        )
    return [*lines, *(f"      {name}: {value}" for name, value in report.facts)]


def _closing_lines(problems: list[str], duties: Sequence[str]) -> list[str]:
    if problems:
        return ["REJECTED", *(f"  {problem}" for problem in problems)]
    return ["ACCEPTED. What remains for you to do:", *(f"  - {duty}" for duty in duties)]


def _facts(reports: Sequence[verification.Report], problems: list[str]) -> dict[str, Any]:
    return {
        "accepted": not problems,
        "problems": problems,
        "rounds": [
            {
                "round_id": report.round_id,
                "accepted": report.accepted,
                "conditions": [
                    {"number": c.number, "name": c.name, "outcome": c.outcome, "reason": c.reason}
                    for c in report.conditions
                ],
                "facts": dict(report.facts),
            }
            for report in reports
        ],
    }


def _compare(release: Path, proved: Sequence[bytes | None]) -> list[str]:
    """What ``release.json`` says beyond or against the documents that the rounds prove."""
    try:
        claimed = json.loads(release.read_bytes())["cohorts"]
        items = [dict(item) for item in claimed]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return [f"{release} is not a release.json: {error}"]
    documents = [json.loads(document) for document in proved if document is not None]
    return [
        f"{release}: cohort {item.get('cohort')!r} is not what the bundle proves"
        for item in items
        if item not in documents and not _claims_nothing(item)
    ]


def _claims_nothing(item: dict[str, Any]) -> bool:
    """A cohort that is withheld without a round publishes no figure that could be proved."""
    figures = ("measures", "indicators", "bands", "rankings", "curve", "best_decile", "n")
    return bool(item.get("withheld")) and not any(item.get(name) for name in figures)


def _missing(name: str, extra: str, error: ModuleNotFoundError) -> Exception:
    if (error.name or "").split(".")[0] in _OWN_PACKAGES:
        return error
    package = f"cefed[{extra}]" if extra else "cefed"
    return click.ClickException(
        f"cefed {name} needs {error.name}, which is not installed; run: pip install '{package}'"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the ``cefed`` script."""
    app(list(arguments) if arguments is not None else None, prog_name="cefed")


if __name__ == "__main__":
    main()
