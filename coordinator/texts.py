"""The report's words, in English and Chinese, from coordinator/templates/texts.toml.

Every entry holds both languages; `Texts` returns one of them as HTML. Entries are ours and may hold
markup; the values filled into them come from plans and are escaped here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files

from coordinator.figures import Language

LANGUAGES: tuple[Language, ...] = ("en", "zh")
HTML_LANGUAGE: Mapping[Language, str] = {"en": "en", "zh": "zh-CN"}


@cache
def template(name: str) -> str:
    """A file of coordinator/templates as text."""
    return (files("coordinator") / "templates" / name).read_text(encoding="utf-8")


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """All entries as {"section.key": {"en": ..., "zh": ...}}."""
    return {
        f"{section}.{key}": entry
        for section, entries in tomllib.loads(template("texts.toml")).items()
        if section != "reasons"
        for key, entry in entries.items()
    }


@cache
def _reasons() -> tuple[tuple[re.Pattern[str], str], ...]:
    patterns = tomllib.loads(template("texts.toml"))["reasons"]["pattern"]
    return tuple((re.compile(item["match"], re.IGNORECASE), item["zh"]) for item in patterns)


class Html(str):
    """Text that is markup already and must not be escaped again."""

    __slots__ = ()


def html(value: object) -> Html:
    """A value as markup: escaped unless it is markup already."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


class Texts:
    """The catalogue in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.html_language = HTML_LANGUAGE[language]

    def __call__(self, key: str, **values: object) -> Html:
        """The entry as HTML, its `{name}` fields filled with escaped values."""
        entry = catalogue()[key][self.language]
        return Html(entry.format(**{name: html(value) for name, value in values.items()}))

    def name(self, section: str, name: str) -> Html:
        """The title of a measure, indicator or definition; an unknown name stays as it is."""
        known = catalogue().get(f"{section}.{name}")
        return Html(known[self.language]) if known else html(name.replace("_", " "))

    def reason(self, reason: str) -> Html:
        """A reason for withholding, perhaps several joined by semicolons.

        Releases give it in English (`protocols.policy`); known sentences are translated, others
        keep their English wording, introduced in Chinese.
        """
        if self.language == "en":
            return html(reason[:1].upper() + reason[1:])
        return Html("；".join(self._translated(part) for part in reason.split("; ")))

    def _translated(self, reason: str) -> Html:
        for pattern, chinese in _reasons():
            found = pattern.search(reason)
            if found:
                fields = {
                    key: self.name("measure", value) if key == "measure" else html(value)
                    for key, value in found.groupdict(default="").items()
                }
                return Html(chinese.format(**fields))
        return self("reason.other", text=reason)
