"""Random deletion: each word left out with a small probability.

    w stays with probability 1 - p; of a sentence that lost all its words, one stays

Dropout for words: no single one may carry the whole answer.

Shapes: sentences as lists of words; as many sentences, shorter ones.

Departures: none.

References:
    Jason Wei, Kai Zou. EDA: easy data augmentation techniques for boosting performance on text
    classification tasks. EMNLP 2019. https://arxiv.org/abs/1901.11196

>>> import torch
>>> random_deletion([["a", "good", "film"]], CounterRandom(torch.tensor([3])), p=0.5)
[['a']]
"""

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.text.words import Sentences, longest

CARD = Card(
    name="random-deletion",
    kind="augmentation",
    entry="random_deletion",
    nodes=("regularize/augmentation-text",),
    title="Random deletion",
    zh="随机删除",
    paper="EDA: easy data augmentation techniques for boosting performance on text classification",
    year=2019,
    url="https://arxiv.org/abs/1901.11196",
    proofs=(
        "law: what is left is in its order, a word is left out as often as the share says, and "
        "something is always left",
    ),
    evidence={"regularize/augmentation-text": ("test_deletion",)},
    renamed={"share": "p"},
)


def random_deletion(
    sentences: Sentences, rng: CounterRandom, /, *, p: float = 0.1
) -> list[list[str]]:
    """Each sentence without a share of its words.

    Args:
        sentences: the words of each text.
        rng: random numbers of each text.
        p: probability that a word is left out.
    """
    numbers = rng.uniform(longest(sentences) + 1).tolist()
    augmented = []
    for words, (one, *rest) in zip(sentences, numbers, strict=True):
        left = [word for word, number in zip(words, rest, strict=False) if number >= p]
        augmented.append(left or [words[int(one * len(words))]] if words else [])
    return augmented
