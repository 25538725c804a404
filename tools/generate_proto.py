"""Generate Python from ``protocols/wire/*.proto``, or check that the generated files are current.

Messages and service stubs come from grpcio-tools, the types of the gRPC stubs from
mypy-protobuf; both are pinned in requirements.lock, because the output changes with them.
``--check`` generates into a temporary folder and fails on any difference.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
WIRE = Path("protocols/wire")
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


class ProtoError(Exception):
    """The generation failed, or the committed files differ; the message says what to do."""


def generate(target: Path) -> None:
    """Run protoc on every proto file; the output lands in ``target/protocols/wire``."""
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / WIRE).glob("*.proto"))
    if not sources:
        raise ProtoError(f"no proto files in {WIRE}")
    grpc_types = Path(sys.executable).with_name("protoc-gen-mypy_grpc")
    status = protoc.main(
        [
            "protoc",
            f"-I{ROOT}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"--python_out={target}",
            f"--pyi_out={target}",
            f"--grpc_python_out={target}",
            f"--plugin=protoc-gen-mypy_grpc={grpc_types}",
            f"--mypy_grpc_out=quiet:{target}",
            *(str(ROOT / source) for source in sources),
        ]
    )
    if status:
        raise ProtoError(f"protoc failed with status {status}")
    # A file without a service still gets an empty stub, which nothing needs.
    for source in sources:
        if "\nservice " not in (ROOT / source).read_text(encoding="utf-8"):
            for suffix in (".py", ".pyi"):
                stub = target / source.replace(".proto", f"_pb2_grpc{suffix}")
                stub.unlink(missing_ok=True)


def generated_files(root: Path) -> dict[str, bytes]:
    """Return the content of every generated file below ``root`` by its name."""
    paths = (path for pattern in GENERATED for path in (root / WIRE).glob(pattern))
    return {path.name: path.read_bytes() for path in paths}


def check() -> None:
    """Raise ProtoError when the committed files are not what the proto files generate."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = generated_files(Path(folder))
    committed = generated_files(ROOT)
    names = sorted(fresh.keys() | committed.keys())
    if differing := [name for name in names if fresh.get(name) != committed.get(name)]:
        raise ProtoError(f"not current: {', '.join(differing)}; run `make proto`")


def main() -> int:
    """Generate or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    try:
        if parser.parse_args().check:
            check()
        else:
            generate(ROOT)
    except ProtoError as error:
        print(f"proto: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
