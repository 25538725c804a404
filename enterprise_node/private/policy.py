"""``policy.toml``: which plans this node answers. What it does not name is refused.

A node without the file answers nothing. Whoever chose the trustees could open everything, so they
are named one by one, and a key that anybody else holds a share of is refused (SPEC.md section 4).
"""

from __future__ import annotations

import hashlib
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from enterprise_node.errors import NodeStoreError
from enterprise_node.private import policy_text
from enterprise_node.private.backends import NO_DOMINANCE, NOT_VERIFIABLE, Backend, backend_of
from protocols.ceremony import Ceremony
from protocols.encoding import RESOLUTIONS
from protocols.errors import InvalidSignature, PlanError, StorageError
from protocols.files import read_limited
from protocols.plan import Plan
from protocols.signing import VerifyKey
from protocols.terms import Limits

SCHEMA = "cefed.node-policy/1"
FILE = "policy.toml"
ANY = "*"
MAX_BYTES = 1 << 20
YEAR_SECONDS = 365 * 24 * 3600


class Approver(StrEnum):
    """Who decides on a plan that keeps all the rules below."""

    PERSON = "person"
    AUTOMATIC = "automatic"


def _key(value: object) -> VerifyKey:
    if isinstance(value, VerifyKey):
        return value
    if not isinstance(value, str):
        raise ValueError("a public key is a text of 64 hexadecimal digits")
    try:
        return VerifyKey(bytes.fromhex(value))
    except (ValueError, InvalidSignature) as error:
        raise ValueError("a public key is a text of 64 hexadecimal digits") from error


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _backends(value: object) -> object:
    """Text to backends; what is none is left as it is, and refused by its type."""
    if not isinstance(value, list | tuple):
        return value
    return tuple(Backend(name) if name in list(Backend) else name for name in value)


def _approver(value: object) -> object:
    return Approver(value) if isinstance(value, str) and value in list(Approver) else value


Key = Annotated[VerifyKey, BeforeValidator(_key)]
Names = Annotated[tuple[str, ...], BeforeValidator(_tuple)]
Count = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )


class TrusteeRules(_Model):
    """The trustees of a round: exactly these, and so many of them for each step."""

    keys: Annotated[tuple[Key, ...], BeforeValidator(_tuple)] = ()
    minimum_threshold: Annotated[int, Field(ge=1)] = 2
    minimum_quorum: Count = 2


class NodePolicy(_Model):
    """The rules of one node. ``"*"`` in a list stands for every name, and nothing else does."""

    schema_: Literal["cefed.node-policy/1"] = Field(alias="schema", default="cefed.node-policy/1")
    coordinator_key: Key | None = None
    approval: Annotated[Approver, BeforeValidator(_approver)] = Approver.PERSON
    backends: Annotated[tuple[Backend, ...], BeforeValidator(_backends)] = (
        Backend.PAILLIER,
        Backend.CERTIFIED,
    )
    cohorts: Names = ()
    indicators: Names = ()
    measures: Names = ()
    minimum_cohort: Annotated[int, Field(ge=3)] = 5
    dominance_percent: Annotated[int, Field(ge=1, le=100)] = 10
    profile: str = ""
    largest_share_percent: int = 0
    top_count: int = 0
    top_share_percent: int = 0
    most_classes_per_octave: Count = RESOLUTIONS[-1]
    most_epsilon: str = ""
    rounds_a_year: Annotated[int, Field(ge=0)] = 4
    trustees: TrusteeRules = TrusteeRules()

    @model_validator(mode="after")
    def _check_limits(self) -> NodePolicy:
        try:
            _ = self.limits
        except PlanError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def limits(self) -> Limits:
        """The part that every party checks with the same function."""
        return Limits(
            self.minimum_cohort,
            self.dominance_percent,
            minimum_threshold=self.trustees.minimum_threshold,
            most_epsilon=self.most_epsilon,
            profile=self.profile,
            largest_share_percent=self.largest_share_percent,
            top_count=self.top_count,
            top_share_percent=self.top_share_percent,
            most_classes_per_octave=self.most_classes_per_octave,
        )

    @classmethod
    def load(cls, path: Path) -> NodePolicy:
        """Read ``policy.toml``. A missing file is a policy that answers nothing.

        :raises NodeStoreError: not readable, or a rule that is not one, with its name.
        """
        if not path.exists():
            return cls()
        try:
            document = tomllib.loads(read_limited(path, MAX_BYTES).decode("utf-8"))
            return cls.model_validate(document)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5]
            )
            raise NodeStoreError(f"{path}: {problems}") from error
        except (StorageError, ValueError, RecursionError) as error:
            raise NodeStoreError(f"{path}: not a policy: {error}") from error

    def to_toml(self) -> str:
        """The file's text, with what every rule means."""
        return policy_text.to_toml(self)

    @property
    def digest(self) -> str:
        """Changes whenever a rule does: a refused plan is considered again then."""
        return hashlib.sha256(self.to_toml().encode("utf-8")).hexdigest()

    def reasons_against(self, plan: Plan, ceremony: Ceremony | None) -> list[str]:
        """Every rule that a plan and its key break, in words; empty if they keep all.

        :param ceremony: the key's; None for a plan of totals, which has no trustees.
        """
        reasons = self._reasons_against_backend(plan)
        if not _allowed(plan.cohort, self.cohorts):
            reasons.append(_not_listed("cohort", plan.cohort, "cohorts"))
        for indicator in plan.indicators:
            if not _allowed(indicator.name, self.indicators):
                reasons.append(_not_listed("indicator", indicator.name, "indicators"))
        for measure in plan.measures:
            if not _allowed(measure.name, self.measures):
                reasons.append(_not_listed("measure", measure.name, "measures"))
        reasons += [f"{reason} (in {FILE})" for reason in self.limits.reasons_against(plan)]
        return reasons + (self._reasons_against_key(ceremony) if ceremony is not None else [])

    def _reasons_against_backend(self, plan: Plan) -> list[str]:
        backend = backend_of(plan)
        if backend in self.backends:
            return []
        reason = _not_listed("backend", backend.value, "backends")
        if backend is not Backend.TOTALS:
            return [reason]
        return [
            f"{reason}: {NO_DOMINANCE}; {NOT_VERIFIABLE}. Whoever accepts that adds "
            f'"{backend.value}" to backends'
        ]

    def reason_against_another(self, earlier: int) -> str | None:
        """Why no further round may be answered after ``earlier`` ones within the last 365 days."""
        if earlier < self.rounds_a_year:
            return None
        return (
            f"this node took part in {earlier} rounds within a year, {FILE} allows "
            f"{self.rounds_a_year} (rounds_a_year)"
        )

    def _reasons_against_key(self, ceremony: Ceremony) -> list[str]:
        if not self.trustees.keys:
            return [
                f"{FILE} names no trustees, so nobody's key is trusted: write the signing keys "
                "that each trustee gave you itself into [trustees] keys"
            ]
        pinned = set(self.trustees.keys)
        held = {trustee.signing_key: trustee.name for trustee in ceremony.trustees}
        strangers = [
            f"{name!r} ({key.fingerprint})" for key, name in held.items() if key not in pinned
        ]
        missing = [key.fingerprint for key in self.trustees.keys if key not in held]
        parts = [f"nobody told this node of {', '.join(strangers)}"] if strangers else []
        parts += [f"named but without a share: {', '.join(missing)}"] if missing else []
        reasons = []
        if parts:
            reasons.append(
                f"the key is not held by exactly the trustees of {FILE}: {'; '.join(parts)}"
            )
        if ceremony.closing_quorum < self.trustees.minimum_quorum:
            reasons.append(
                f"{ceremony.closing_quorum} trustees are enough to certify a round, {FILE} asks "
                f"for {self.trustees.minimum_quorum} (minimum_quorum)"
            )
        return reasons + self.limits.reasons_against_ceremony(ceremony)


def _allowed(name: str, names: tuple[str, ...]) -> bool:
    return name in names or ANY in names


def _not_listed(what: str, name: str, rule: str) -> str:
    return f"{what} {name!r} is not among the {rule} of {FILE}"


def problems(policy: NodePolicy, document_exists: bool) -> list[str]:
    """What keeps a policy from ever answering a plan: shown by ``cefed node check``."""
    if not document_exists:
        return [f"there is no {FILE}, so every plan is refused"]
    empty: list[tuple[str, Any]] = [
        ("coordinator_key", policy.coordinator_key),
        ("cohorts", policy.cohorts),
        ("indicators", policy.indicators),
        ("measures", policy.measures),
        ("rounds_a_year", policy.rounds_a_year),
        ("backends", policy.backends),
    ]
    if policy.backends != (Backend.TOTALS,):
        empty.append(("[trustees] keys", policy.trustees.keys))
    found = [f"{name} is empty in {FILE}, so every plan is refused" for name, v in empty if not v]
    if len(set(policy.trustees.keys)) != len(policy.trustees.keys):
        found.append(f"two of the trustees' keys in {FILE} are the same")
    return found
