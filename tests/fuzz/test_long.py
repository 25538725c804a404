"""The long run finds what is planted, keeps the input, and says so by its exit code."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import long, worker
from tests.fuzz.target import Target


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = long.main([*arguments, "--engine", "blind", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_target_without_defects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, "--target", "pass", "--inputs", "300", "--out", str(tmp_path))

    (result,) = report["targets"]
    assert (code, report["inputs"], result["findings"]) == (0, 300, [])
    assert 0 < result["accepted"] < 300
    assert 0 < result["peak_mib_at_tenth"] <= result["peak_mib"]


class Ended(BaseException):
    """Stands for the end of a worker's process."""


def looped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Any, inputs: list[bytes]
) -> dict[str, Any]:
    """What a worker notes of these inputs."""

    def end() -> None:
        raise Ended

    monkeypatch.setattr("tests.fuzz.worker._end", end)
    worker.Shared(tmp_path / "planted.now", create=True)
    target = Target("planted", lambda: [b""], read, (KeyError,))
    loop = worker.Loop("planted", target, len(inputs), 60.0, 0.05, tmp_path)
    with pytest.raises(Ended):
        list(map(loop.one, inputs))
    state: dict[str, Any] = json.loads((tmp_path / "planted.json").read_text())
    return state


def test_an_undocumented_exception_is_found_once_and_its_input_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(data: bytes) -> None:
        if data.startswith(b"bad"):
            raise ValueError("planted")
        raise KeyError("documented")

    inputs = [b"fine", b"bad 1", b"bad 2", b"fine"]
    state = looped(tmp_path, monkeypatch, read, inputs)

    (found,) = state["findings"]
    assert (found["times"], Path(found["input"]).read_bytes()) == (2, b"bad 1")
    assert found["kind"].startswith("ValueError at tests/fuzz/test_long.py")
    assert (state["inputs"], state["accepted"], state["ended"]) == (4, 0, True)


def test_what_is_no_exception_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Panic(BaseException):
        pass

    def read(data: bytes) -> None:
        raise Panic

    assert len(looped(tmp_path, monkeypatch, read, [b"x"])["findings"]) == 1


def test_a_slow_input_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = looped(tmp_path, monkeypatch, lambda _: time.sleep(0.1), [b"x"])

    assert [found["kind"] for found in state["findings"]] == ["slow"]


def test_inputs_are_shared_out_by_cost() -> None:
    cheap = Target("cheap", list, bytes, cost=1)
    dear = Target("dear", list, bytes, cost=9)

    assert long.share(cheap, [cheap, dear], 10_000) == 7500
    assert long.share(dear, [cheap, dear], 10_000) == 2500
    assert long.share(dear, [dear], 100) == 100


def test_a_kept_input_is_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"{}")

    assert long.main(["--target", "invitation", "--replay", str(path)]) == 0
    assert capsys.readouterr().out == "refused\n"


@pytest.mark.parametrize("arguments", [["--target", "nothing"], ["--replay", "x"]])
def test_commands_that_cannot_be_carried_out(arguments: list[str]) -> None:
    assert long.main([*arguments, "--engine", "blind"]) == 2
