"""`report.html`: one self-contained bilingual page for the regional authority.

Called when a round is released. The page holds its style, drawings and words, opens offline and
needs no script; a small script adds `?lang=`, `#zh` and keeps the place when the language changes.
Everything that comes from a release or a plan is escaped: a title is somebody else's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from string import Template

from coordinator import closing_sections, profile_section
from coordinator.choices import DEFAULT_GOAL, Goal
from coordinator.documents import Cohort, read_cohorts
from coordinator.figures import count
from coordinator.sections import cohort_section
from coordinator.tables import Notes, best_share, join, overview, quantity, tag
from coordinator.texts import LANGUAGES, Html, Texts, html, template

# Entries of `run` that have a place of their own in the header; others are shown as they come.
KNOWN_RUN_KEYS = frozenset(
    {
        "backend",
        "bundle",
        "excluded",
        "generated_at",
        "generated_by",
        "key_bits",
        "key_id",
        "quorum",
        "single_machine",
        "threshold",
        "title",
        "title_zh",
        "trustees",
    }
)
_BACKENDS = {"paillier", "certified", "totals"}


def render_report(
    documents: Sequence[Mapping[str, object]],
    *,
    run: Mapping[str, str],
    extras: Mapping[str, Mapping[str, str]] | None = None,
    goal: Goal = DEFAULT_GOAL,
) -> str:
    """The whole page as text, to be written as UTF-8.

    Args:
        documents: release documents (docs/release-schema.md), one for each cohort.
        run: facts of the round, all optional: `title`, `title_zh`, `backend` (where the documents
            do not say it), `key_id`, `key_bits`, `trustees`, `threshold`, `quorum`, `excluded`,
            `generated_by`, `generated_at`, `bundle` (path for `cefed verify`), `single_machine`
            ("yes" where all roles ran on one machine). Any other entry is shown under its name.
        extras: for a cohort what only a simulation knows: `curve_deviation`, a share of 1, and
            `profile NAME`, what that profile would publish (`coordinator.profile_section`). What a
            withheld cohort holds is not among it: the page is public.
        goal: the reduction the authority names; must be the one `write_targets` is given.

    Raises:
        DocumentError: a document does not follow the schema.
    """
    cohorts = read_cohorts(documents)
    published = {name for cohort in cohorts for name in cohort.measure_names}
    editions = [
        _edition(cohorts, run, extras or {}, goal, Texts(lang, published)) for lang in LANGUAGES
    ]
    return Template(template("page.html")).substitute(
        title=escape(run.get("title") or Texts("en")("page.title")),
        style=template("style.css"),
        script=template("script.js"),
        editions="\n".join(editions),
    )


def _edition(
    cohorts: Sequence[Cohort],
    run: Mapping[str, str],
    extras: Mapping[str, Mapping[str, str]],
    goal: Goal,
    texts: Texts,
) -> Html:
    edition = texts.language
    notes = Notes(edition)
    folded = len(cohorts) > 1
    # In reading order: withheld cells number themselves as they are met.
    parts = [_masthead(cohorts, run, texts)]
    if not folded:
        parts += [_headline(cohort, texts) for cohort in cohorts if cohort.withheld is None]
    parts.append(_overview(cohorts, texts, notes))
    parts.append(_cohorts(cohorts, texts, notes, goal, folded))
    parts.append(closing_sections.withheld(cohorts, notes, texts))
    parts.append(profile_section.profiles(cohorts, extras, texts))
    parts.append(closing_sections.accuracy(cohorts, extras, texts))
    parts.append(closing_sections.verify(cohorts, run.get("bundle", "bundle"), texts))
    parts.append(closing_sections.method(texts))
    by = run.get("generated_by", "cefed")
    parts.append(tag("footer", texts("page.footer", by=by)))
    title = _title(run, texts)
    return tag(
        "main",
        join(parts, "\n"),
        class_="edition",
        lang=texts.html_language,
        id=f"edition-{edition}",
        data_title=title,
    )


def _title(run: Mapping[str, str], texts: Texts) -> Html:
    own = run.get("title") if texts.language == "en" else run.get("title_zh", run.get("title"))
    return html(own) if own else texts("page.title")


def _masthead(cohorts: Sequence[Cohort], run: Mapping[str, str], texts: Texts) -> Html:
    facts = _facts(cohorts, run, texts)
    listed = join(tag("div", join([tag("dt", name), tag("dd", value)])) for name, value in facts)
    parts = [
        tag("p", "cefed", class_="brand"),
        tag("h1", _title(run, texts)),
        tag("p", texts("page.lede"), class_="lede"),
    ]
    if run.get("single_machine") == "yes":
        parts.append(tag("p", texts("page.single_machine"), class_="callout"))
    parts.append(tag("dl", listed, class_="facts"))
    return tag("header", join(parts))


def _facts(
    cohorts: Sequence[Cohort], run: Mapping[str, str], texts: Texts
) -> list[tuple[Html, Html]]:
    plans = [cohort.plan_hash for cohort in cohorts if cohort.plan_hash]
    plan = tag("code", plans[0]) if len(plans) == 1 else texts("fact.plan_many")
    periods = dict.fromkeys(cohort.period for cohort in cohorts if cohort.period)
    facts = [
        (texts("fact.members"), _members(cohorts, run, texts)),
        (texts("fact.period"), html(", ".join(periods))),
        (texts("fact.backend"), _backends(cohorts, run, texts)),
        (texts("fact.key"), _key(run, texts)),
        (texts("fact.policy"), _policy(cohorts, texts)),
        (texts("fact.definitions"), _definitions(cohorts, texts)),
        (texts("fact.plan"), plan if plans else Html("")),
        (texts("fact.generated_at"), html(run.get("generated_at", ""))),
    ]
    facts += [
        (html(name.replace("_", " ")), html(value))
        for name, value in run.items()
        if name not in KNOWN_RUN_KEYS
    ]
    return [(name, value or texts("fact.none")) for name, value in facts]


def _backends(cohorts: Sequence[Cohort], run: Mapping[str, str], texts: Texts) -> Html:
    used = dict.fromkeys(cohort.backend or run.get("backend", "") for cohort in cohorts)
    return _lines([texts(f"fact.{one}") if one in _BACKENDS else html(one) for one in used if one])


def _members(cohorts: Sequence[Cohort], run: Mapping[str, str], texts: Texts) -> Html:
    shown = [cohort for cohort in cohorts if cohort.withheld is None]
    members = count(sum(cohort.n or 0 for cohort in shown))
    if len(cohorts) == len(shown) == 1:
        parts = [texts("fact.members_one", n=members)]
    else:
        parts = [texts("fact.members_many", n=members, shown=len(shown))]
    if len(shown) < len(cohorts):
        parts.append(texts("fact.members_withheld", withheld=len(cohorts) - len(shown)))
    if run.get("excluded", "0") != "0":
        parts.append(texts("fact.excluded", n=run["excluded"]))
    return _lines(parts)


def _key(run: Mapping[str, str], texts: Texts) -> Html:
    parts = []
    if "key_id" in run:
        parts.append(tag("code", run["key_id"]))
    if "key_bits" in run:
        parts.append(texts("fact.key_bits", bits=run["key_bits"]))
    if "threshold" in run and "trustees" in run:
        words = texts("fact.key_trustees", threshold=run["threshold"], trustees=run["trustees"])
        parts.append(words)
    if "quorum" in run:
        parts.append(texts("fact.key_quorum", quorum=run["quorum"]))
    return _lines(parts)


def _policy(cohorts: Sequence[Cohort], texts: Texts) -> Html:
    policies = {
        (
            c.minimum_cohort,
            c.dominance_percent,
            c.largest_share_percent,
            c.top_count,
            c.top_share_percent,
        )
        for c in cohorts
        if c.minimum_cohort
    }
    if len(policies) != 1:
        return texts("fact.varies") if policies else Html("")
    minimum, dominance, largest, top, top_share = policies.pop()
    parts = [texts("fact.policy_minimum", n=minimum)]
    if dominance is not None:
        parts.append(texts("fact.policy_dominance", p=dominance))
    if largest is not None:
        parts.append(texts("fact.policy_largest", s=largest))
    if top is not None and top_share is not None:
        parts.append(texts("fact.policy_top", n=top, s=top_share))
    return _lines(parts)


def _definitions(cohorts: Sequence[Cohort], texts: Texts) -> Html:
    entries: dict[str, set[str]] = {}
    for cohort in cohorts:
        for name, value in cohort.definitions.items():
            entries.setdefault(name, set()).add(value)
    parts = []
    for name, values in entries.items():
        value = html(min(values)) if len(values) == 1 else texts("fact.varies")
        parts.append(texts("fact.pair", name=texts.name("definition", name), value=value))
    return _lines(parts)


def _lines(parts: Sequence[Html]) -> Html:
    return join(tag("span", part, class_="line") for part in parts)


def _headline(cohort: Cohort, texts: Texts) -> Html:
    tiles = [
        (texts.name("indicator", name), quantity(indicator.value, texts))
        for name, indicator in cohort.indicators.items()
        if indicator.value is not None
    ]
    if cohort.best_decile is not None:
        best = cohort.best_decile
        name = texts("table.best")
        if not best.near:
            name = texts("table.best_tile", share=best_share(cohort, best))
        tiles.append((name, quantity(best.value, texts)))
    shown = join(tag("div", join([tag("dt", name), tag("dd", value)])) for name, value in tiles)
    return tag("dl", shown, class_="tiles")


def _overview(cohorts: Sequence[Cohort], texts: Texts, notes: Notes) -> Html:
    heading = tag("h2", texts("page.cohorts"))
    caption = join([texts("table.caption"), texts("page.exact_hint")], " ")
    note = tag("p", caption, class_="note")
    return tag("section", join([heading, overview(cohorts, texts, notes), note]))


def _cohorts(
    cohorts: Sequence[Cohort], texts: Texts, notes: Notes, goal: Goal, folded: bool
) -> Html:
    parts = [cohort_section(cohort, texts, notes, goal, folded) for cohort in cohorts]
    if folded:
        hint = tag("p", texts("page.details_hint"), class_="note screen")
        parts = [tag("h2", texts("page.cohort_sections")), hint, *parts]
    return tag("section", join(parts))
