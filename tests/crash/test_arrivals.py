"""A private side that is killed while it takes in what the gateway brought, between any two writes.

The next start handles the same envelopes again and comes to the same end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

from tests.enterprise_node.scene import ROUND, Scene, make_scene

WRITES = (
    "enterprise_node.private.rounds.replace_file",
    "enterprise_node.private.rounds.RoundFolder.drop",
    "enterprise_node.private.noticeboard.append_line",
    "enterprise_node.exchange._remove",
)
MOST_WRITES = 30


def every_death(
    scene: Scene, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, bool]]:
    """Let a step die before its first write, its second, and so on, each from the same folder.

    Yields the number of writes that were made, and whether the step died, after the next step.
    """
    shutil.copytree(scene.store.folder, copy)
    for made in range(MOST_WRITES):
        shutil.rmtree(scene.store.folder)
        shutil.copytree(copy, scene.store.folder)
        with monkeypatch.context() as patch:
            left = iter(range(made))
            for target in WRITES:
                patch.setattr(target, _dying(target, left))
            try:
                scene.step()
                died = False
            except KeyboardInterrupt:
                died = True
        scene.step()
        yield made, died
        if not died:
            return
    raise AssertionError("the step never came to its end")


def _dying(target: str, left: Iterator[int]) -> Callable[..., object]:
    original: Callable[..., object] = resolve_name(target)

    def dying(*arguments: object, **options: object) -> object:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    return dying


def test_a_receipt_ends_the_waiting_wherever_the_process_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(tmp_path)
    scene.step()
    scene.relay().step()  # brings the round
    scene.step()
    scene.relay().step()  # brings the answer
    deaths = 0
    for made, died in every_death(scene, tmp_path / "copy", monkeypatch):
        folder = scene.store.round(ROUND)
        assert folder.receipts() == [1], made
        assert folder.contribution(1) is None, made
        assert scene.exchange.outbox.get("contribution", ROUND) is None, made
        deaths += died
    assert deaths >= 3


def test_a_refusal_is_remembered_wherever_the_process_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(tmp_path)
    scene.desk.refusing = "the round is closed"
    scene.step()
    scene.relay().step()  # brings the round
    scene.step()
    scene.relay().step()  # brings the answer
    deaths = 0
    for made, died in every_death(scene, tmp_path / "copy", monkeypatch):
        refusal = scene.store.round(ROUND).refusal()
        assert refusal is not None, made
        assert refusal.version == 1, made
        assert scene.exchange.outbox.get("contribution", ROUND) is None, made
        deaths += died
    assert deaths >= 3
