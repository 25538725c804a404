"""The commands of docs/operating.md: its fenced blocks that name a role."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$", re.M | re.S
)

ROLES = frozenset(
    {"root", "carry", "operator", "dealer", "authority", "trustee", "enterprise", "gateway"}
)
FLAGS = frozenset({"serve", "stop"})
OPTIONS = frozenset({"each", "only", "until", "types"})


@dataclass(frozen=True)
class Block:
    """What one role types.

    ``flags``: ``serve`` for a process that goes on, ``stop`` to end the role's process first.
    ``options``: ``each`` repeats the block for every enterprise, ``only`` for one of them;
    ``until`` repeats it until it prints a word; ``types`` is what a person answers.
    """

    line: int
    role: str
    text: str
    flags: frozenset[str] = frozenset()
    options: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"line {self.line}, {self.role}"


def read(document: str) -> Iterator[Block]:
    """Every block whose language is ``sh``, in order. :raises ValueError: an unknown word."""
    for match in FENCE.finditer(document):
        words = match["info"].split()
        if words[:1] != ["sh"]:
            continue
        line = document.count("\n", 0, match.start()) + 1
        role, *rest = words[1:] or [""]
        flags = frozenset(word for word in rest if "=" not in word)
        options = dict(word.split("=", 1) for word in rest if "=" in word)
        if role not in ROLES or not flags <= FLAGS or not set(options) <= OPTIONS:
            raise ValueError(f"line {line}: {match['info']!r} is not understood")
        yield Block(line, role, textwrap.dedent(match["body"]), flags, options)
