"""Pairs of answers, and what a model thinks of them."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from acceptance.own_chats import SYSTEM, definitions

LEARNED, HELD = 64, 30
"""Pairs to learn from, and held out."""

OTHERS, JUDGED = 128, 50
"""Further pairs for a judge, against definitions of other words; and held-out ones of each sort."""

DODGES = (
    "I do not know.",
    "Why do you ask me that?",
    "It is a word like any other word.",
    "Please look it up in a dictionary yourself.",
    "That is not something I want to talk about.",
    "There are many words, and this is one of them.",
    "Some questions are best left to people who have more time.",
    "I could tell you that, but I would rather not do so.",
)
NEW_DODGES = (
    "Never mind that.",
    "Who cares what it means?",
    "You should ask somebody else about this word.",
    "I am sorry, but I have better things to do now.",
    "Words mean whatever people want them to mean, so never mind.",
)
"""Answers that say nothing: of the pairs that are learned from, and of those held out."""

ALIKE = 0.15
"""By which share of its letters an empty answer may be longer or shorter than the definition."""


class Pairs(NamedTuple):
    """What a model thinks of held-out pairs.

    Attributes:
        likelier: the share of which the better answer is the likelier one.
        raised: the share of which the better answer gained more than the worse one did.
        longer: the share of which the better answer has more tokens; half of those with as many.
    """

    likelier: float
    raised: float
    longer: float


def write_files(folder: Path, seed: int, /) -> None:
    """Pairs to learn from, and held-out ones.

    A pair is a definition of WordNet against an answer that says nothing, of about as many letters.
    No word of a file is in another, and the held-out pairs have other empty answers.
    """
    from cartograd.data.store import packages

    draw = random.Random(seed)
    words = list(dict(definitions(packages.where("wordnet"))).items())
    draw.shuffle(words)
    known, held = _pairs(words, DODGES, LEARNED, draw), _pairs(words, NEW_DODGES, HELD, draw)
    _write(folder / f"liked-{seed}.jsonl", known)
    _write(folder / f"held-{seed}.jsonl", held)


def pairs_of(model: Any, path: Path, /) -> tuple[Pairs, Pairs]:
    """What a model with an adapter thought of the pairs of a file without it, and thinks now."""
    from cartograd.training.adapters.beside import unchanged

    now, lengths = _gaps(model, path)
    with unchanged(model):
        then, _ = _gaps(model, path)
    before, after = (Pairs(*map(_share, (one, one - then, lengths))) for one in (then, now))
    return before, after


def write_judged(folder: Path, seed: int, /) -> None:
    """Pairs for a judge: definitions against empty answers and against those of other words.

    No word and no definition is in two pairs; the held-out pairs of each sort are in a file.
    """
    from cartograd.data.store import packages

    draw = random.Random(seed)
    words = list(dict(definitions(packages.where("wordnet"))).items())
    draw.shuffle(words)
    known = _pairs(words, DODGES, LEARNED, draw) + _others(words, OTHERS)
    draw.shuffle(known)
    _write(folder / f"judged-{seed}.jsonl", known)
    _write(folder / f"empty-{seed}.jsonl", _pairs(words, NEW_DODGES, JUDGED, draw))
    _write(folder / f"other-{seed}.jsonl", _others(words, JUDGED))


def judged_of(model: Any, path: Path, /) -> tuple[float, float, float]:
    """In how many of a file's pairs the better answer has more of something; ties are halves.

    Returns:
        Of the reward; of likelihood to the language model as it began; of tokens.
    """
    from cartograd.core.eval_mode import inferring
    from cartograd.training.adapters.beside import unchanged
    from cartograd.training.objectives.bradley_terry import BradleyTerry
    from cartograd.training.preferences.likelihood import answers_of, side_by_side

    judge, found = BradleyTerry(model=model), [0.0, 0.0, 0.0]
    for batch in _batches(model, path):
        better, worse, labels = batch
        tokens = side_by_side(better, worse, 0)
        both = torch.cat([labels[:, 0], labels[:, 1]])[:, : tokens.shape[1]]
        with inferring(model):
            (told,) = judge.losses(batch)
        with inferring(model), unchanged(model):
            likely, _ = answers_of(model.model.decoder, tokens, both, "pairs", paired=True)
        gaps = told.metrics["difference"], *map(_gap, (likely, (both >= 0).sum(1)))
        found = [one + len(gap) * _share(gap) for one, gap in zip(found, gaps, strict=True)]
    return found[0], found[1], found[2]


def _asked(word: str) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": f"What does {word} mean?"},
    ]


def _pairs(
    words: list[tuple[str, str]], dodges: tuple[str, ...], count: int, draw: random.Random
) -> list[tuple[str, str, str]]:
    """Words with their better and worse answers; what is taken is taken off the list."""
    found = list[tuple[str, str, str]]()
    while len(found) < count:
        word, gloss = words.pop(0)
        fits = [one for one in dodges if abs(len(one) - len(gloss) - 1) <= ALIKE * len(one)]
        if fits:
            found.append((word, f"{gloss[:1].upper()}{gloss[1:]}.", draw.choice(fits)))
    return found


def _others(words: list[tuple[str, str]], count: int) -> list[tuple[str, str, str]]:
    """Words with their definitions and as long ones of other words; all are taken off the list."""
    found = list[tuple[str, str, str]]()
    while len(found) < count:
        word, gloss = words.pop(0)
        near = (
            place
            for place, (_, own) in enumerate(words)
            if own != gloss and abs(len(own) - len(gloss)) <= ALIKE * len(gloss)
        )
        place = next(near, None)
        if place is not None:
            _, other = words.pop(place)
            better, worse = (f"{one[:1].upper()}{one[1:]}." for one in (gloss, other))
            found.append((word, better, worse))
    return found


def _write(path: Path, pairs: list[tuple[str, str, str]]) -> None:
    rows = [
        {"prompt": _asked(word)}
        | {
            key: [{"role": "assistant", "content": text}]
            for key, text in (("chosen", better), ("rejected", worse))
        }
        for word, better, worse in pairs
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def _share(gaps: torch.Tensor) -> float:
    """The share that is above zero, and half of what is zero."""
    return ((gaps > 0).float() + (gaps == 0).float() / 2).mean().item()


def _gaps(model: Any, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """By how much the better answer of each pair is likelier and longer than the worse one."""
    from cartograd.core.eval_mode import inferring
    from cartograd.training.preferences.likelihood import answers_of, side_by_side

    found, long = list[torch.Tensor](), list[torch.Tensor]()
    for better, worse, labels in _batches(model, path):
        tokens = side_by_side(better, worse, 0)
        both = torch.cat([labels[:, 0], labels[:, 1]])[:, : tokens.shape[1]]
        with inferring(model):
            sums, _ = answers_of(model, tokens, both, "pairs")
        for told, by in ((found, sums), (long, (both >= 0).sum(1))):
            told.append(_gap(by))
    return torch.cat(found), torch.cat(long)


def _batches(model: Any, path: Path) -> Iterator[tuple[torch.Tensor, ...]]:
    """The pairs of a file as the model writes them: better and worse answers, and labels."""
    from cartograd.apps.load.source import dataset
    from cartograd.data.dataset.token_rows import respelt

    data = respelt(
        dataset(f"preferences:{path},valid=0,test=0"), model.tokenizer, model.signature.input
    )
    return data.train.batches(batch_size=8, shuffle=False).epoch(0, seed=0)


def _gap(numbers: torch.Tensor) -> torch.Tensor:
    """By how much those of the first half are larger than those of the second."""
    one, two = numbers.view(2, -1)
    return (one - two).clone()
