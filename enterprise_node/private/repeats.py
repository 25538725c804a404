"""Another round over data that was contributed before takes the same integers, or nothing; a round
of another period takes others.

The release ledger lets a cohort be released again when enterprises join, totals only. The
difference of two such totals is what the new ones add up to, and what the others *corrected*; a
correction that is large beside the new ones is as good as published. Trustees see it only where a
size class changes. The node that corrects can tell exactly, so it holds every contribution against
:mod:`enterprise_node.private.contributed` for all rounds of an overlapping period
(:mod:`protocols.periods`). A correction inside an open round is free: one version is counted.

The release ledger goes by the name of a period, and the name is the plan's author's to choose. Two
years that lie apart are not compared, so that a plan of "2022" over the figures of 2020, with one
member fewer, would show that member. Only the node can tell that they are the same figures.
SPEC.md section 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from enterprise_node.errors import PlanRefused
from enterprise_node.private import outlook
from enterprise_node.private.contributed import Sent
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.offered import plan_of
from enterprise_node.private.policy import NodePolicy
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from enterprise_node.private.totals_files import TotalsFiles
from protocols.periods import Relation, relation
from protocols.plan import Plan

MAX_NAMES = 5


def check_repeats(store: NodeStore, policy: NodePolicy, plan: Plan, own: OwnMeasures) -> None:
    """Whether the present figures are those that were contributed for the plan's data before.

    Looks at values, so a step calls it for the one plan of a period only. The answer is the
    owner's alone: nothing is sent when it is no.

    :raises PlanRefused: with a reason for each earlier round, none of which holds a value.
    """
    proposed, sent = Sent.of(plan, own, 1, 0), binding(store, policy)
    reasons = reasons_against(sent, proposed)
    if own.period is None:  # else the owner says whose they are, and the plan says the same
        reasons += stale_reasons(sent, proposed)
    if reasons:
        raise PlanRefused(plan.round_id, reasons)


def reasons_against(earlier: Iterable[Sent], proposed: Sent) -> list[str]:
    """Why what is proposed may not be sent beside what was sent to other rounds. Pure."""
    reasons = []
    for sent in earlier:
        if sent.round_id == proposed.round_id or not _overlap(sent.period, proposed.period):
            continue
        names = sent.differences(proposed)
        if names:
            reasons.append(
                f"the figures of {sent.period} were contributed to round {sent.round_id} before, "
                f"with other values ({_listed(names)}): a correction can be seen in the difference "
                "of the two releases. It takes effect with the next period; to take part in this "
                "round, import the records and the mapping of that contribution"
            )
    return reasons


def stale_reasons(earlier: Iterable[Sent], proposed: Sent) -> list[str]:
    """Why what is proposed seems to be the figures of another period. Pure.

    That every figure stays the same from one period to the next hardly happens; zeros do, and show
    nobody. A measure in another unit is not compared.
    """
    return [
        f"the figures are those of {sent.period}, which were contributed to round {sent.round_id}: "
        f"import the records of {proposed.period}. If nothing changed since, say so with period = "
        f'"{proposed.period}" in the mapping and import again'
        for sent in earlier
        if not _overlap(sent.period, proposed.period) and sent.equals(proposed)
    ]


def binding(store: NodeStore, policy: NodePolicy) -> list[Sent]:
    """What was sent and may have been counted, in every round.

    Of a round this is the last version with a receipt and what was sent after it, less what the
    coordinator refused then. A refusal without any receipt is not believed: it costs nothing to
    send the same figures again. A round that the coordinator cancelled, signed, binds nobody as
    long as this node had not masked its figures for it: what was sent to it is never opened.
    """
    by_round: dict[str, list[Sent]] = {}
    for sent in store.contributed.all():
        by_round.setdefault(sent.round_id, []).append(sent)
    found: list[Sent] = []
    for round_id, versions in by_round.items():
        folder = store.round(round_id)
        if not _is_cancelled(folder, policy):
            found += _may_count(folder, versions)
    return found


def reason_to_ask(store: NodeStore, policy: NodePolicy, plan: Plan) -> str | None:
    """Why the owner has to say what was contributed before; None if the node itself knows.

    A folder that was restored from an old backup, or was used by a version of this software that
    kept no figures, may have lost what it sent. It shows where a round over the same data has been
    released to this member, and nothing says whether it took part.
    """
    known = {sent.round_id for sent in store.contributed.all()}
    for folder in store.rounds():
        if folder.round_id in known or folder.round_id == plan.round_id:
            continue
        if _is_forgotten(store, folder) and _period_overlaps(folder, policy, plan.period):
            return (
                f"round {folder.round_id} over the same data has been released, and this folder "
                "does not say what it contributed to it, if anything: perhaps it was restored from "
                "an old backup. Other figures than in that round would show in the difference of "
                "the two releases. If your figures are the same, or you took no part in it, accept "
                "the plan once with cefed node approve --replace-plan"
            )
    return None


def corrected_since(store: NodeStore, policy: NodePolicy) -> list[str]:
    """For the owner: which released rounds hold other figures than the present import has."""
    if not store.has_import():
        return []
    own = store.own()
    return [
        f"round {sent.round_id} was released with other figures of {sent.period} than your present "
        f"import has ({_listed(names)}): they count from the next period on, and this node takes "
        "part in no further round over the same data with them"
        for sent in binding(store, policy)
        if store.round(sent.round_id).release_path.exists()
        and (names := sent.differences_from(own))
    ]


def _may_count(folder: RoundFolder, versions: Sequence[Sent]) -> list[Sent]:
    receipts, refusal = folder.receipts(), folder.refusal()
    counted = receipts[-1] if receipts else 0
    settled = max(counted, refusal.version if refusal is not None and receipts else 0)
    return [sent for sent in versions if sent.version == counted or sent.version > settled]


def _is_forgotten(store: NodeStore, folder: RoundFolder) -> bool:
    """Whether the round may count this node although nothing says with what."""
    if folder.version() or TotalsFiles(folder).answered() is not None:
        return True
    return folder.release_path.exists() and store.decisions.last(folder.round_id) is None


def _period_overlaps(folder: RoundFolder, policy: NodePolicy, period: str) -> bool:
    plan = plan_of(folder, policy)
    if plan is None:
        return False
    return _overlap(plan.period, period) and not _is_cancelled(folder, policy)


def _is_cancelled(folder: RoundFolder, policy: NodePolicy) -> bool:
    """Whether a round is over and nothing of it can be opened any more.

    Masked figures need nobody but their members to be opened, so a round that this node has masked
    for counts as one that was.
    """
    if folder.release_path.exists() or folder.masked() is not None:
        return False
    return outlook.cancelled(folder, policy) is not None


def _overlap(first: str, second: str) -> bool:
    return relation(first, second) is Relation.OVERLAPPING


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
