"""Totals rounds on Flower's simulation engine: the conductor runs in the ServerApp."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coordinator.totals import RELEASE, Account
from sim.costs import NodeCosts
from sim.errors import ProcessFailed
from sim.flower import engine
from sim.flower.members import write_members
from sim.flower_figures import Answers, Figures
from sim.progress import Reporter
from sim.settings import Settings

if TYPE_CHECKING:
    from sim.totals import TotalsRound

STAGE_SECONDS = 1800.0
EXCHANGES = 7
"""Of a clean round: who is who, the five stages, and the release."""


def conduct(
    settings: Settings, round_: TotalsRound, office: Path, reporter: Reporter, costs: NodeCosts
) -> Figures:
    """Run one totals round in a Flower run of its own; its account is in ``round_`` then.

    :param office: the coordinator's folder.
    :raises SimulationError: the run failed, with the end of its log.
    """
    folders = [round_.folder_of(place) for place in range(len(round_.people))]
    write_members(settings.homes, folders)
    round_.folder.mkdir(parents=True)
    plan, roster = round_.folder / "plan.bin", round_.folder / "roster.bin"
    plan.write_bytes(round_.plan_signed)
    roster.write_bytes(round_.roster.to_bytes())
    config: dict[str, str | int | float | bool] = {
        "task": "totals",
        "root": str(settings.homes.resolve()),
        "folder": str(round_.folder.resolve()),
        "office": str(office.resolve()),
        "plan": str(plan.resolve()),
        "roster": str(roster.resolve()),
        "grace-seconds": 0.0,
        "enough": "1/2",
        "visits": 2,
        "stage-seconds": STAGE_SECONDS,
    }
    answers = Answers([folder.name for folder in folders], costs)
    what = f"cohort {round_.cohort}: answers of nodes"

    def hear(line: Mapping[str, Any]) -> None:
        answers.add(line)
        reporter.step(what, answers.count, EXCHANGES * len(folders))

    work = settings.work / "flower" / round_.plan.round_id
    run = engine.run_on_flower("round", len(folders), config, work, reporter, hear=hear)
    told = run.lines("totals")
    if not told:
        raise ProcessFailed(f"the Flower run said nothing of round {round_.plan.round_id}")
    round_.account = _account(told[-1], round_.folder)
    round_.account.exchanges = run.exchanges
    answers.figures.engine_peak_rss = run.peak_memory
    return answers.figures


def _account(fact: Mapping[str, Any], folder: Path) -> Account:
    account = Account(
        reason=fact["reason"] or "",
        silent=fact["silent"],
        refused=fact["refused"],
        seconds=fact["seconds"],
    )
    if fact["published"]:
        account.release = (folder / RELEASE).read_bytes()
    return account
