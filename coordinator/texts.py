"""The report's words, in English and Chinese, from coordinator/templates/texts.toml.

Every entry holds both languages; `Texts` returns one of them as HTML. Entries are ours and may hold
markup; the values filled into them come from plans and are escaped here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from html import escape
from importlib.resources import files

from coordinator.figures import Language
from coordinator.reasons import MEASURE, Sentence, chinese_cells, sentences

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


class Html(str):
    """Text that is markup already and must not be escaped again."""

    __slots__ = ()


def html(value: object) -> Html:
    """A value as markup: escaped unless it is markup already."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


class Texts:
    """The catalogue in one language."""

    def __init__(self, language: Language, published: Collection[str] = ()) -> None:
        """
        :param published: names of the measures that a release may publish; none if not known.
        """
        self.language = language
        self.html_language = HTML_LANGUAGE[language]
        self._published = frozenset(published)

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

        Releases give it in English; known sentences are translated, others keep their English
        wording, introduced in Chinese. A measure that the release does not publish is said to be
        one that readers could derive: its name stands nowhere else.
        """
        parts = list(sentences(reason))
        if self.language == "en":
            shown = [self._english(one) for one in parts]
            shown[:1] = [Html(shown[0][:1].upper() + shown[0][1:])] if shown else []
        else:
            shown = [self._chinese(one) for one in parts]
        between = "; " if self.language == "en" else "；"
        return Html(
            "".join(
                text if one.opens or one is parts[-1] else text + between
                for one, text in zip(parts, shown, strict=True)
            )
        )

    def _english(self, one: Sentence) -> Html:
        if one.measure_end is None:
            return html(one.text)
        head, tail = one.text[: one.measure_end], one.text[one.measure_end :]
        return Html(html(head) + self._derived(one) + html(tail))

    def _chinese(self, one: Sentence) -> Html:
        if one.chinese is None:
            return self("reason.other", text=one.text)
        fields = {key: html(value) for key, value in one.fields.items()}
        if MEASURE in fields:
            fields[MEASURE] = self.name("measure", one.fields[MEASURE])
        if "cells" in fields:
            fields["cells"] = html(chinese_cells(one.fields["cells"]))
        return Html(one.chinese.format(**fields) + self._derived(one))

    def _derived(self, one: Sentence) -> Html:
        name = one.fields.get(MEASURE)
        if name is None or not self._published or name in self._published:
            return Html("")
        return self("reason.derived")
