"""Write, check and cut ``requirements.lock``: one hashed lock over every dependency group.

``write``   resolve all extras and dependency groups of ``pyproject.toml`` together (needs uv)
            and note under each package which groups need it;
``subset``  print the part of the lock that some groups need, for ``pip --require-hashes -r``;
``check``   fail when the lock was written for other requirements than ``pyproject.toml`` has.

Constraints cannot do the work of ``subset``: the pip that Python 3.11 brings does not accept
hashes from a constraints file. ``subset`` and ``check`` need the standard library only. An extra
brings the base dependencies with it; a dependency group (``build``, ``lock``) stands alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
LOCK = ROOT / "requirements.lock"
BASE = "base"

PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^\s;]+)", re.ASCII)
GROUPS_NOTE = "    # groups: "
REQUIREMENTS_NOTE = "# requirements: "
# Addresses, local paths and index options tie a lock to the machine that wrote it.
FOREIGN = re.compile(r"://| @ |/|^-|^\s*--(?!hash=sha256:)")


class LockError(Exception):
    """The lock cannot be written or used; the message says what to do."""


def declared_groups() -> dict[str, list[str]]:
    """Map each selectable name (``base``, extras, dependency groups) to its requirements."""
    data = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    groups: dict[str, list[str]] = {BASE: data["project"]["dependencies"]}
    for table in (data["project"]["optional-dependencies"], data["dependency-groups"]):
        for name, requirements in table.items():
            if name in groups:
                raise LockError(f"pyproject.toml declares the group {name!r} twice")
            groups[name] = requirements
    return groups


def dependency_group_names() -> set[str]:
    """Return the names that do not bring the base dependencies."""
    data = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    return set(data["dependency-groups"])


def requirements_digest(groups: dict[str, list[str]]) -> str:
    """Return the digest that ties a lock to the requirements it was written for."""
    canonical = json.dumps(groups, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield ``(package name, lines)`` for every pinned package of a lock."""
    name, lines = "", list[str]()
    for line in text.splitlines():
        if pin := PIN.match(line):
            if name:
                yield name, lines
            name, lines = pin["name"], [line]
        elif name and line.startswith("    "):
            lines.append(line)
        elif line and not line.startswith("#"):
            raise LockError(f"requirements.lock: unexpected line {line!r}; run `make lock`")
    if name:
        yield name, lines


def groups_of(lines: Iterable[str]) -> set[str]:
    """Return the groups noted under one package."""
    for line in lines:
        if line.startswith(GROUPS_NOTE):
            return set(line.removeprefix(GROUPS_NOTE).split(", "))
    return set()


def resolve(uv: str, sources: list[str], *options: str, requirements: str | None = None) -> str:
    """Resolve for every supported Python and platform; return uv's output without comments."""
    command = [uv, "pip", "compile", *sources, *options, "--universal", "--fork-strategy=fewest"]
    command += ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url"]
    done = subprocess.run(
        command, cwd=ROOT, input=requirements, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LockError(f"uv cannot resolve {' '.join(sources)}:\n{done.stderr.strip()}")
    return done.stdout


def write(uv: str, *, upgrade: bool) -> None:
    """Resolve everything together, then each group within that result, and write the lock."""
    groups = declared_groups()
    alone = dependency_group_names()
    everything = [PROJECT.name, "--all-extras", *(f"--group={name}" for name in sorted(alone))]
    needed_by: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.lock"
        if LOCK.exists() and not upgrade:
            shutil.copyfile(LOCK, whole)  # uv keeps the versions it finds in its output file
        resolve(uv, everything, "--generate-hashes", f"--output-file={whole}")
        within = f"--constraints={whole}"
        for group, requirements in groups.items():
            if group in alone:
                resolved = resolve(uv, ["-"], within, requirements="\n".join(requirements))
            else:
                extra = [] if group == BASE else [f"--extra={group}"]
                resolved = resolve(uv, [PROJECT.name, *extra], within)
            for name, _ in blocks(resolved):
                needed_by.setdefault(name, set()).add(group)
        text = whole.read_text(encoding="utf-8")
    lines = [
        "# Written by `make lock`; do not edit. Install a part of it with tools/lock.py subset.",
        REQUIREMENTS_NOTE + requirements_digest(groups),
    ]
    for name, block in blocks(text):
        noted = [group for group in groups if group in needed_by.get(name, ())]
        lines += [*block, GROUPS_NOTE + ", ".join(noted)]
    for line in lines:
        if FOREIGN.search(line.partition(" \\")[0]) and not line.startswith("#"):
            raise LockError(f"this line names a host, a path or an option: {line!r}")
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check() -> None:
    """Raise LockError when the lock does not belong to the requirements of pyproject.toml."""
    wanted = REQUIREMENTS_NOTE + requirements_digest(declared_groups())
    if wanted not in LOCK.read_text(encoding="utf-8").splitlines()[:2]:
        raise LockError("requirements.lock is older than pyproject.toml; run `make lock`")


def subset(names: Iterable[str]) -> list[str]:
    """Return the lock's lines for the named groups, hashes included."""
    wanted = set(names)
    locked = [block for _, block in blocks(LOCK.read_text(encoding="utf-8"))]
    if unknown := wanted - set().union(*map(groups_of, locked)):
        raise LockError(f"requirements.lock has no group {', '.join(sorted(unknown))}")
    return [line for block in locked if wanted & groups_of(block) for line in block]


def main() -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="resolve and write the lock")
    writing.add_argument("--uv", default="uv", help="the uv program")
    writing.add_argument("--upgrade", action="store_true", help="move to newer versions")
    cutting = commands.add_parser("subset", help="print the part that some groups need")
    cutting.add_argument("groups", nargs="+", metavar="GROUP", help="an extra, a group, or base")
    commands.add_parser("check", help="fail when pyproject.toml has changed since")
    arguments = parser.parse_args()
    try:
        if arguments.command == "write":
            write(arguments.uv, upgrade=arguments.upgrade)
        elif arguments.command == "subset":
            print("\n".join(subset(arguments.groups)))
        else:
            check()
    except (LockError, OSError) as error:
        print(f"lock: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
