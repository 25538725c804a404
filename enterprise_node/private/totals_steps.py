"""Steps of a round of totals as they come in: signed by the coordinator, for this round, and kept.

What a step asks is judged by the protocol (:mod:`enterprise_node.private.totalling`); here only who
says it, of which round, and that the plan stays what it was. Called by
:mod:`enterprise_node.private.arrivals`.
"""

from __future__ import annotations

from enterprise_node.errors import EnvelopeDamaged
from enterprise_node.private.contributed import Contributed
from enterprise_node.private.events import REFUSED, Event
from enterprise_node.private.policy import NodePolicy
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.totals_files import (
    MAX_STEP_BYTES,
    TotalsFiles,
    step_hash,
)
from enterprise_node.private.totals_terms import read_totals_offer
from protocols.errors import InvalidSignature
from protocols.federated.offer import TotalsDescription
from protocols.signing import VerifyKey, open_signed
from protocols.wire import federated_pb2 as pb
from protocols.wire.codec import decode

KIND = "totals-step"


def take_step(
    folder: RoundFolder,
    payload: bytes,
    coordinator: VerifyKey,
    policy: NodePolicy,
    contributed: Contributed,
) -> Event | None:
    """Check a step and keep it to be answered; None unless there is something to say.

    :raises ProtocolError: it does not hold, or is not the coordinator's.
    :raises PlanRefused: the plan that it carries does not hold.
    :raises EnvelopeDamaged: a step of a round whose beginning never came.
    """
    step = _read(payload, coordinator)
    files = TotalsFiles(folder)
    kept = files.offer()
    if step.WhichOneof("stage") == "keys":
        told = TotalsDescription(step.keys.plan, step.keys.place)
        if kept is not None and kept != told and contributed.of(folder.round_id, 1) is not None:
            return Event(
                REFUSED,
                "the coordinator now describes this round differently than when this node took "
                "part; what came is put away and nothing of it is believed",
                folder.round_id,
            )
        # Before anything is kept: what the coordinator did not sign takes nobody's place.
        terms = read_totals_offer(told, policy, folder.round_id)
        if kept != told:
            files.keep_offer(told)
    elif kept is None:
        raise EnvelopeDamaged(
            "is a step of a round of totals whose beginning never came: the folder was restored "
            "from an old backup, or the first step was lost"
        )
    else:
        terms = read_totals_offer(kept, policy, folder.round_id)
    if step.plan_hash != terms.plan.hash:
        raise EnvelopeDamaged("is a step of another plan")
    answered = files.answered()
    if answered is None or answered.step != step_hash(payload) or files.step() is None:
        files.keep_step(payload)
    return None  # what follows from it is said when the round is considered


def stage_of(payload: bytes) -> str:
    """Which stage a kept step is of."""
    step = decode(pb.TotalsStep, open_signed(payload, KIND, MAX_STEP_BYTES).payload, MAX_STEP_BYTES)
    return str(step.WhichOneof("stage"))


def _read(payload: bytes, coordinator: VerifyKey) -> pb.TotalsStep:
    statement = open_signed(payload, KIND, MAX_STEP_BYTES)
    if statement.signer != coordinator:
        raise InvalidSignature(
            f"the step is signed by {statement.signer.fingerprint}, not by the coordinator "
            f"{coordinator.fingerprint} that is known here"
        )
    return decode(pb.TotalsStep, statement.payload, MAX_STEP_BYTES)
