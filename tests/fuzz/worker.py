"""One target run over and over, in a process of its own: ``python -m tests.fuzz.worker``.

Started by :mod:`tests.fuzz.long`. What is known at any moment stands in the state file, so that a
process that hangs or dies can be told from outside, with the input that did it.
"""

from __future__ import annotations

import argparse
import atexit
import json
import logging
import mmap
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, NoReturn

from protocols.service import tls13 as tls13  # before gRPC is imported

ROOT = str(Path(__file__).resolve().parents[2])
PACKAGES = ["protocols", "enterprise_node", "trustee", "coordinator"]
MAX_FINDINGS = 20
MAX_INPUT = 1 << 18
HEADER = 16
"""Bytes of the shared file before the input: how many were begun, and this one's length."""

Run = Callable[[bytes], None]


class Shared:
    """A file of fixed size that both processes see: the input that is being read now."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            path.write_bytes(bytes(HEADER + MAX_INPUT))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), HEADER + MAX_INPUT)

    def begin(self, number: int, data: bytes) -> None:
        """Note that input ``number`` begins."""
        kept = data[:MAX_INPUT]
        self._map[HEADER : HEADER + len(kept)] = kept
        self._map[8:HEADER] = len(kept).to_bytes(8, "big")
        self._map[:8] = number.to_bytes(8, "big")

    def current(self) -> tuple[int, bytes]:
        """Which input was begun last."""
        size = int.from_bytes(self._map[8:HEADER], "big")
        return int.from_bytes(self._map[:8], "big"), self._map[HEADER : HEADER + size]


class Loop:
    """Counts inputs, keeps findings, measures memory, and ends when enough was done.

    :param limit: seconds that one input may take.
    """

    def __init__(
        self, name: str, read: Callable[[bytes], bool], inputs: int, seconds: float, limit: float,
        folder: Path,
    ) -> None:  # fmt: skip
        self._name = name
        self._read = read
        self._inputs = inputs
        self._ends = time.monotonic() + seconds
        self._limit = limit
        self._folder = folder
        self._shared = Shared(folder / f"{name}.now")
        self._findings: dict[str, dict[str, Any]] = {}
        self._done = self._accepted = 0
        self._early = 0.0
        self._slowest = 0.0
        self._began = time.monotonic()

    def one(self, data: bytes) -> None:
        """Read one input. :raises SystemExit: that was the last."""
        self._shared.begin(self._done + 1, data)
        began = time.perf_counter()
        try:
            self._accepted += self._read(data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the cryptography library is no Exception
            self._found(_kind(error), "".join(traceback.format_exception(error)), data)
        took = time.perf_counter() - began
        self._slowest = max(self._slowest, took)
        if took > self._limit:
            self._found("slow", f"one input took {took:.1f} s", data)
        self._done += 1
        if self._done == max(1, self._inputs // 10):
            self._early = _peak()
            self._save()
        if self._done >= self._inputs or time.monotonic() > self._ends:
            self._save(ended=True)
            _end()

    def _found(self, kind: str, text: str, data: bytes) -> None:
        if kind in self._findings:
            self._findings[kind]["times"] += 1
            return
        if len(self._findings) < MAX_FINDINGS:
            path = self._folder / f"{self._name}-{len(self._findings) + 1}.input"
            path.write_bytes(data)
            self._findings[kind] = {
                "kind": kind,
                "times": 1,
                "input": str(path),
                "bytes": len(data),
                "text": text[-3000:],
            }
            self._save()

    def _save(self, *, ended: bool = False) -> None:
        state = {
            "target": self._name,
            "inputs": self._done,
            "accepted": self._accepted,
            "seconds": round(time.monotonic() - self._began, 1),
            "slowest_seconds": round(self._slowest, 3),
            "peak_mib_at_tenth": self._early,
            "peak_mib": _peak(),
            "findings": list(self._findings.values()),
            "ended": ended,
        }
        (self._folder / f"{self._name}.json").write_text(json.dumps(state), encoding="utf-8")


def _end() -> NoReturn:
    """End at once, but tidily: libFuzzer would go on, and leave without Python's own end."""
    atexit._run_exitfuncs()
    os._exit(0)


def _kind(error: BaseException) -> str:
    """What makes two findings the same: the exception and the product's line it came out of."""
    place = _place(error.__traceback__)
    return f"{type(error).__name__} at {place}"


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    own = [
        frame
        for frame in frames
        if frame.filename.startswith(ROOT) and "site-packages" not in frame.filename
    ]
    product = [frame for frame in own if "/tests/" not in frame.filename]
    last = (product or own or list(frames))[-1]
    return f"{last.filename.removeprefix(ROOT).lstrip('/')}:{last.lineno}"


def _peak() -> float:
    """The most memory this process has had, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    """Run one target as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--engine", choices=("atheris", "blind"), required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    logging.lastResort = None
    if given.engine == "atheris":
        _led_by_coverage(given)
    else:
        loop, seeds = _prepare(given)
        _blind(loop, seeds, given.seed)


def _prepare(given: argparse.Namespace) -> tuple[Loop, list[bytes]]:
    from tests.fuzz.targets import targets

    target = targets()[given.target]
    seeds = list(target.seeds())
    loop = Loop(given.target, target, given.inputs, given.seconds, given.limit, given.folder)
    for seed in seeds:
        loop.one(seed)
    return loop, seeds


def _blind(loop: Loop, seeds: list[bytes], seed: int) -> None:
    """Changes of valid inputs, at random."""
    from tests.fuzz.mutate import mutate

    random = Random(seed)
    while True:
        loop.one(mutate(random.choice(seeds), random, seeds))


def _led_by_coverage(given: argparse.Namespace) -> None:
    """libFuzzer keeps what reached something new, and changes that again."""
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    with atheris.instrument_imports(include=PACKAGES):
        loop, seeds = _prepare(given)
    from tests.fuzz.mutate import MAX_BYTES, mutate

    corpus = given.folder / f"{given.target}.seeds"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(seeds):
        (corpus / str(number)).write_bytes(data)

    def change(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        chosen = random.random()
        if chosen < 0.25:
            return bytes(atheris.Mutate(data, most))
        # What it keeps drifts away from what is valid, and with it from what lies deep.
        return mutate(random.choice(seeds) if chosen < 0.6 else data, random, seeds)[:most]

    options = [
        "-runs=-1", f"-seed={given.seed}", f"-max_len={MAX_BYTES}", "-rss_limit_mb=0",
        "-timeout=86400", "-verbosity=0", "-print_final_stats=0", "-detect_leaks=0", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], loop.one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
