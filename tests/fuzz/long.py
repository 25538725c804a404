"""The long run: ``python -m tests.fuzz.long --inputs 1000000 [--seconds N] [--target NAME]``.

Every target gets its part of the inputs, the dear ones fewer, each in a process of its own under
atheris (``pip install atheris``, the group ``fuzz``), or with ``--engine blind`` without it. A
finding is an exception that is not documented, an input that takes longer than ``--limit`` seconds,
a process that hangs or dies, or memory that grows after the first tenth of the inputs. The inputs
that did it are kept in ``--out``; ``--replay FILE --target NAME`` reads one again.

Exit code 0 without findings, 1 with some, 2 for a command that cannot be carried out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any

from protocols.service import tls13 as tls13  # before gRPC is imported
from tests.fuzz.target import PLACE, Target, scratch
from tests.fuzz.targets import targets
from tests.fuzz.worker import ROOT, Shared

GROWTH_MIB = 96.0
"""By how much the peak may grow after a tenth of the inputs: libFuzzer's corpus, caches that are
bounded by the product, and fragmentation stay well below."""

STARTING_SECONDS = 120.0
Result = dict[str, Any]


def share(target: Target, chosen: list[Target], inputs: int) -> int:
    """How many of all inputs a target gets: fewer the dearer it is, but not too few of any."""
    whole = sum(1 / sqrt(other.cost) for other in chosen)
    return max(1, round(inputs / sqrt(target.cost) / whole))


def run_one(name: str, inputs: int, given: argparse.Namespace, ends: float, out: Path) -> Result:
    """Run one target's process and watch it."""
    now = out / f"{name}.now"
    shared = Shared(now, create=True)
    seconds = max(1.0, ends - time.monotonic())
    command = [
        sys.executable, "-m", "tests.fuzz.worker", "--target", name, "--inputs", str(inputs),
        "--seconds", str(seconds), "--limit", str(given.limit), "--folder", str(out),
        "--engine", given.engine, "--seed", str(given.seed),
    ]  # fmt: skip
    log = out / f"{name}.log"
    work = scratch()
    try:
        with log.open("wb") as said:
            environ = os.environ | {PLACE: str(work)}
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=said, stderr=said)
            hung = _watch(process, shared, given.limit)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    number, data = shared.current()
    result = _state(out / f"{name}.json", name)
    result["wanted"] = inputs
    if hung or not result["ended"]:
        why = "hang" if hung else f"died with {process.returncode}"
        path = out / f"{name}-last.input"
        path.write_bytes(data)
        text = f"input {number}; see {log}"
        result["inputs"] = max(result["inputs"], number)
        result["findings"].append(
            {"kind": why, "times": 1, "input": str(path), "bytes": len(data), "text": text}
        )
    grown = result["peak_mib"] - result["peak_mib_at_tenth"]
    if result["peak_mib_at_tenth"] and grown > GROWTH_MIB:
        text = f"from {result['peak_mib_at_tenth']} to {result['peak_mib']} MiB"
        result["findings"].append(
            {"kind": "memory grows", "times": 1, "input": "", "bytes": 0, "text": text}
        )
    now.unlink()
    return result


def _watch(process: subprocess.Popen[bytes], shared: Shared, limit: float) -> bool:
    """Wait for a worker; whether it had to be killed because one input took too long."""
    seen, since = 0, time.monotonic()
    while process.poll() is None:
        number, _ = shared.current()
        if number != seen:
            seen, since = number, time.monotonic()
        elif time.monotonic() - since > (4 * limit if seen else STARTING_SECONDS):
            process.kill()
            process.wait()
            return True
        time.sleep(0.2)
    return False


def _state(path: Path, name: str) -> Result:
    if path.exists():
        found: Result = json.loads(path.read_text(encoding="utf-8"))
        return found
    return {
        "target": name, "inputs": 0, "accepted": 0, "seconds": 0.0, "slowest_seconds": 0.0,
        "peak_mib_at_tenth": 0.0, "peak_mib": 0.0, "findings": [], "ended": False,
    }  # fmt: skip


def replay(target: Target, path: Path) -> int:
    """Read one kept input again. What is still a finding ends in its traceback."""
    print("accepted" if target(path.read_bytes()) else "refused")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns its exit code."""
    given = _arguments(arguments)
    known = targets()
    if given.target and given.target not in known:
        print(f"no such target; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    if given.replay:
        if not given.target:
            print("--replay needs --target", file=sys.stderr)
            return 2
        return replay(known[given.target], given.replay)
    if given.engine == "atheris" and importlib.util.find_spec("atheris") is None:
        print("atheris is not installed; install it, or say --engine blind", file=sys.stderr)
        return 2
    chosen = [known[given.target]] if given.target else list(known.values())
    out = given.out or Path(tempfile.mkdtemp(prefix="cefed-fuzz-"))
    out.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + given.seconds
    parts = {target.name: share(target, chosen, given.inputs) for target in chosen}
    order = sorted(parts, key=lambda name: -known[name].cost)
    run = partial(_one_and_tell, given=given, ends=ends, out=out)
    with ThreadPoolExecutor(given.jobs) as pool:
        results = list(pool.map(lambda name: run(name, parts[name]), order))
    return _report(sorted(results, key=lambda r: list(known).index(r["target"])), given, out)


def _one_and_tell(
    name: str, inputs: int, *, given: argparse.Namespace, ends: float, out: Path
) -> Result:
    result = run_one(name, inputs, given, ends, out)
    if not given.json:
        print(_line(result), flush=True)
    return result


def _line(result: Result) -> str:
    return (
        f"{result['target']:26} {result['inputs']:>9} inputs, {result['accepted']:>8} accepted, "
        f"{result['seconds']:>7.1f} s, slowest {result['slowest_seconds']:.3f} s, peak "
        f"{result['peak_mib_at_tenth']:.0f} -> {result['peak_mib']:.0f} MiB, "
        f"{len(result['findings'])} findings"
    )


def _report(results: list[Result], given: argparse.Namespace, out: Path) -> int:
    total = sum(result["inputs"] for result in results)
    findings = sum(len(result["findings"]) for result in results)
    if given.json:
        document = {
            "engine": given.engine,
            "inputs": total,
            "findings": findings,
            "folder": str(out),
            "targets": results,
        }
        print(json.dumps(document, indent=1))
    else:
        for result in results:
            for found in result["findings"]:
                print(f"\n{result['target']}: {found['kind']} ({found['times']} times)")
                print(f"{found['text']}\n  input: {found['input']}")
        print(f"\n{total} inputs, {findings} findings; {out}")
    return 1 if findings else 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.long", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all, over the targets")
    parser.add_argument("--seconds", type=float, default=86_400.0, help="stop after this long")
    parser.add_argument("--target", help="this one only")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds that one input may take")
    parser.add_argument("--engine", choices=("atheris", "blind"), default="atheris")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where findings are kept")
    parser.add_argument("--replay", type=Path, help="read this input again")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
