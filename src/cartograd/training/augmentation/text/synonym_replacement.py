"""Synonym replacement: some words of a sentence by others that mean the same.

Whoever read `a sad, human comedy` has not read `a lamentable, human comedy`, and it is as sad. Only
words that carry meaning are replaced, each wherever it stands.

    n = max(1, alpha * words) different words w with synonyms, drawn at random:
    every w -> one of synonyms(w)

Shapes: sentences as lists of words; as many sentences, of other lengths where a synonym is several
words.

Departures: words are looked up as they stand, without the reduction to their base form (`dogs` to
`dog`), whose synonyms would not fit the sentence. A case is not kept.

References:
    Jason Wei, Kai Zou. EDA: easy data augmentation techniques for boosting performance on text
    classification tasks. EMNLP 2019. https://arxiv.org/abs/1901.11196

>>> import torch
>>> rng = CounterRandom(torch.tensor([0]))
>>> synonym_replacement([["a", "sad", "film"]], rng, {"sad": ["gloomy"]}.get)
[['a', 'gloomy', 'film']]
"""

from collections.abc import Sequence

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.text.words import (
    STOP_WORDS,
    Sentences,
    Thesaurus,
    count,
    known,
    longest,
)

CARD = Card(
    name="synonym-replacement",
    kind="augmentation",
    entry="synonym_replacement",
    nodes=("regularize/augmentation-text",),
    title="Synonym replacement",
    zh="同义词替换",
    paper="EDA: easy data augmentation techniques for boosting performance on text classification",
    year=2019,
    url="https://arxiv.org/abs/1901.11196",
    proofs=(
        "law: as many different words as the share says are replaced wherever they stand, each by "
        "one of its synonyms, each synonym as often as the others; stop words stay",
    ),
    evidence={"regularize/augmentation-text": ("test_replacement",)},
    renamed={"share": "alpha"},
)


def synonym_replacement(
    sentences: Sentences,
    rng: CounterRandom,
    thesaurus: Thesaurus | None = None,
    /,
    *,
    alpha: float = 0.1,
) -> list[list[str]]:
    """Each sentence with a share of its words replaced by synonyms (by default WordNet's).

    Args:
        sentences: the words of each text.
        rng: random numbers of each text.
        thesaurus: words that mean the same as a word.
        alpha: what part of the words is replaced.

    Raises:
        UsageError: there is no thesaurus, and WordNet has not been fetched.
    """
    synonyms = known(thesaurus)
    size = longest(sentences)
    order, choice = (rng.within(part).uniform(size).tolist() for part in (0, 1))
    return [
        _replaced(list(words), synonyms, alpha, first, second)
        for words, first, second in zip(sentences, order, choice, strict=True)
    ]


def _replaced(
    words: list[str],
    synonyms: Thesaurus,
    alpha: float,
    order: Sequence[float],
    choice: Sequence[float],
) -> list[str]:
    """One sentence; `order` says which words come first, `choice` which synonym."""
    left = count(len(words), alpha)
    different = list(dict.fromkeys(word for word in words if word.lower() not in STOP_WORDS))
    ranked = sorted(range(len(different)), key=lambda i: order[i])
    instead: dict[str, list[str]] = {}
    for i in ranked:
        options = synonyms(different[i]) if len(instead) < left else None
        if options:
            instead[different[i]] = options[int(choice[i] * len(options))].split()
    return [new for word in words for new in instead.get(word, [word])]
