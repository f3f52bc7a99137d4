r"""What is counted of an answer, and from all answers the figure with its interval.

    acc: the likeliest choice is right; acc_norm: over its letters; acc_bytes: over its bytes
    perplexity = exp(-mean log p);  word_perplexity = exp(-sum log p / sum words)
    bits_per_byte = -sum log p / (sum bytes log 2)

A share has Clopper's and Pearson's interval, other means and quotients one by the influence of each
item (`practice/metrics`).
"""

import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from cartograd.apps.exams.exam import LOWER, Match
from cartograd.apps.exams.examinee import Likelihood
from cartograd.apps.exams.prompts import Question
from cartograd.practice.metrics.influence import few, of_sums, skewed, uneven
from cartograd.practice.metrics.proportion import exact

Pair = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """A figure of an exam.

    Attributes:
        value: of all items.
        low, high: its 95 % interval.
        error: standard error of a mean, as lm-evaluation-harness prints it; None of quotients.
        doubt: why the interval may hold the true value less often than it states.
    """

    value: float
    low: float
    high: float
    error: float | None = None
    doubt: str = ""


def of_choices(question: Question, told: Sequence[Likelihood], /) -> tuple[dict[str, float], int]:
    """What counts of one item with choices, and the choice that is likeliest."""
    logs = [one.log for one in told]
    sizes = {
        "acc": [1] * len(logs),
        "acc_norm": [len(one) or 1 for one in question.choices],
        "acc_bytes": [len(one.encode()) or 1 for one in question.choices],
    }
    found, chosen = {}, 0
    for name, parts in sizes.items():
        shares = [log / part for log, part in zip(logs, parts, strict=True)]
        best = shares.index(max(shares))
        found[name] = float(best in question.truth)
        chosen = best if name == "acc" else chosen
    return found, chosen


def of_text(log: float, text: str, /) -> dict[str, Pair]:
    """Log-likelihood of a whole text, over its words and its bytes."""
    words, size = len(re.split(r"\s+", text)), len(text.encode())
    return {
        "word_perplexity": (log, words), "byte_perplexity": (log, size),
        "bits_per_byte": (log, size),
    }  # fmt: skip


def same(written: str, truth: Sequence[int | str], match: Match, /) -> float:
    """Whether a text is one of those expected.

    >>> same("The Cat.", ["the cat"], Match(case=True, punctuation=True))
    1.0
    """
    plain = _plain(written, match)
    return float(any(plain == _plain(str(one), match) for one in truth))


def _plain(text: str, match: Match) -> str:
    for pattern in match.without:
        text = re.sub(pattern, "", text)
    text = text.lower() if match.case else text
    gone = string.punctuation * match.punctuation + string.digits * match.numbers
    return text.translate(str.maketrans("", "", gone)) if gone else text


def figure(name: str, values: Sequence[float | Pair], /) -> Figure:
    """The figure of all items, of what counts in each.

    Args:
        name: of the figure.
        values: in the order of the items; of quotients numerator and denominator.
    """
    if name in LOWER and name != "perplexity":
        return _quotient(name, torch.tensor(values, dtype=torch.float64))
    column = torch.tensor(values, dtype=torch.float64)
    n, mean = len(column), float(column.mean())
    error = float(column.std() / math.sqrt(n)) if n > 1 else None
    if name == "perplexity":
        low, high = skewed(-mean, mean - column)
        ends = math.exp(min(low, 700.0)), math.exp(min(high, 700.0))
        return Figure(math.exp(min(-mean, 700.0)), *ends, None, uneven(column - mean))
    if bool(((column == 0) | (column == 1)).all()):
        return Figure(mean, *exact(float(column.sum()), n), error, few(n))
    return Figure(mean, *skewed(mean, column - mean), error, uneven(column - mean))


def _quotient(name: str, rows: torch.Tensor) -> Figure:
    """A sum of logarithms over a sum of words or bytes."""
    value = float(-rows[:, 0].sum() / rows[:, 1].sum())
    moves = of_sums(lambda sums: -sums[..., 0] / sums[..., 1], rows)
    low, high = skewed(value, moves)
    doubt = uneven(moves) if len(rows) > 1 else "a single text"
    if name == "bits_per_byte":
        value, low, high = (one / math.log(2) for one in (value, low, high))
    else:
        value, low, high = (math.exp(min(one, 700.0)) for one in (value, low, high))
    return Figure(value, low, high, None, doubt)


def chance(questions: Sequence[Question], /) -> float | None:
    """The share of right answers by guessing, where there are choices."""
    if not questions or not all(one.choices and one.answers for one in questions):
        return None
    return sum(len(set(one.truth)) / len(one.choices) for one in questions) / len(questions)


def verdict(text: str, pattern: str, scores: Mapping[str, float], /) -> float | None:
    """What a judge's text counts; None where no verdict is found in it.

    >>> verdict("It is right: YES.", r"(?i)(yes|no)", {"yes": 1.0, "no": 0.0})
    1.0
    """
    hit = re.search(pattern, text)
    if hit is None:
        return None
    word = (hit[1] if hit.re.groups else hit[0]).strip().lower()
    if scores:
        return scores.get(word)
    try:
        return float(word)
    except ValueError:
        return None
