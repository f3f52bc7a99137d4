"""The fenced blocks of the pages, how each is shown to be right, and the commands in them.

The line before a block says how it is held:

    <!-- run -->                 its commands run, and print what stands below them (tools.readme)
    <!-- run: tests/FILE.py -->  that test runs it
    <!-- read: WHY -->           it is not run, for that reason; what it names is looked up
    <!-- shown: WHY -->          it is neither

`tests/house/test_blocks.py` refuses a block without such a line.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"(?:^<!-- (?P<mark>\w+)(?:: (?P<why>.+?))? -->\n)?"
    r"^(?P<ticks>`{3,})(?P<language>\w*)\n(?P<text>.*?)^(?P=ticks)$",
    re.MULTILINE | re.DOTALL,
)
FORM = re.compile(r"\.\.\.|…|[\[\]|]|--import")
INLINE = re.compile(r"`(cartograd [a-z][^`\n]*)`")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        line: where it begins, counted from 1.
        language: the word behind its fence.
        text: what stands between the fences.
        mark: `run`, `read`, `shown`, or nothing.
        why: what is said behind the mark.
    """

    line: int
    language: str
    text: str
    mark: str
    why: str

    def commands(self) -> Iterator[str]:
        """Its command lines, with variables of the shell put in."""
        given: dict[str, str] = {}
        for line in self.text.splitlines():
            if self.language == "console" and not line.startswith("$ "):
                continue
            command = line.removeprefix("$ ")
            if found := re.fullmatch(r"([A-Z]+)=(\S+)", command):
                given[found[1]] = found[2]
                continue
            for name, value in given.items():
                command = command.replace(f"${name}", value)
            yield command


def blocks(text: str, /) -> list[Block]:
    r"""Every fenced block of a page.

    >>> text = "<!-- read: minutes -->\n```console\n$ N=3\n$ cartograd show x:k=$N\nx\n```\n"
    >>> (found,) = blocks(text)
    >>> found.mark, found.why, list(found.commands())
    ('read', 'minutes', ['cartograd show x:k=3'])
    """
    return [
        Block(
            text.count("\n", 0, found.start("ticks")) + 1,
            found["language"], found["text"], found["mark"] or "", found["why"] or "",
        )
        for found in FENCE.finditer(text)
    ]  # fmt: skip


def inline(text: str, /) -> list[str]:
    """Commands in the prose of a page, without forms with choices and a user's own methods."""
    prose = FENCE.sub("", text)
    return [one for one in INLINE.findall(prose) if not FORM.search(one)]


def words(command: str, /) -> list[str]:
    """The words of a command line, without comments and without what the shell does afterwards."""
    found = shlex.split(re.sub(r"\s+#\s.*", "", command))
    ends = (at for at, word in enumerate(found) if word in (">", "|", "&&", "<"))
    return found[: next(ends, len(found))]


def pages(root: Path, /) -> list[Path]:
    """The pages that people write; those of docs/results are written by programs."""
    found = [*root.glob("*.md"), *root.glob("docs/*.md")]
    return sorted([*found, *(p for p in root.glob("docs/*/*.md") if p.parent.name != "results")])
