"""Search in a folder of texts: the passages that share the rarest words with a question (BM25).

    score = sum over words of  idf * tf (k + 1) / (tf + k (1 - b + b length / mean length))
    idf = ln(1 + (N - n + 0.5) / (n + 0.5))

Chinese and Japanese are compared by pairs of characters, as they write no spaces. What is read and
what is left out (no text, too large, outside of the folder) is counted.

References:
    Stephen Robertson, Hugo Zaragoza. The probabilistic relevance framework: BM25 and beyond. 2009.
    https://www.staff.city.ac.uk/~sbrp622/papers/foundations_bm25_review.pdf
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from cartograd.apps.tools.named import check_folder
from cartograd.apps.tools.tool import Tool
from cartograd.core.errors import UsageError

K, B = 1.2, 0.75
"""How soon more of the same word counts no more; how much long passages count less."""

SUFFIXES = (
    ".txt",
    ".md",
    ".rst",
    ".csv",
    ".tsv",
    ".json",
    ".html",
    ".py",
    ".toml",
    ".yaml",
    ".yml",
)

LARGEST = 2_000_000
"""Most bytes of a file that is read."""

WORDS = 120
"""About how many words a passage has."""

ASIAN = "\u3040-\u30ff\u3400-\u9fff"
WORD = re.compile(rf"[{ASIAN}]+|[^\W_]+")


@dataclass(frozen=True)
class Passage:
    """A part of a file."""

    file: str
    line: int
    text: str


class Passages:
    """The texts of a folder, to be searched.

    Args:
        folder: of texts.

    Attributes:
        all: the passages.
        left_out: files that were not read, and why.

    Raises:
        UsageError: there is no such folder, or no text in it.
    """

    def __init__(self, folder: str | Path, /) -> None:
        home = Path(folder)
        check_folder(folder)
        self.all, self.left_out = list[Passage](), Counter[str]()
        for path in sorted(home.rglob("*")):
            if path.is_file():
                self._read(path, home)
        if not self.all:
            raise UsageError(
                f"{folder} has no texts; expected files like {', '.join(SUFFIXES[:3])}"
            )
        self._counts = [Counter(words(one.text)) for one in self.all]
        lengths = [sum(count.values()) for count in self._counts]
        mean = sum(lengths) / len(lengths)
        self._weights = [K * (1 - B + B * length / mean) for length in lengths]
        self._holders = Counter(word for count in self._counts for word in count)

    def _read(self, path: Path, home: Path) -> None:
        if path.suffix.lower() not in SUFFIXES:
            self.left_out["no text by its name"] += 1
        elif not path.resolve().is_relative_to(home.resolve()):
            self.left_out["outside of the folder"] += 1
        elif path.stat().st_size > LARGEST:
            self.left_out["too large"] += 1
        else:
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                self.left_out["no UTF-8, or not readable"] += 1
                return
            name = path.relative_to(home).as_posix()
            self.all += [Passage(name, line, part) for line, part in parts(text)]

    def found(self, question: str, /, *, top: int = 3) -> list[tuple[float, Passage]]:
        """The best passages for a question, with their scores."""
        asked, size = set(words(question)), len(self.all)
        worth = {
            word: math.log(1 + (size - n + 0.5) / (n + 0.5))
            for word in asked
            if (n := self._holders[word])
        }
        scores = [
            sum(own * count[word] * (K + 1) / (count[word] + weight) for word, own in worth.items())
            for count, weight in zip(self._counts, self._weights, strict=True)
        ]
        best = sorted(range(size), key=lambda i: -scores[i])[:top]
        return [(scores[i], self.all[i]) for i in best if scores[i] > 0]


def words(text: str, /) -> list[str]:
    """The words of a text in lower case; of Chinese and Japanese, pairs of characters.

    >>> words("The 2 Cats; 反向传播")
    ['the', '2', 'cats', '反向', '向传', '传播']
    """
    found: list[str] = []
    for word in WORD.findall(text.lower()):
        if "\u3040" <= word[0] <= "\u9fff" and len(word) > 1:
            found += [word[i : i + 2] for i in range(len(word) - 1)]
        else:
            found.append(word)
    return found


def parts(text: str, /) -> list[tuple[int, str]]:
    """A text in passages of paragraphs, and the line where each begins."""
    found, own, size, begin = list[tuple[int, str]](), list[str](), 0, 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if not own:
            begin = number
        if line.strip():
            own.append(line)
            size += len(words(line))
        if own and (size >= WORDS or (not line.strip() and size >= WORDS // 3)):
            found.append((begin, "\n".join(own)))
            own, size = [], 0
    return [*found, (begin, "\n".join(own))] if own else found


def search_of(folder: str | Path, /) -> Tool:
    """A tool that searches the texts of a folder.

    Raises:
        UsageError: there is no such folder, or no text in it.
    """
    inside = Passages(folder)

    def search(query: str) -> str:
        best = inside.found(query)
        if not best:
            return "nothing in the folder shares a word with that"
        return "\n\n".join(f"[{one.file}:{one.line}]\n{one.text}" for _, one in best)

    parameters = {
        "type": "object",
        "properties": {"query": {"type": "string", "minLength": 1, "maxLength": 100}},
        "required": ["query"],
    }
    return Tool(
        "search", "Finds passages about some words in the user's texts.", parameters, search
    )
