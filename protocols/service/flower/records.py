"""Letters in Flower's records: one record with the letter's bytes, one with figures beside it."""

from __future__ import annotations

from collections.abc import Mapping

from flwr.app import ConfigRecord, RecordDict

from protocols.errors import MalformedMessage
from protocols.service.flower.letters import Letter

LETTER = "letter"
FIGURES = "figures"
"""What a simulation counts on the way: seconds and bytes. Nothing is decided by it."""

MESSAGE_TYPE = "query.carry"
"""Every message of ours; a ClientApp registers ``@app.query("carry")``."""

Figures = Mapping[str, int | float | str]


def to_content(letter: Letter, figures: Figures | None = None) -> RecordDict:
    """A message's content. :raises MalformedMessage: the letter is too large."""
    content = RecordDict({LETTER: ConfigRecord({LETTER: letter.to_bytes()})})
    if figures:
        content[FIGURES] = ConfigRecord(dict(figures))
    return content


def from_content(content: RecordDict) -> Letter:
    """The letter in a message's content. :raises MalformedMessage: there is none."""
    record = content.config_records.get(LETTER)
    data = record.get(LETTER) if record is not None else None
    if not isinstance(data, bytes):
        raise MalformedMessage("a message without a letter")
    return Letter.from_bytes(data)


def figures_of(content: RecordDict) -> dict[str, int | float | str]:
    """The figures beside a letter; empty if there are none."""
    record = content.config_records.get(FIGURES)
    if record is None:
        return {}
    return {name: value for name, value in record.items() if isinstance(value, (int, float, str))}
