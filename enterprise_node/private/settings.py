"""``node.toml``: who this node is, and where its exchange folder lies."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from enterprise_node.errors import NodeStoreError, NodeUsageError
from protocols.errors import InvalidSignature, StorageError
from protocols.files import read_limited
from protocols.signing import VerifyKey

SCHEMA = "cefed.node/2"
FILE = "node.toml"
IDENTITY_SCHEMA = "cefed.trustee-identity/1"
MAX_BYTES = 1 << 16
MAX_NAME = 100


@dataclass(frozen=True)
class Settings:
    """What ``node.toml`` says. ``exchange`` is a path, taken from the node's folder on."""

    name: str
    enterprise_id: str
    group: str
    exchange: str = "exchange"

    def __post_init__(self) -> None:
        texts = (("name", self.name), ("enterprise_id", self.enterprise_id), ("group", self.group))
        for what, text in texts:
            if not 0 < len(text) <= MAX_NAME or not text.isprintable():
                raise NodeUsageError(
                    f"a node's {what} has 1 to {MAX_NAME} printable characters on one line"
                )

    def to_toml(self) -> str:
        """The file's text."""
        return "".join(
            [
                f"schema = {_text(SCHEMA)}\n",
                f"name = {_text(self.name)}\n",
                "# As the coordinator's operator registered this enterprise and its group.\n",
                f"enterprise_id = {_text(self.enterprise_id)}\n",
                f"group = {_text(self.group)}\n",
                "# The folder shared with the gateway.\n",
                f"exchange = {_text(self.exchange)}\n",
            ]
        )

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read ``node.toml``. :raises NodeStoreError: not readable, or out of range."""
        try:
            document = tomllib.loads(read_limited(path, MAX_BYTES).decode("utf-8"))
            schema = document.pop("schema")
            if schema != SCHEMA:
                raise ValueError(f"schema {schema!r}, {SCHEMA!r} is needed")
            values = {name: document.pop(name) for name in ("name", "enterprise_id", "group")}
            exchange = document.pop("exchange", "exchange")
            if document:
                raise ValueError(f"unknown: {', '.join(document)}")
            if not all(isinstance(value, str) for value in (*values.values(), exchange)):
                raise ValueError("every setting is a text")
            return cls(exchange=exchange, **values)
        except (
            NodeUsageError,
            StorageError,
            KeyError,
            ValueError,
            RecursionError,
        ) as error:
            raise NodeStoreError(f"{path}: not the settings of a node: {error}") from error


def read_identity(path: Path) -> VerifyKey:
    """The signing key in the ``identity.json`` of a trustee.

    :raises NodeUsageError: missing, or something else.
    """
    try:
        document = json.loads(read_limited(path, MAX_BYTES))
        if document["schema"] != IDENTITY_SCHEMA:
            raise ValueError(document["schema"])
        return VerifyKey(bytes.fromhex(document["signing_key"]))
    except (
        StorageError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        InvalidSignature,
    ) as error:
        raise NodeUsageError(
            f"{path} is not the identity.json of a trustee, which cefed trustee init writes"
        ) from error


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
