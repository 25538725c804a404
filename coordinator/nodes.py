"""JSON objects read field by field; a refusal says where. Called by `coordinator.documents`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

from coordinator.errors import DocumentError

# Long enough for any exact sum, short enough that a hostile document cannot cost a minute.
_DECIMAL = re.compile(r"-?[0-9]{1,200}(\.[0-9]{1,200})?\Z")
_RATIO = re.compile(r"[0-9]{1,20}(/0*[1-9][0-9]{0,19}|\.[0-9]{1,40})?\Z")


@dataclass(frozen=True)
class Quantity:
    """A published figure: its exact decimal text, its value and its unit.

    Where the plan adds noise, a sum has an ``error`` and a ratio an ``interval``, whose upper end
    may be open: what 95 % of all noise stays within.
    """

    text: str
    value: Fraction
    unit: str
    error: Fraction | None = None
    interval: tuple[Fraction, Fraction | None] | None = None


class Node:
    """A JSON object with the path at which it was found, for messages that say where."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise DocumentError(f"{path}: an object is needed, found {type(value).__name__}")
        self._items = cast("Mapping[str, object]", value)
        self.path = path

    def has(self, key: str) -> bool:
        return self._items.get(key) is not None

    def null(self, key: str) -> bool:
        """Whether the field is there, and null."""
        return key in self._items and self._items[key] is None

    def get(self, key: str) -> object:
        if key not in self._items:
            raise DocumentError(f"{self.path}: field {key!r} is missing")
        return self._items[key]

    def text(self, key: str, default: str | None = None) -> str:
        value = self._items.get(key, default) if default is not None else self.get(key)
        if not isinstance(value, str):
            raise DocumentError(f"{self.path}: field {key!r} must be text")
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def count(self, key: str) -> int:
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise DocumentError(f"{self.path}: field {key!r} must be a whole number, zero or more")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._items.get(key, default)
        if not isinstance(value, bool):
            raise DocumentError(f"{self.path}: field {key!r} must be true or false")
        return value

    def node(self, key: str) -> Node:
        return Node(self._items.get(key) or {}, f"{self.path}, {key}")

    def nodes(self) -> list[tuple[str, Node]]:
        return [(key, Node(value, f"{self.path}, {key}")) for key, value in self._items.items()]

    def texts(self) -> dict[str, str]:
        return {key: self.text(key) for key in self._items}

    def sequence(self, key: str) -> list[Node]:
        value = self._items.get(key) or []
        if not isinstance(value, list | tuple):
            raise DocumentError(f"{self.path}: field {key!r} must be a list")
        return [Node(item, f"{self.path}, {key} {i}") for i, item in enumerate(value, start=1)]

    def quantity(self, key: str, unit: str) -> Quantity:
        text = self.text(key)
        found = Quantity(text, self._decimal(text, key), unit)
        return self._with_noise(found) if key == "value" else found

    def _with_noise(self, found: Quantity) -> Quantity:
        if self.has("error"):
            return replace(found, error=self._decimal(self.text("error"), "error"))
        if self.has("interval"):
            ends = self.get("interval")
            if not isinstance(ends, list | tuple) or len(ends) != 2:
                raise DocumentError(f"{self.path}: field 'interval' must hold two ends")
            lower, upper = ends
            most = None if upper is None else self._decimal(upper, "interval")
            return replace(found, interval=(self._decimal(lower, "interval"), most))
        return found

    def _decimal(self, text: object, key: str) -> Fraction:
        if not isinstance(text, str) or not _DECIMAL.match(text):
            shown = str(text)[:40]
            raise DocumentError(f"{self.path}: field {key!r} is not a plain decimal: {shown!r}")
        return Fraction(text)

    def optional_quantity(self, key: str, unit: str) -> Quantity | None:
        return self.quantity(key, unit) if self.has(key) else None

    def ratio(self, key: str) -> Fraction:
        text = self.text(key)
        if not _RATIO.match(text):
            raise DocumentError(f"{self.path}: field {key!r} is not a share: {text[:40]!r}")
        return Fraction(text)

    def higher(self) -> bool:
        direction = self.text("direction")
        if direction not in ("higher", "lower"):
            raise DocumentError(f"{self.path}: direction must be 'higher' or 'lower'")
        return direction == "higher"
