"""A private side that dies at every write of its folder, one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

WRITERS = (
    "exchange.replace_file",
    "private.rounds.replace_file",
    "private.rounds.replace_secret",
    "private.ledger.replace_file",
    "private.commitments.replace_file",
)
"""What replaces a file of the folder, below ``enterprise_node``."""


def killed_at_every_write(
    folder: Path, step: Callable[[], object], monkeypatch: pytest.MonkeyPatch, least: int
) -> Iterator[None]:
    """Take a step from the folder as it is, dying at its first write; again, at its second; ...

    Yields after each death, and at last after a step that lives.

    :param least: how many writes such a step has at least; the test is of no use below.
    """
    before = folder.with_name(f"{folder.name}-before")
    shutil.copytree(folder, before)
    for writes in count():
        shutil.rmtree(folder)
        shutil.copytree(before, folder)
        dying = _dying(writes)
        with monkeypatch.context() as patch:
            for writer in WRITERS:
                patch.setattr(f"enterprise_node.{writer}", dying)
            try:
                step()
            except KeyboardInterrupt:
                died = True
            else:
                died = False
        yield
        if not died:
            assert writes >= least
            return


def _dying(writes: int) -> Callable[..., None]:
    left = iter(range(writes))

    def write(path: Path, data: bytes, **how: bool) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        path.write_bytes(data)

    return write
