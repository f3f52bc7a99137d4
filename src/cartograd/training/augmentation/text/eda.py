"""EDA: one of four easy changes for each sentence, another one each time.

On little data the four together gain more than any of them. Each copy of a sentence goes through
one operation only, so it stays a sentence.

    x' = op(x),    op uniform over replacement, insertion, swap and deletion

Shapes: sentences as lists of words; as many sentences.

Departures: a new copy in each epoch, where the authors make all copies before the training.

References:
    Jason Wei, Kai Zou. EDA: easy data augmentation techniques for boosting performance on text
    classification tasks. EMNLP 2019. https://arxiv.org/abs/1901.11196

>>> import torch
>>> sentences = [["a", "sad", "film"]] * 3
>>> eda(sentences, CounterRandom(torch.arange(3)), {"sad": ["gloomy"]}.get)
[['a', 'sad', 'film'], ['a', 'gloomy', 'film'], ['film', 'sad', 'a']]
"""

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.text.random_deletion import random_deletion
from cartograd.training.augmentation.text.random_insertion import random_insertion
from cartograd.training.augmentation.text.random_swap import random_swap
from cartograd.training.augmentation.text.synonym_replacement import synonym_replacement
from cartograd.training.augmentation.text.words import Sentences, Thesaurus

CARD = Card(
    name="eda",
    kind="augmentation",
    entry="eda",
    nodes=("regularize/augmentation-text",),
    title="EDA: easy data augmentation",
    zh="EDA 简单文本增强",
    paper="EDA: easy data augmentation techniques for boosting performance on text classification",
    year=2019,
    url="https://arxiv.org/abs/1901.11196",
    proofs=(
        "law: each sentence is what one of the four operations makes of it, each as often as the "
        "others",
    ),
    renamed={"share": "alpha"},
)


def eda(
    sentences: Sentences,
    rng: CounterRandom,
    thesaurus: Thesaurus | None = None,
    /,
    *,
    alpha: float = 0.1,
) -> list[list[str]]:
    """Each sentence changed by one of the four operations.

    Args:
        sentences: the words of each text.
        rng: random numbers of each text.
        thesaurus: words that mean the same as a word.
        alpha: what part of a text's words each operation changes.

    Raises:
        UsageError: there is no thesaurus, and WordNet has not been fetched.
    """
    which = rng.integers(4)
    augmented: list[list[str]] = [[] for _ in sentences]
    for number in range(4):
        rows = (which == number).nonzero()[:, 0]
        chosen = [list(sentences[int(i)]) for i in rows]
        part = rng.of(rows).within(1)
        if number == 0:
            made = synonym_replacement(chosen, part, thesaurus, alpha=alpha)
        elif number == 1:
            made = random_insertion(chosen, part, thesaurus, alpha=alpha)
        elif number == 2:
            made = random_swap(chosen, part, alpha=alpha)
        else:
            made = random_deletion(chosen, part, p=alpha)
        for i, words in zip(rows, made, strict=True):
            augmented[int(i)] = words
    return augmented
