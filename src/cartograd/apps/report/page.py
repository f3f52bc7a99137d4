"""A report: sections in one HTML file that needs nothing else, neither network nor script."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from markupsafe import Markup

from cartograd.apps.report.parts import Figure, Section, environment
from cartograd.apps.report.spoken import spoken
from cartograd.apps.report.terrain import terrain
from cartograd.apps.report.theme import variables
from cartograd.core.files import write_file


def write_report(
    path: str | Path,
    sections: Iterable[Section | None],
    /,
    *,
    title: str,
    summary: str = "",
    verdict: str = "",
    figures: Sequence[Figure] = (),
    seal: str = "",
) -> Path:
    """Write sections as one self-contained HTML file, whole or not at all.

    Args:
        path: where to; an older file is replaced.
        sections: in reading order; `None` stands for one that has nothing to say here.
        title: what the report is about.
        summary: what was trained on what, in a sentence.
        verdict: what it comes to, in the sentence that is read first.
        figures: the numbers to see first.
        seal: the model's digest, from which the lines in the corner are drawn.

    Returns:
        The path.

    Raises:
        UsageError: the file cannot be written.
    """
    template = environment().get_template("page.html")
    style = Markup(environment().get_template("style.css").render(variables=variables()))
    page = template.render(
        title=title,
        summary=summary,
        verdict=verdict,
        figures=figures,
        sections=[section for section in sections if section is not None],
        style=style,
        terrain=terrain(seal or title),
    )
    return write_file(path, spoken(page))
