"""Texts of known truths: a finite population of sentences, and what models made of them.

The true value of a metric of texts is its value on the whole population, of which texts are drawn
with replacement, so that it is known exactly. Sentences are of words of a made-up language (Zipf's
frequencies, lengths of a long tail); a model leaves words out, puts others in and replaces some,
more in some texts than in others.
"""

import functools
import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cartograd.practice.metrics.texts import counts, of_counts, scorer_of, whole

POPULATION = 2000
WORDS = 3000
METRICS = ("bleu", "chrf", "word-error-rate")

Ends = tuple[float, float, bool]


@dataclass(frozen=True)
class Corpus:
    """What models make of the sentences.

    Attributes:
        wrong: of how many words in a hundred, on average over texts.
        alike: how little that differs between texts: the sum of a beta distribution's parameters.
        babble: in how many texts the model does not stop but repeats itself.
        other: of how many words in a hundred the second model is wrong beside that; none: there is
            one model.
    """

    name: str
    wrong: float
    alike: float
    babble: float = 0.0
    other: float | None = None
    heavy: tuple[str, ...] = ()


CORPORA = (
    Corpus("texts, 5 of 100 words wrong", 5, 1.0, heavy=METRICS),
    Corpus("texts, 40 of 100 words wrong", 40, 3.0),
    Corpus("texts, 10 of 100 words wrong, some babble", 10, 2.0, 0.03, heavy=METRICS),
    Corpus("texts of two models, one worse", 15, 2.0, other=15),
    Corpus("texts of two models, nearly the same", 15, 2.0, other=1, heavy=METRICS),
)


@functools.cache
def population(corpus: Corpus, /) -> tuple[list[str], ...]:
    """The texts expected and those written, by one model or by two."""
    by = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(by.choices(letters, k=by.randint(1, 9))) for _ in range(WORDS)]
    shares = [1 / (place + 3) for place in range(WORDS)]
    expected, *sides = ([] for _ in range(2 if corpus.other is None else 3))
    for _ in range(POPULATION):
        length = max(1, min(60, round(by.lognormvariate(2.4, 0.5))))
        right = by.choices(words, shares, k=length)
        mean = corpus.wrong / 100
        share = by.betavariate(mean * corpus.alike, (1 - mean) * corpus.alike)
        said = _spoiled(right, share, words, by)
        if by.random() < corpus.babble:
            said += said[-3:] * by.randint(10, 30)
        expected.append(" ".join(right))
        sides[0].append(" ".join(said))
        if corpus.other is not None:
            sides[1].append(" ".join(_spoiled(said, corpus.other / 100, words, by)))
    return expected, *sides


@functools.cache
def counted(corpus: Corpus, metric: str, /) -> tuple[Any, tuple[Tensor, ...]]:
    """The scorer of a metric and what it counts in each text, of one model or of two."""
    expected, *sides = population(corpus)
    scorer = scorer_of(metric)
    return scorer, tuple(counts(scorer, written, expected) for written in sides)


def truth(corpus: Corpus, metric: str, /) -> float:
    """The metric of the population, or how far that of two models is apart."""
    scorer, tables = counted(corpus, metric)
    values = [whole(scorer, table.sum(0)) for table in tables]
    return values[-1] - values[0] if len(values) > 1 else values[0]


def drawn(corpus: Corpus, n: int, by: torch.Generator, /) -> dict[str, Ends]:
    """By metric the interval from so many texts, and whether it is called approximate."""
    rows, found = torch.randint(POPULATION, (n,), generator=by), {}
    for metric in METRICS:
        scorer, tables = counted(corpus, metric)
        ends, why = of_counts(scorer, *(table[rows] for table in reversed(tables)))
        found[metric] = (*ends, bool(why))
    return found


def _spoiled(right: list[str], share: float, words: list[str], by: random.Random) -> list[str]:
    """The words with some left out, replaced, or followed by another."""
    said: list[str] = []
    for word in right:
        if by.random() >= share:
            said.append(word)
            continue
        way = by.random()
        if way < 0.2:
            continue
        said += [by.choice(words)] if way < 0.8 else [word, by.choice(words)]
    return said
