"""The card as a page: the verdict in a sentence, then what to look at, then the numbers."""

import math
from pathlib import Path

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.audit.card import Audit, Done
from cartograd.apps.audit.comparison import Pair
from cartograd.apps.audit.drawn import pairs
from cartograd.apps.audit.duties import DUTIES, SAID
from cartograd.apps.audit.figure import Figure, Mark, said, spread
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure as Headline
from cartograd.apps.report.parts import Section, Table, interval, note, table

SIGNS: dict[Mark, str] = {"pass": "● passes", "warn": "▲ warns", "fail": "■ fails", "": "○ told"}
"""A shape beside each colour, for those who see no colours."""

COLOURS: dict[Mark, str] = {"pass": "blue", "warn": "gold", "fail": "red", "": "muted"}

CODE = Markup('<code style="white-space:nowrap">{}.{}</code>')
DRAWN = 20
"""Figures of two cards that are drawn."""
SHOWN = 8
"""Up to so many figures of a section are shown unfolded."""

LOOKED_AT = (
    ("accuracy.overall", "Right"),
    ("calibration.ece", "Calibration error"),
    ("corruption.mean", "Right under harm"),
    ("security.eps_1pct", "Right under attack"),
    ("privacy.membership_auc", "Membership attack"),
)
"""Figures of the head, with short words for them."""


def audit_page(path: str | Path, card: Audit, /) -> Path:
    """Write the page, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    sections = [
        _overview(card),
        _rules(card),
        _comparison(card),
        *map(_section, card.sections),
        _untested(card),
        _provenance(card),
        _duties(card),
    ]
    return write_report(
        path,
        sections,
        title=f"Audit of {card.model}",
        summary=Markup("<b style='color:var(--{})'>{}</b> Measured on {}.").format(
            COLOURS[card.mark], card.verdict, card.data
        ),
        figures=[_headline(card, *one) for one in LOOKED_AT if one[0] in card.figures],
        seal=card.about["digests"]["weights"],
    )


def sign(mark: Mark, /) -> Markup:
    """A mark as a word with its shape and colour."""
    return Markup('<b style="color:var(--{});white-space:nowrap">{}</b>').format(
        COLOURS[mark], SIGNS[mark]
    )


def _headline(card: Audit, name: str, word: str) -> Headline:
    figure = card[name]
    remark = f"{spread(figure)}; {SIGNS[figure.mark]}"
    return Headline(word, said(figure, figure.value), remark)


def _overview(card: Audit) -> Section:
    """A line for each section: its question, its mark, and its first figure drawn."""
    rows = []
    for done in card.sections:
        first = done.found.figures[0]
        link = Markup('<a href="#{}">{}</a>').format(done.name, done.title)
        rows.append([link, done.asks, sign(done.found.mark), _drawn(first), _words(first)])
    rows += [
        [title, why, Markup('<span style="color:var(--muted)">not tested</span>'), "", ""]
        for title, why in card.untested.values()
    ]
    head = ["", "question", "verdict", "", "first figure"]
    lead = (
        "On each line the blue mark is the number, its band the 95 % interval, and the gold tick "
        "the control: what one would get without the model knowing anything."
    )
    return Section(
        "overview", "At a glance", lead, table(Table(head, rows, text=frozenset({1, 2, 3, 4})))
    )


def _drawn(figure: Figure) -> Markup | str:
    ends = (figure.value, figure.low, figure.high)
    if not all(0 <= end <= 1 for end in ends):
        return ""
    inside = 0 <= figure.control <= 1
    return interval(*ends, baseline=figure.control if inside else None)


def _words(figure: Figure) -> str:
    return f"{figure.title}: {said(figure, figure.value)}"


def _rules(card: Audit) -> Section | None:
    if not card.rules:
        return None
    rows = [[str(one.rule), sign("pass" if one.passed else "fail"), one.said] for one in card.rules]
    broken = sum(not one.passed for one in card.rules)
    lead = "All rules are kept." if not broken else f"{broken} of {len(rows)} rules are not kept."
    head = ["rule", "", "found"]
    return Section("rules", "Rules", lead, table(Table(head, rows, text=frozenset({1, 2}))))


def _comparison(card: Audit) -> Section | None:
    found = card.comparison
    if found is None:
        return None
    first = sorted(found.pairs, key=lambda one: one.word not in ("better", "worse", "other"))
    drawn = [
        (one.own, one.other)
        for one in first
        if one.own.unit == "%" and (one.word != "no difference" or ".class." not in one.name)
    ]
    body = pairs("against", drawn[:DRAWN], ("this", found.name[-24:])) if drawn else Markup()
    apart = [_beside(one) for one in first if one.word in ("better", "worse", "other")]
    rest = [_beside(one) for one in first if one.word in ("no difference", "")]
    head = ["figure", "this", "other", "difference, 95 %", ""]
    if apart:
        body += table(Table(head, apart, f"told apart from {found.name}", frozenset({4})))
    if rest:
        body += Markup("<details><summary>{}</summary>{}</details>").format(
            f"{len(rest)} figures that cannot be told apart",
            table(Table(head, rest, text=frozenset({4}))),
        )
    for line in found.notes:
        body += note(line)
    if found.only:
        body += note(f"Only one of the two has: {', '.join(found.only)}.")
    return Section("against", "Beside the other", found.said, body)


def _beside(one: Pair) -> list[object]:
    colour = {"better": "blue", "worse": "red"}.get(one.word, "muted")
    word = Markup('<b style="color:var(--{})">{}</b>').format(colour, one.word)
    return [
        one.name, said(one.own, one.own.value), said(one.other, one.other.value),
        _between(one.low, one.high, one.own.unit), word,
    ]  # fmt: skip


def _between(low: float, high: float, unit: str) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    if unit == "%":
        return f"{100 * low:+.1f} to {100 * high:+.1f} %"
    return f"{low:+.3g} to {high:+.3g}"


def _section(done: Done) -> Section:
    """A section: its question and verdict, its pictures, its figures, what was left out."""
    found, cost = done.found, done.cost
    body = found.body + _figures(done)
    body += note(
        f"{cost['n']:,} examples ({cost['chosen']}), {units.seconds(cost['cpu_seconds'])} of the "
        "processor."
    )
    if found.untested:
        body += note(f"Not tested here: {'; '.join(found.untested)}.")
    lead = Markup("<b>{}</b> {}. {}").format(done.asks, sign(found.mark), found.lead)
    return Section(done.name, done.title, lead, body)


def _figures(done: Done) -> Markup:
    """All figures, open where they are few; below them what each is held against, said once."""
    figures = done.found.figures
    head = ["figure", "for rules", "verdict", "value", "95 % interval", "control", "n"]
    rows = [
        [
            one.title, CODE.format(done.name, one.name), sign(one.mark),
            said(one, one.value), spread(one), said(one, one.control), f"{one.n:,}",
        ]
        for one in figures
    ]  # fmt: skip
    content = table(Table(head, rows, text=frozenset({1, 2})))
    words = dict[tuple[str, str], list[str]]()
    for one in figures:
        words.setdefault((one.against, one.rule), []).append(one.title)
    lines = [
        ("All" if len(words) == 1 else _listed(names))
        + f": {rule}."
        + (f" Control: {against}." if against else "")
        for (against, rule), names in words.items()
    ]
    content += Markup('<p class="note">{}</p>').format(Markup("<br>").join(lines))
    return Markup("<details{}><summary>{}</summary>{}</details>").format(
        Markup(" open" if len(rows) <= SHOWN else ""), f"All {len(rows)} figures", content
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _untested(card: Audit) -> Section:
    rows = [[title, why] for title, why in card.untested.values()]
    rows += [[done.title, line] for done in card.sections for line in done.found.untested]
    rows.append(["The card", "other data, other seeds of training, the system around the model"])
    lead = "What this card says nothing of, and why. Nothing is left out silently."
    return Section(
        "untested", "Not tested", lead, table(Table(["section", "why"], rows, text=frozenset({1})))
    )


def _provenance(card: Audit) -> Section:
    about = card.about
    facts = {f"{name}, BLAKE3": value for name, value in about["digests"].items()}
    facts |= {"parameters": f"{about['parameters']:,}", "seed": about["seed"]}
    facts |= {name: value for name, value in about["settings"].items() if value is not None}
    facts |= {f"training, {name}": value for name, value in about["training"].items()}
    facts |= {f"data, {name}": value for name, value in about["source"].items()}
    facts |= about["versions"]
    facts |= {f"note {number}": line for number, line in enumerate(about["notes"], start=1)}
    rows = [[name, Markup("<code>{}</code>").format(value)] for name, value in facts.items()]
    lead = "By these the card can be found again and made again."
    return Section(
        "provenance", "Provenance", lead, table(Table(["fact", "value"], rows, text=frozenset({1})))
    )


def _duties(card: Audit) -> Section:
    """Which article asks for what, and where the card answers."""
    there = {done.name: done.title for done in card.sections}
    there |= {"provenance": "Provenance", "not tested": "Not tested"}
    anchors = {"not tested": "untested"}
    rows = []
    for duty in DUTIES:
        links = [
            Markup('<a href="#{}">{}</a>').format(anchors.get(name, name), there[name])
            for name in duty.sections
            if name in there
        ]
        absent = [name for name in duty.sections if name not in there]
        answers = Markup(", ").join(links) or Markup("nothing here")
        if absent:
            answers += Markup(" (not tested: {})").format(", ".join(absent))
        rows.append([duty.law, duty.asks, answers, duty.rest])
    head = ["article", "asks for", "this card answers in", "it cannot say"]
    return Section(
        "duties", "What the law asks to be told", SAID,
        table(Table(head, rows, text=frozenset({1, 2, 3}))),
    )  # fmt: skip
