"""A node's settings: whom it deals with and what it asks of every plan. ``node.toml`` holds them.

Coordinator and trustees are pinned by their keys. Whoever chose the trustees could open everything,
so a node takes part only under a key that exactly its pinned trustees hold (SPEC.md section 4).
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from enterprise_node.errors import NodeStoreError, NodeUsageError
from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature
from protocols.signing import VerifyKey
from protocols.terms import Limits

SCHEMA = "cefed.node/1"
IDENTITY_SCHEMA = "cefed.trustee-identity/1"
MAX_IDENTITY_BYTES = 1 << 16


@dataclass(frozen=True)
class Settings:
    """What ``node.toml`` says.

    ``coordinator`` is None and ``trustees`` is empty until the owner has pinned them; the node
    refuses every plan until then.
    """

    name: str
    coordinator: VerifyKey | None
    trustees: tuple[VerifyKey, ...]
    limits: Limits

    def to_toml(self) -> str:
        """The file's text."""
        key = self.coordinator.raw.hex() if self.coordinator else ""
        trustees = "".join(f'  "{trustee.raw.hex()}",\n' for trustee in self.trustees)
        return (
            f'schema = "{SCHEMA}"\n'
            f"name = {json.dumps(self.name, ensure_ascii=False)}\n"
            "# The coordinator whose plans this node considers; empty until it is pinned.\n"
            f'coordinator_key = "{key}"\n'
            "# The signing keys of the trustees, from the identity.json that each of them gave\n"
            "# you: all of them together and nobody else may hold the key of a round.\n"
            + (f"trustee_keys = [\n{trustees}]\n\n" if trustees else "trustee_keys = []\n\n")
            + "# What this node asks of every plan. A plan may be stricter, never laxer.\n"
            "[limits]\n"
            f"minimum_cohort = {self.limits.minimum_cohort}\n"
            f"dominance_percent = {self.limits.dominance_percent}\n"
            "# How many trustees at least have to join to open anything.\n"
            f"minimum_threshold = {self.limits.minimum_threshold}\n"
        )

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read ``node.toml``. :raises NodeStoreError: not readable, or out of range."""
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
            limits = document["limits"]
            key = document["coordinator_key"]
            return cls(
                name=str(document["name"]),
                coordinator=_key(key) if key else None,
                trustees=tuple(_key(text) for text in document.get("trustee_keys", ())),
                limits=Limits(
                    int(limits["minimum_cohort"]),
                    int(limits["dominance_percent"]),
                    minimum_threshold=int(
                        limits.get("minimum_threshold", Limits.minimum_threshold)
                    ),
                ),
            )
        except (
            OSError,
            UnicodeDecodeError,
            tomllib.TOMLDecodeError,
            KeyError,
            TypeError,
            ValueError,
            InvalidSignature,
        ) as error:
            raise NodeStoreError(f"{path}: not the settings of a node: {error}") from error

    def reasons_against(self, ceremony: Ceremony) -> list[str]:
        """Why this node does not let its figures be encrypted under the ceremony's key."""
        if not self.trustees:
            return [
                "this node knows no trustees, so it trusts nobody's key: get its identity.json "
                "from each trustee itself and write their signing keys into trustee_keys in "
                "node.toml (a new node takes them with: cefed node init DIR --trustee "
                "identity.json, once for each)"
            ]
        pinned = set(self.trustees)
        held = {trustee.signing_key: trustee.name for trustee in ceremony.trustees}
        strangers = [
            f"{name!r} ({key.fingerprint})" for key, name in held.items() if key not in pinned
        ]
        missing = [key.fingerprint for key in self.trustees if key not in held]
        parts = [f"nobody told it of {', '.join(strangers)}"] if strangers else []
        parts += [f"pinned but without a share: {', '.join(missing)}"] if missing else []
        reasons = []
        if parts:
            reasons.append(
                "the key is not held by the trustees that this node pinned (trustee_keys in "
                f"node.toml): {'; '.join(parts)}"
            )
        return reasons + self.limits.reasons_against_ceremony(ceremony)


def read_identity(path: Path) -> VerifyKey:
    """The signing key in the ``identity.json`` of a trustee.

    :raises NodeUsageError: missing, or something else.
    """
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(MAX_IDENTITY_BYTES))
        if document["schema"] != IDENTITY_SCHEMA:
            raise ValueError(document["schema"])
        return _key(document["signing_key"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, InvalidSignature) as error:
        raise NodeUsageError(
            f"{path} is not the identity.json of a trustee, which cefed trustee init writes"
        ) from error


def _key(text: str) -> VerifyKey:
    return VerifyKey(bytes.fromhex(text))
