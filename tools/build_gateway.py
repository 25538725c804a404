"""Build the wheel ``cefed-gateway``: what an enterprise's gateway needs, and nothing else.

The modules are those that ``enterprise_node.gateway.cli`` imports from this tree, found by reading
the sources, so that no accounting, no private side and no cryptography of ciphertexts can slip in.
Run as ``python tools/build_gateway.py [--out dist]``.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENTRY = "enterprise_node.gateway.cli"
FORBIDDEN = ("accounting", "coordinator", "enterprise_node.private", "sim", "trustee")


class BuildError(Exception):
    """The wheel cannot be built; the message says why."""


def closure(*roots: str) -> dict[str, Path]:
    """Every module of this tree that importing ``roots`` may import, with its file."""
    found: dict[str, Path] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        path = source_of(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += [".".join(name.split(".")[:n]) for n in range(1, name.count(".") + 1)]
        waiting += imported(path)
    return found


def source_of(module: str) -> Path | None:
    """The file of a module of this tree; None for anybody else's."""
    base = ROOT.joinpath(*module.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def imported(path: Path) -> Iterator[str]:
    """What a file imports, wherever it does; a name from a package may be a module of it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def build(out: Path) -> Path:
    """Build the wheel into ``out``. :raises BuildError: something does not belong in it."""
    modules = closure(ENTRY)
    wrong = [name for name in modules if name.startswith(FORBIDDEN)]
    if wrong:
        raise BuildError(f"the gateway imports {', '.join(sorted(wrong))}")
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        for path in modules.values():
            target = stage / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        for name in ("LICENSE", "NOTICE"):
            shutil.copy(ROOT / name, stage / name)
        packages = sorted({m for m, path in modules.items() if path.name == "__init__.py"})
        for package in (p for p in packages if "." not in p):
            (stage / package / "py.typed").touch()
        (stage / "pyproject.toml").write_text(_project(packages), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel"]
        command += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(stage)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"pip could not build the wheel:\n{done.stderr}")
    wheels = sorted(out.glob("cefed_gateway-*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        raise BuildError(f"no wheel appeared in {out}")
    return wheels[-1]


def _project(packages: list[str]) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = [
        "[build-system]",
        'requires = ["setuptools>=80"]',
        'build-backend = "setuptools.build_meta"',
        "[project]",
        'name = "cefed-gateway"',
        f"version = {json.dumps(project['version'])}",
        'description = "The gateway of a cefed node: relays sealed envelopes, holds no key."',
        f"requires-python = {json.dumps(project['requires-python'])}",
        f"license = {json.dumps(project['license'])}",
        f"dependencies = {json.dumps(project['dependencies'])}",
        "[project.scripts]",
        f'cefed-gateway = "{ENTRY}:main"',
        "[tool.setuptools]",
        f"packages = {json.dumps(packages)}",
        "[tool.setuptools.package-data]",
        '"*" = ["py.typed"]',
    ]
    return "\n".join(text) + "\n"


def main() -> int:
    """Build and say where the wheel is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    try:
        print(build(options.out))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
