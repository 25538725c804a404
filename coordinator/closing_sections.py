"""The report's last sections: what is withheld, the error budget, verification, method.

Called by `coordinator.report`, after the sections whose withheld cells it lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from coordinator import coverage
from coordinator.coverage import Covered
from coordinator.documents import Cohort
from coordinator.errors import DocumentError
from coordinator.figures import percent, plain, unit_name
from coordinator.tables import Notes, join, label, table, tag
from coordinator.texts import Html, Texts, html

_SHARE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,40})?\Z")


def withheld(cohorts: Sequence[Cohort], notes: Notes, texts: Texts) -> Html:
    """Every withheld cell with its number and its reason, and how much is still covered."""
    heading = tag("h2", texts("page.withheld"))
    left = covered(cohorts, texts)
    if not notes.items:
        return tag("section", join([heading, tag("p", texts("withheld.none")), left]))
    head = [
        texts("withheld.number"),
        texts("table.cohort"),
        texts("withheld.what"),
        texts("withheld.reason"),
    ]
    rows = [
        [
            tag("span", note.number, id=f"{notes.edition}-note-{note.number}"),
            note.cohort,
            note.what,
            note.reason,
        ]
        for note in notes.items
    ]
    intro = tag("p", texts("withheld.intro"))
    return tag("section", join([heading, intro, table(head, rows, "notes"), left]))


def covered(cohorts: Sequence[Cohort], texts: Texts) -> Html:
    """What disclosure control left: the share of cohorts, cells, enterprises and sums published."""
    published, found = coverage.together(cohorts)
    head = [texts("coverage.what"), texts("coverage.part"), texts("coverage.share")]
    named = [
        (texts("page.cohorts"), published),
        (texts("coverage.cells"), found.cells),
        (texts("fact.members"), found.members),
    ]
    rows: list[list[object]] = [
        [name, _counted(one, texts), _of(one, texts)] for name, one in named
    ]
    key = "coverage.sum" if published.share == 1 else "coverage.known_sum"
    rows += [
        [texts(key, measure=texts.name("measure", name)), html("–"), _of(one, texts)]
        for name, one in found.measures.items()
    ]
    note = tag("p", texts("coverage.note"), class_="note")
    return join([tag("h4", texts("coverage.heading")), table(head, rows, "budget"), note])


def _counted(one: Covered, texts: Texts) -> Html:
    if one.whole is None:
        return html(one.part)
    return texts(
        "coverage.of_at_most" if one.at_most else "coverage.of", part=one.part, all=one.whole
    )


def _of(one: Covered, texts: Texts) -> Html:
    if one.share is None:
        return html("–")
    shown = percent(one.share)
    return texts("coverage.at_least", share=shown) if one.at_most else html(shown)


def accuracy(
    cohorts: Sequence[Cohort], extras: Mapping[str, Mapping[str, str]], texts: Texts
) -> Html:
    """The error budget: what is exact, what is rounded, how wide bands are.

    Raises:
        DocumentError: a `curve_deviation` that is not a plain decimal.
    """
    shown = [cohort for cohort in cohorts if cohort.withheld is None]
    noisy = _noise(cohorts, texts)
    keys = ("ratios", "bands") if noisy else ("integers", "ratios", "bands", "curve", "noise")
    said = [*noisy, *(texts(f"accuracy.{key}") for key in keys)]
    parts: list[Html] = [
        tag("h2", texts("page.accuracy")),
        tag("ul", join(tag("li", one) for one in said), class_="plain"),
    ]
    if shown:
        head = [
            texts("table.cohort"),
            texts("accuracy.rounding"),
            texts("accuracy.width"),
            texts("accuracy.deviation"),
        ]
        rows = [
            [
                label(cohort, texts),
                _rounding(cohort, texts),
                _width(cohort),
                _deviation(cohort, extras, texts),
            ]
            for cohort in shown
        ]
        parts.append(tag("h4", texts("accuracy.heading")))
        parts.append(table(head, rows, "budget"))
        parts.append(tag("p", texts("accuracy.deviation_note"), class_="note"))
    return tag("section", join(parts))


def _noise(cohorts: Sequence[Cohort], texts: Texts) -> list[Html]:
    """What the noise of each cohort that has some protects, and what it costs."""
    return [
        texts(
            "accuracy.noise_added",
            cohort=cohort.name,
            epsilon=cohort.noise.epsilon,
            delta=cohort.noise.delta,
            budget=cohort.noise.budget_epsilon,
            colluding=cohort.noise.colluding,
        )
        for cohort in cohorts
        if cohort.noise is not None
    ]


def _rounding(cohort: Cohort, texts: Texts) -> Html:
    """Half a unit for each member, as a bound for every total of the cohort."""
    bound = plain(Fraction(cohort.n or 0, 2))
    units = dict.fromkeys(value.unit for value in cohort.measures.values())
    names = ", ".join(unit_name(unit, texts.language) for unit in units)
    return html(f"± {bound} {names}") if names else html("–")


def _width(cohort: Cohort) -> Html:
    ratios = [
        band.upper.value / band.lower.value
        for band in cohort.bands
        if band.lower and band.upper and band.lower.value > 0
    ]
    return html(f"× {plain(max(ratios), 3)}") if ratios else html("–")


def _deviation(cohort: Cohort, extras: Mapping[str, Mapping[str, str]], texts: Texts) -> Html:
    given = extras.get(cohort.name, {}).get("curve_deviation")
    if given is None:
        return texts("accuracy.not_measured")
    if not _SHARE.match(given):
        raise DocumentError(f"cohort {cohort.name!r}: curve_deviation is not a plain decimal")
    return texts("accuracy.deviation_value", value=percent(Fraction(given)))


def verify(cohorts: Sequence[Cohort], bundle: str, texts: Texts) -> Html:
    """The command, and what it does and does not show; or that nobody outside can verify."""
    parts = [tag("h2", texts("page.verify"))]
    if not all(cohort.publicly_verifiable for cohort in cohorts):
        parts.append(tag("p", texts("verify.not_public"), class_="callout"))
    if any(cohort.publicly_verifiable for cohort in cohorts):
        masked = {cohort.backend == "certified" for cohort in cohorts if cohort.publicly_verifiable}
        opened = ["sums", "opened"] * (False in masked) + ["masked"] * (True in masked)
        keys = ("who", *opened, "bands", "figures")
        parts += [
            tag("p", texts("verify.intro")),
            tag("pre", tag("code", f"cefed verify {bundle}")),
            tag("ol", join(tag("li", texts(f"verify.{key}")) for key in keys)),
            tag("p", texts("verify.limits"), class_="note"),
        ]
    return tag("section", join(parts))


def method(texts: Texts) -> Html:
    """Terms and formulas, with their source."""
    keys = ("cef", "cei", "band", "trr", "acc", "opt_out", "cas", "unit_cost", "source")
    items = join(tag("li", texts(f"method.{key}")) for key in keys)
    return tag("section", join([tag("h2", texts("page.method")), tag("ul", items, class_="plain")]))
