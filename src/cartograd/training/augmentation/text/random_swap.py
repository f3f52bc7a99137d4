"""Random swap: some pairs of words exchanged.

    n = max(1, alpha * words) times: w_i <-> w_j for random places i != j

The order of words carries less of a sentence's class than the words do; a model that is shown that
leans less on accidents of order.

Shapes: sentences as lists of words; as many sentences of the same words.

Departures: two different places each time, where the authors' code gives up after three tries.

References:
    Jason Wei, Kai Zou. EDA: easy data augmentation techniques for boosting performance on text
    classification tasks. EMNLP 2019. https://arxiv.org/abs/1901.11196

>>> import torch
>>> random_swap([["good", "film"]], CounterRandom(torch.tensor([0])))
[['film', 'good']]
"""

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.text.words import Sentences, count, longest

CARD = Card(
    name="random-swap",
    kind="augmentation",
    entry="random_swap",
    nodes=("regularize/augmentation-text",),
    title="Random swap",
    zh="随机交换",
    paper="EDA: easy data augmentation techniques for boosting performance on text classification",
    year=2019,
    url="https://arxiv.org/abs/1901.11196",
    proofs=(
        "law: the same words, in an order that as many exchanges as the share says can reach; "
        "every pair of places as often as the others",
    ),
    evidence={"regularize/augmentation-text": ("test_swap",)},
    renamed={"share": "alpha"},
)


def random_swap(
    sentences: Sentences, rng: CounterRandom, /, *, alpha: float = 0.1
) -> list[list[str]]:
    """Each sentence with as many pairs exchanged as a share of its words.

    Args:
        sentences: the words of each text.
        rng: random numbers of each text.
        alpha: swaps of two words, as a share of the words there are.
    """
    most = count(longest(sentences), alpha)
    numbers = rng.uniform(2 * most).reshape(len(rng), most, 2).tolist()
    augmented = []
    for words, rows in zip(sentences, numbers, strict=True):
        new = list(words)
        for first, second in rows[: count(len(words), alpha)] if len(new) > 1 else ():
            i = int(first * len(new))
            j = (i + 1 + int(second * (len(new) - 1))) % len(new)
            new[i], new[j] = new[j], new[i]
        augmented.append(new)
    return augmented
