"""The release of a totals round: sums, whose they are, and the document that follows from them.

The coordinator signs it and nobody endorses it. A member that reads it knows that the document
follows from the sums and that it stands for the list which the member revealed shares for; that the
sums are right it takes from the coordinator (SPEC.md section 11.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols import document
from protocols.errors import InvalidSignature, OpeningInconsistent, PlanError
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.survivors import Survivors
from protocols.plan import Plan
from protocols.release import canonical_json
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.wire import federated_pb2 as fb
from protocols.wire.codec import decode, encode

KIND = "totals-release"


@dataclass(frozen=True)
class TotalsRelease:
    """A release that holds as far as its reader can tell; ``received`` as it came."""

    survivors: Survivors
    sums: Mapping[str, int]
    document_bytes: bytes
    received: bytes


def make_release(
    setting: Setting, survivors: Survivors, sums: Mapping[str, int], coordinator: SigningKey
) -> bytes:
    """The signed release of the opened sums, by measure."""
    message = fb.TotalsRelease(
        plan_hash=setting.plan.hash,
        survivors=survivors.bits,
        sums=[sums[measure.name] for measure in setting.vector.measures],
        document=_document(setting.plan, survivors.members, sums),
    )
    return coordinator.sign(KIND, encode(message))


def read_release(
    data: bytes, plan: Plan, coordinator: VerifyKey, survivors_hash: bytes | None = None
) -> TotalsRelease:
    """Check a release.

    :param survivors_hash: the list that the reader revealed shares for, if it did
        (:attr:`protocols.federated.totals.member.Member.revealed_for`).
    :raises OpeningInconsistent: too few members, sums that they cannot have, a document that does
        not follow from them, or another list than the reader's.
    :raises ProtocolError: malformed, of another plan, or not signed by the coordinator.
    """
    setting = Setting(plan)
    statement = open_signed(data, KIND)
    if statement.signer != coordinator:
        raise InvalidSignature(
            f"a release signed by {statement.signer.fingerprint}, who is not the coordinator"
        )
    message = decode(fb.TotalsRelease, statement.payload)
    if message.plan_hash != plan.hash:
        raise PlanError("the release belongs to another plan")
    survivors = Survivors.read(setting, message.survivors)
    if survivors_hash is not None and survivors.hash != survivors_hash:
        raise OpeningInconsistent("the release is for another list of survivors than was opened")
    if survivors.members < setting.minimum:
        raise OpeningInconsistent(
            f"a release of {survivors.members} members; the plan's policy asks for "
            f"{setting.minimum}"
        )
    sums = setting.vector.checked(list(message.sums), survivors.members)
    if _document(plan, survivors.members, sums) != message.document:
        raise OpeningInconsistent("the published figures do not follow from the sums")
    return TotalsRelease(survivors, sums, message.document, data)


def _document(plan: Plan, members: int, sums: Mapping[str, int]) -> bytes:
    return canonical_json(document.build_totals(plan, members, sums))
