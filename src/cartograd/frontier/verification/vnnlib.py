"""VNN-LIB: files that say which answers of a network are unsafe, as the VNN-COMP uses them.

    (declare-const X_0 Real)  (declare-const Y_0 Real)
    (assert (>= X_0 0.1))  (assert (or (and (<= Y_0 Y_1)) (and (<= Y_0 2))))

X are the numbers of an input, in the order of its flattened form, Y those of the answer. Whatever
satisfies all that is asserted is a counterexample. Read are `<=`, `>=`, `and`, `or`, sums,
differences and products with a number; an X stands beside numbers only, so that inputs form boxes.

References:
    Stanley Bak, Changliu Liu, Taylor Johnson. The second international verification of neural
    networks competition (VNN-COMP 2021): summary and results. https://arxiv.org/abs/2109.00498

>>> read = parsed('''(declare-const X_0 Real) (declare-const Y_0 Real) ; a box, and a limit
... (assert (<= X_0 2)) (assert (>= X_0 -1)) (assert (>= Y_0 3.5))''', "file")
>>> read.cases[0]
Case(low=(-1.0,), high=(2.0,), weights=((-1.0,),), limits=(-3.5,))
"""

import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from cartograd.core.errors import UsageError

MOST = 10_000
"""Cases of a file, which alternatives multiply."""

TOKEN = re.compile(r"\s+|;[^\n]*|[()]|[^\s();]+")
VARIABLE = re.compile(r"([XY])_(\d+)")


@dataclass(frozen=True)
class Case:
    """A box of inputs with answers that are unsafe: each sum weights @ y is at most its limit."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    limits: tuple[float, ...]


@dataclass(frozen=True)
class Property:
    """What a file says: no input of any case may be answered unsafely.

    Attributes:
        inputs, outputs: how many numbers are declared.
        cases: alternatives.
    """

    inputs: int
    outputs: int
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class _Word:
    text: str
    at: tuple[int, int]


@dataclass(frozen=True)
class _Limit:
    """A sum of variables that is at most a number."""

    terms: dict[str, float]
    most: float
    at: tuple[int, int]


class _Mistake(Exception):  # noqa: N818 - it becomes a UsageError
    def __init__(self, at: tuple[int, int], text: str):
        super().__init__(text)
        self.at = at


def parsed(text: str, name: str, /) -> Property:
    """The property that a file's text says.

    Raises:
        UsageError: with the line and the column of what is wrong.
    """
    try:
        return _Reader(text).property()
    except _Mistake as mistake:
        line, column = mistake.at
        raise UsageError(f"{name}, line {line}, column {column}: {mistake}") from mistake


class _Reader:
    def __init__(self, text: str):
        self._words = deque(_words(text))
        lines = text.splitlines() or [""]
        self._end = (len(lines), len(lines[-1]) + 1)
        self._names: dict[str, tuple[int, int]] = {}
        self._all: list[list[list[_Limit]]] = []

    def property(self) -> Property:
        while self._words:
            form = self._form()
            head = _head(form)
            if head.text == "declare-const":
                self._declare(form, head)
            elif head.text == "assert" and len(form) == 2:
                self._all.append(self._either(form[1]))
            else:
                raise _Mistake(
                    head.at, f"{head.text!r} is not read; expected (declare-const X_0 Real) or "
                    "(assert ...)",
                )  # fmt: skip
        inputs, outputs = (self._count(letter) for letter in "XY")
        if math.prod(map(len, self._all)) > MOST:
            raise _Mistake(self._end, f"the alternatives make more than {MOST} cases")
        both = [[limit for part in parts for limit in part] for parts in product(*self._all)]
        return Property(inputs, outputs, tuple(self._case(one, inputs, outputs) for one in both))

    def _form(self) -> Any:
        """The next word, or list of forms."""
        if not self._words:
            raise _Mistake(self._end, "the file ends within brackets; expected ')'")
        word = self._words.popleft()
        if word.text == ")":
            raise _Mistake(word.at, "')' closes nothing")
        if word.text != "(":
            return word
        parts = []
        while self._words and self._words[0].text != ")":
            parts.append(self._form())
        if not self._words:
            raise _Mistake(word.at, "'(' is not closed")
        self._words.popleft()
        if not parts:
            raise _Mistake(word.at, "'()' says nothing")
        return parts

    def _declare(self, form: Any, head: _Word) -> None:
        words = [one for one in form if isinstance(one, _Word)]
        if len(words) != 3 or len(form) != 3 or words[2].text != "Real":
            raise _Mistake(head.at, "expected (declare-const X_0 Real)")
        name = words[1]
        if not VARIABLE.fullmatch(name.text):
            raise _Mistake(name.at, f"{name.text!r} is no X_0, X_1, ... or Y_0, Y_1, ...")
        if name.text in self._names:
            raise _Mistake(name.at, f"{name.text} is declared twice")
        self._names[name.text] = name.at

    def _count(self, letter: str) -> int:
        numbers = sorted(int(name[2:]) for name in self._names if name[0] == letter)
        if not numbers or numbers != list(range(len(numbers))):
            missing = next((i for i, n in enumerate(numbers) if i != n), len(numbers))
            raise _Mistake(self._end, f"{letter}_{missing} is not declared")
        return len(numbers)

    def _either(self, form: Any) -> list[list[_Limit]]:
        """A formula as alternatives of limits that hold together."""
        head = _head(form)
        if head.text == "or":
            return [part for one in form[1:] for part in self._either(one)]
        if head.text == "and":
            parts = [self._either(one) for one in form[1:]]
            if math.prod(map(len, parts)) > MOST:
                raise _Mistake(head.at, f"the alternatives make more than {MOST} cases")
            return [[limit for part in each for limit in part] for each in product(*parts)]
        if head.text not in ("<=", ">=") or len(form) != 3:
            raise _Mistake(
                head.at, f"{head.text!r} is not read here; expected <= or >= of two, and, or"
            )
        one, two = (self._sum(part) for part in form[1:])
        sign = 1.0 if head.text == "<=" else -1.0
        terms = {
            name: sign * (one.get(name, 0.0) - two.get(name, 0.0))
            for name in {**one, **two}
            if name
        }
        terms = {name: weight for name, weight in terms.items() if weight}
        return [[_Limit(terms, sign * (two.get("", 0.0) - one.get("", 0.0)), head.at)]]

    def _sum(self, form: Any) -> dict[str, float]:
        """A term as weights of variables; that of no name is a number."""
        if isinstance(form, _Word):
            return self._term(form)
        head = _head(form)
        parts = [self._sum(one) for one in form[1:]]
        if head.text in ("+", "-") and parts:
            signs = [1.0] + [1.0 if head.text == "+" else -1.0] * (len(parts) - 1)
            if head.text == "-" and len(parts) == 1:
                signs = [-1.0]
        elif head.text == "*" and len(parts) == 2 and any(set(one) <= {""} for one in parts):
            parts.sort(key=lambda one: set(one) <= {""})
            parts, signs = parts[:1], [parts[1].get("", 0.0)]
        else:
            raise _Mistake(
                head.at, f"{head.text!r} is not read here; expected +, -, or * of a number"
            )
        found: dict[str, float] = {}
        for sign, part in zip(signs, parts, strict=True):
            for name, weight in part.items():
                found[name] = found.get(name, 0.0) + sign * weight
        return found

    def _term(self, word: _Word) -> dict[str, float]:
        if word.text in self._names:
            return {word.text: 1.0}
        if VARIABLE.fullmatch(word.text):
            raise _Mistake(word.at, f"{word.text} is not declared")
        try:
            number = float(word.text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise _Mistake(word.at, f"{word.text!r} is neither a number nor a variable")
        return {"": number}

    def _case(self, limits: Sequence[_Limit], inputs: int, outputs: int) -> Case:
        low, high = [-math.inf] * inputs, [math.inf] * inputs
        rows, most = [], []
        for limit in limits:
            letters = {name[0] for name in limit.terms}
            if letters == {"Y"}:
                rows.append(tuple(limit.terms.get(f"Y_{k}", 0.0) for k in range(outputs)))
                most.append(limit.most)
            elif len(limit.terms) == 1:
                ((name, weight),) = limit.terms.items()
                place, value = int(name[2:]), limit.most / weight
                if weight > 0:
                    high[place] = min(high[place], value)
                else:
                    low[place] = max(low[place], value)
            elif not limit.terms:
                raise _Mistake(limit.at, "a comparison of numbers alone says nothing of the model")
            else:
                raise _Mistake(
                    limit.at, "relates an input to something else than numbers; inputs are boxes"
                )
        if not rows:
            at = limits[-1].at if limits else self._end
            raise _Mistake(at, "a case says nothing of the outputs; expected a limit of some Y")
        for place, (least, largest) in enumerate(zip(low, high, strict=True)):
            if least > largest:
                raise _Mistake(
                    limits[-1].at, f"X_{place} has to be at least {least:g} and at most {largest:g}"
                )
        return Case(tuple(low), tuple(high), tuple(rows), tuple(most))


def _words(text: str) -> Iterator[_Word]:
    line, start = 1, 0
    for match in TOKEN.finditer(text):
        word = match[0]
        if not word[0].isspace() and word[0] != ";":
            yield _Word(word, (line, match.start() - start + 1))
        if "\n" in word:
            line, start = line + word.count("\n"), match.start() + word.rindex("\n") + 1


def _head(form: Any) -> _Word:
    """The word that a form begins with."""
    first = form if isinstance(form, _Word) else form[0]
    if isinstance(form, _Word) or not isinstance(first, _Word):
        while not isinstance(first, _Word):
            first = first[0]
        raise _Mistake(first.at, f"{first.text!r} is not read here; expected a form in brackets")
    return first
