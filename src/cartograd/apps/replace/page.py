"""The page of a replacement: the verdict, what changed, where, and where the two part."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.replace.changed import SHOWN, Change
from cartograd.apps.replace.replacement import Replacement, amount
from cartograd.apps.replace.verdict import Judged, Word
from cartograd.apps.report import cells
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Bar, Figure, Section, Table, Tile, note, table, tiles
from cartograd.apps.report.pictures import image

SIGNS: dict[Word, str] = {
    "may": "● may replace", "may not": "■ may not replace", "too few": "▲ too few examples"
}  # fmt: skip
"""A shape beside each colour, for those who see no colours."""

COLOURS: dict[Word, str] = {"may": "blue", "may not": "red", "too few": "gold"}

BECAME = {
    "wrong": "right to wrong", "right": "wrong to right", "other": "another wrong answer",
    "worse": "farther off", "better": "nearer",
}  # fmt: skip

COLUMNS = 4
"""Columns of a table that are shown of an example."""


def replacement_page(path: str | Path, found: Replacement, /) -> Path:
    """Write the page, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    return write_report(
        path,
        [
            _metrics(found), _changes(found), _groups(found), _regions(found), _parting(found),
            _costs(found), _forms(found),
        ],
        title=f"May {found.b.name} replace {found.a.name}?",
        summary=Markup("<b style='color:var(--{})'>{}</b> {}").format(
            COLOURS[found.word], SIGNS[found.word], found.said
        ),
        figures=[_headline(one) for one in found.metrics[:3]],
        seal=f"{found.a.name}{found.b.name}",
    )  # fmt: skip


def _headline(one: Judged) -> Figure:
    shown = " → ".join(units.metric(one.metric, value) for value in one.values)
    return Figure(units.heading(one.spoken), shown, f"margin {amount(one, one.margin)}")


def _metrics(found: Replacement) -> Section:
    """Each metric with its bounds, drawn beside the margin."""
    rows = [
        [
            units.heading(one.spoken), *(units.metric(one.metric, value) for value in one.values),
            _signed(one, one.gain), f"{_signed(one, one.low)} to {_signed(one, one.high)}",
            amount(one, one.margin), _word(one.word),
            "" if one.more is None else f"about {one.more:,} more",
        ]
        for one in found.metrics
    ]  # fmt: skip
    head = ["metric", "A", "B", "gain of B", "one-sided bounds, 95 %", "may be worse by", "",
            "examples"]  # fmt: skip
    body = table(Table(head, rows, text=frozenset({6, 7})))
    for one in found.metrics:
        if one.doubt:
            body += note(f"The bounds of {one.spoken} are approximate: {one.doubt}.")
    for line in found.questions.notes:
        body += note(line)
    lead = (
        f"Both answered the same {len(found.questions):,} raw examples of {found.questions.data}. "
        "B may replace A where the lower bound of its gain is above the loss that the margin "
        "allows, and may not where the upper one is below it."
    )
    return Section("verdict", "Verdict", lead, body)


def _word(word: Word) -> Markup:
    return Markup('<b style="color:var(--{});white-space:nowrap">{}</b>').format(
        COLOURS[word], SIGNS[word]
    )


def _signed(one: Judged, value: float) -> str:
    return ("+" if value > 0 else "") + amount(one, value)


def _changes(found: Replacement) -> Section:
    """The worst changed answers: pictures, or rows."""
    counts = {word: sum(one.became == word for one in found.changes) for word in BECAME}
    told = ", ".join(f"{BECAME[word]}: {n:,}" for word, n in counts.items() if n)
    if not found.changes:
        return Section("changes", "Changed answers", "Both answer every example alike.", Markup(""))
    lead = f"{len(found.changes):,} answers changed ({told}); the worst come first."
    shown = list(found.changes[:SHOWN])
    pictures = found.questions.signature.input.kind == "image"
    body = _pictures(found, shown) if pictures else _rows(found, shown)
    return Section("changes", "Changed answers", lead, body)


def _pictures(found: Replacement, shown: list[Change]) -> Markup:
    examples = found.questions.examples.select([one.index for one in shown])
    labels, content = found.questions.labels, []
    for x, one in zip(examples.inputs, shown, strict=True):
        alt = f"{one.name}: {one.truth}, A said {one.a}, B says {one.b}"
        bars = tuple(
            Bar(f"{who} {said}", float(answers[one.index, labels.index(said)]),
                "blue" if said == one.truth else "red")
            for who, said, answers in zip("AB", (one.a, one.b), found.answers, strict=True)
        ) if labels else ()  # fmt: skip
        caption = f"{one.name}: {BECAME[one.became]}, it is {one.truth}"
        content.append(Tile((image(x, examples.signature.input, alt=alt),), bars, caption))
    return tiles(content)


def _rows(found: Replacement, shown: list[Change]) -> Markup:
    values = [_cells(found.questions.sources[one.index]) for one in shown]
    rows = [
        [one.name, BECAME[one.became], one.a, one.b, one.truth, *map(cells.shown, row.values())]
        for one, row in zip(shown, values, strict=True)
    ]
    head = ["example", "change", "A said", "B says", "true", *values[0]]
    return table(Table(head, rows, text=frozenset({1, 2, 3, 4})))


def _cells(source: Any) -> dict[str, Any]:
    """The first cells of a row; the beginning of a text."""
    if isinstance(source, dict):
        return dict(list(source.items())[:COLUMNS])
    return {"text": source[:120]} if isinstance(source, str) else {}


def _groups(found: Replacement) -> Section | None:
    """Changes by class, confidence and column; groups where nothing changed are folded away."""
    if not found.changes:
        return None
    names = BECAME["wrong"], BECAME["right"]
    if not found.questions.labels:
        names = BECAME["worse"], BECAME["better"]
    body = Markup("")
    for way in dict.fromkeys(one.way for one in found.groups):
        rows = [
            [one.name, f"{one.n:,}", f"{one.wrong:,}", f"{one.right:,}",
             units.percent((one.right - one.wrong) / one.n)]
            for one in found.groups if one.way == way and one.n
        ]  # fmt: skip
        body += table(Table([way, "examples", *names, "net"], rows, f"by {way}"))
    return Section("groups", "Where answers changed", "Net: the share that B gained.", body)


def _regions(found: Replacement) -> Section:
    title = "Regions in which B is worse"
    if not found.regions:
        why = found.looked_for_regions or "none were found"
        return Section("regions", title, f"None: {why}.", Markup(""))
    rows = [
        [one.rule, f"{one.n:,}", f"{one.worse:,}", f"{one.better:,}", units.number(one.p),
         "confirmed" if one.confirmed else "chance would do"]
        for one in found.regions
    ]  # fmt: skip
    lead = (
        "A small tree looked for them on one half of the examples; the numbers are those of the "
        "other half, by the one-sided sign test with Holm's correction."
    )
    head = ["where", "examples", "worse", "better", "p", ""]
    return Section("regions", title, lead, table(Table(head, rows, text=frozenset({5}))))


def _parting(found: Replacement) -> Section:
    one = found.parting
    if one is None:
        return Section("parting", "Where the two part", "They answer alike.", Markup(""))
    rows = [
        [step.name, step.said, "agrees" if step.agrees else "differs"] for step in one.steps
    ]  # fmt: skip
    lead = Markup("On {}, which they answer unlike: <b>{}</b>.").format(one.example, one.sentence)
    body = table(Table(["stage", "difference", ""], rows, text=frozenset({1, 2})))
    return Section("parting", "Where the two part", lead, body)


def _costs(found: Replacement) -> Section:
    a, b = found.costs
    size = ["–" if one.size is None else units.size(one.size) for one in (a, b)]
    memory = ["–" if one.memory is None else units.size(one.memory) for one in (a, b)]
    times = [one.took for one in (a, b)]
    body = table(
        Table(
            ["", "A", "B"],
            [["from a raw example to its answer", *times], ["weights or file", *size],
             ["memory of 64 answers", *memory]],
        )
    )  # fmt: skip
    for one in found.limits:
        body += note(f"{'Kept' if one.kept else 'NOT kept'}: {one.said}.")
    lead = "Measured in one process and in turns; the median with its 95 % interval."
    return Section("costs", "What an answer costs", lead, body)


def _forms(found: Replacement) -> Section:
    rows = [
        [name, one.name, one.kind, ", ".join(one.labels[:8]) or "a value"]
        for name, one in (("A", found.a), ("B", found.b))
    ]
    head = ["", "name", "form", "answers"]
    return Section("forms", "The two", "", table(Table(head, rows, text=frozenset({1, 2, 3}))))
