"""Logs: one JSON object a line, and nothing in it that looks like a key or shows a value."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocols.errors import PolicyRefusal
from protocols.service import logs
from protocols.service.redaction import REDACTED, redact, redact_text
from tests.keys import signing_key

KEY = signing_key(1)
LOG = logging.getLogger("cefed.test")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A log file, and the root logger as it was before."""
    root = logging.getLogger()
    before, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    root.handlers = []
    yield tmp_path / "role.log"
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    logging.raiseExceptions = raising
    logging.captureWarnings(False)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_lines_are_json_with_the_usual_fields(file: Path) -> None:
    logs.set_up("trustee", json=True, file=file)
    LOG.info("round %s\nis öpen", "r-1", extra={"entries": 3})
    (line,) = lines(file)
    assert list(line)[:5] == ["time", "level", "role", "logger", "event"]
    assert (line["level"], line["role"], line["logger"]) == ("info", "trustee", "cefed.test")
    assert (line["event"], line["entries"]) == ("round r-1\nis öpen", 3)


def test_plain_lines_are_one_each(file: Path) -> None:
    logs.set_up("node", json=False, file=file)
    LOG.warning("first\nsecond")
    (line,) = file.read_text().splitlines()
    assert "level=warning role=node" in line


def test_set_up_again_does_not_write_twice(file: Path) -> None:
    logs.set_up("node", json=True, file=file)
    logs.set_up("node", json=True, file=file)
    LOG.info("once")
    assert len(lines(file)) == 1


def test_nothing_key_like_is_written(file: Path) -> None:
    logs.set_up("node", json=True, file=file)
    secret = KEY.seed()
    LOG.info("key %s and %r", secret.hex(), KEY)
    LOG.info("bytes %r", secret)
    LOG.info("more", extra={"passphrase": "correct horse", "data": secret, "deep": [{"seed": 7}]})
    LOG.info("url postgresql://cefed:correct-horse@host/db", extra={"n": int.from_bytes(secret)})
    LOG.info(base64.b64encode(secret + secret).decode())
    text = file.read_text()
    assert secret.hex() not in text
    assert "correct" not in text
    assert str(int.from_bytes(secret)) not in text
    assert lines(file)[2]["data"] == "[32 bytes]"
    assert lines(file)[2]["deep"] == [{"seed": REDACTED}]
    assert lines(file)[4]["event"] == REDACTED


def test_an_exception_shows_where_but_no_values(file: Path) -> None:
    logs.set_up("node", json=True, file=file)
    try:
        int("sales of 48151623")
    except ValueError:
        LOG.exception("stumbled")
    (line,) = lines(file)
    assert line["exception"] == "ValueError"
    assert line["where"][-1].endswith("test_an_exception_shows_where_but_no_values")
    assert "48151623" not in file.read_text()
    assert "Traceback" not in file.read_text()


def test_the_reason_of_our_own_exceptions_is_kept(file: Path) -> None:
    logs.set_up("node", json=True, file=file)
    try:
        raise PolicyRefusal("three members are too few")
    except PolicyRefusal:
        LOG.exception("refused")
    assert lines(file)[0]["reason"] == "three members are too few"


def test_a_log_file_that_cannot_be_opened_is_an_error(file: Path) -> None:
    with pytest.raises(logs.LogError, match="cannot write the log file"):
        logs.set_up("node", json=True, file=file / "in" / "no" / "folder")


@pytest.mark.parametrize(
    "text",
    [
        "round 2024-cement-1 of 0123456789abcdef",
        "/var/lib/cefed/coordinator/rounds/2024-cement-and-glass/statement.bin",
        "InvalidSignature: the closing statement is not signed by 0123456789abcdef",
    ],
)
def test_what_people_need_stays_readable(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "ab" * 16,
        f"key={'AB' * 32};",
        str(3**200),
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ncut off",
        "https://user:word@host/",
    ],
)
def test_what_looks_like_a_secret_does_not(text: str) -> None:
    shown = redact_text(text)
    assert REDACTED in shown
    assert not any(part in shown for part in ("abab", "ABAB", "MC4C", "cut off", "word", "2656"))


def test_endless_containers_end() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert REDACTED in str(redact(endless))


def test_a_full_disk_does_not_stop_the_process() -> None:
    code = (
        "import logging, pathlib, sys\n"
        "from protocols.service import logs\n"
        "logs.set_up('node', json=True, file=pathlib.Path('/dev/full'))\n"
        "logging.getLogger('x').info('lost')\n"
        "print('goes on')\n"
    )
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "goes on\n"
    assert "Traceback" not in done.stderr
