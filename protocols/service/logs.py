"""Logs of a role: JSON lines for machines or plain lines for people, never with key material.

Modules log by :mod:`logging`; structlog renders. An exception appears as its class and the places
it went through, without the values that a traceback or a library's message could hold; messages of
this project's own exceptions hold none by rule and are kept.
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from protocols.service.errors import ServiceError
from protocols.service.redaction import redact_fields, redact_text

QUIET = ("alembic", "asyncio", "grpc", "sqlalchemy", "urllib3")
MAX_FRAMES = 12
FIRST = ("time", "level", "role", "logger", "event")
"""The fields with which every line begins."""


class LogError(ServiceError):
    """The log file cannot be opened."""

    exit_code = 8


def set_up(role: str, *, json: bool, file: Path | None = None, level: int = logging.INFO) -> None:
    """Send everything that is logged in this process to standard error or ``file``.

    Called once by each serving command. A file is opened again when logrotate moved it.

    :param role: stands in every line.
    :raises LogError: the file cannot be opened.
    """
    chain: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _Finish(role),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.processors.LogfmtRenderer(key_order=FIRST, bool_as_flag=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=chain,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = _handler(file)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    # A full disk must not turn every log line into a traceback on standard error.
    logging.raiseExceptions = False


class _Finish:
    """The last step before rendering: exceptions without values, then redaction."""

    def __init__(self, role: str) -> None:
        self._role = role

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        meta = {key: event.pop(key) for key in ("_record", "_from_structlog") if key in event}
        record = meta.get("_record")
        fields = {**redact_fields(event), "role": self._role}
        fields.pop("exc_info", None)
        shown = {name: fields[name] for name in FIRST if name in fields} | fields
        if isinstance(record, logging.LogRecord) and record.exc_info and record.exc_info[1]:
            shown |= describe(record.exc_info[1])
            # The formatter would add the whole traceback otherwise.
            record.exc_info = record.exc_text = record.stack_info = None
        return {**shown, **meta}


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as fields: its class, the places it went through, and its text if it is ours."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    fields: dict[str, Any] = {
        "exception": type(error).__name__,
        "where": [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames],
    }
    if isinstance(getattr(error, "exit_code", None), int):
        fields["reason"] = redact_text(str(error))
    return fields


def _handler(file: Path | None) -> logging.Handler:
    if file is None:
        return logging.StreamHandler(sys.stderr)
    try:
        if sys.platform == "win32":
            return logging.FileHandler(file, encoding="utf-8")
        return logging.handlers.WatchedFileHandler(file, encoding="utf-8")
    except OSError as error:
        raise LogError(f"cannot write the log file {file}: {error.strerror}") from error
