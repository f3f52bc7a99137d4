"""Markdown of what is no Markdown: docstrings, tables, words that must not be taken for marks."""

import re
from collections.abc import Iterable, Iterator, Sequence

_CODE = re.compile(r"(`[^`\n]+`)")
_URL = re.compile(r"(https?://[^\s<>]*[^\s<>.,;:)])")
_MARKS = re.compile(r"([\\*_\[\]<>{}|#~^$`])")
_LABEL = re.compile(r"(Shapes?|Departures?|Units?|Note|Cost): (.+)", re.DOTALL)


def escaped(text: str, /) -> str:
    r"""A text in which only code between backquotes and addresses keep a meaning.

    >>> escaped("x_(t+1) of `b c y x`, https://doi.org/10.1/a_b.")
    'x\\_(t+1) of `b c y x`, <https://doi.org/10.1/a_b>.'
    """
    parts = []
    for part in _CODE.split(text):
        if part.startswith("`") and part.endswith("`") and len(part) > 2:
            parts.append(part)
            continue
        for at, piece in enumerate(_URL.split(part)):
            parts.append(f"<{piece}>" if at % 2 else _MARKS.sub(r"\\\1", piece))
    return "".join(parts)


def cell(text: str, /) -> str:
    """A text within a row of a table."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(escaped(text).split()))


def literal(text: str, /) -> str:
    """A text as code within a row or a sentence; nothing where there is none."""
    text = " ".join(text.split())
    if not text:
        return ""
    ticks = "``" if "`" in text else "`"
    return f"{ticks}{text}{ticks}".replace("|", r"\|")


def code(text: str, language: str = "text", /) -> str:
    """A block of code."""
    ticks = "````" if "```" in text else "```"
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], /) -> str:
    """A table of cells that are Markdown already; nothing where it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]) + "\n"


def toctree(pages: Iterable[str], /, *, caption: str = "", hidden: bool = True) -> str:
    """What says which pages belong below this one."""
    options = [f":caption: {caption}"] if caption else []
    options += [":hidden:"] if hidden else []
    return "\n".join(["```{toctree}", *options, "", *pages, "```", ""])


def markdown(docstring: str, /) -> str:
    r"""A method's docstring: paragraphs, formulas, references, examples.

    >>> markdown("One *line*.\n\n    y = W x\n\nShapes: `b d`.")
    'One \\*line\\*.\n\n```text\ny = W x\n```\n\n**Shapes:** `b d`.'
    """
    return "\n\n".join(part.rstrip() for part in _parts(docstring.strip()))


def _parts(text: str) -> Iterator[str]:
    formula: list[str] = []
    for part in re.split(r"\n{2,}", text):
        if part.startswith("    ") and not _is_references(part):
            formula.append(part)
            continue
        if formula:
            yield _formula(formula)
            formula = []
        yield from _part(part)
    if formula:
        yield _formula(formula)


def _formula(parts: list[str]) -> str:
    lines = "\n\n".join(parts).splitlines()
    least = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return code("\n".join(line[least:] for line in lines))


def _is_references(part: str) -> bool:
    return part.startswith("References:")


def _part(part: str) -> Iterator[str]:
    """A paragraph, with what stands in it or directly below it."""
    if part.startswith(">>>"):
        yield code(part, "pycon")
    elif _is_references(part):
        yield "**References**\n\n" + "\n".join(f"- {escaped(one)}" for one in _references(part))
    elif re.search(r"^    ", part, re.MULTILINE) and not part.startswith("- "):
        head, _, rest = re.split(r"(\n(?=    ))", part, maxsplit=1)
        yield _paragraph(head)
        inside = re.match(r"(?:    .*\n?|\n)+", rest)
        assert inside is not None
        yield _formula([inside[0].rstrip()])
        if after := rest[inside.end() :].strip():
            yield from _part(after)
    elif part.startswith("- "):
        items = re.split(r"^- ", part, flags=re.MULTILINE)[1:]
        yield "\n".join(f"- {escaped(' '.join(item.split()))}" for item in items)
    else:
        yield _paragraph(part)


def _paragraph(text: str) -> str:
    labelled = _LABEL.fullmatch(text)
    if labelled:
        return f"**{labelled[1]}:** {escaped(' '.join(labelled[2].split()))}"
    said = escaped(" ".join(text.split()))
    return re.sub(r"^(\d+)([.)] )", r"\1\\\2", re.sub(r"^([-+=] )", r"\\\1", said))


def _references(part: str) -> Iterator[str]:
    """Each reference as one text; it ends with an address, or where a further one is indented."""
    found: list[str] = []
    for line in part.splitlines()[1:]:
        found.append(line.strip())
        if re.search(r"https?://\S+$", line):
            yield " ".join(found)
            found = []
    if found:
        yield " ".join(found)
