"""Random insertion: synonyms of some words of a sentence, put in anywhere.

What is said stays near what was said, and the model sees that the order of words is not all.

    n = max(1, alpha * words) times: a synonym of a random word at a random place

Shapes: sentences as lists of words; as many sentences, longer ones.

Departures: a random synonym, where the authors' code takes the first of a set. Words that have
none are not drawn.

References:
    Jason Wei, Kai Zou. EDA: easy data augmentation techniques for boosting performance on text
    classification tasks. EMNLP 2019. https://arxiv.org/abs/1901.11196

>>> import torch
>>> random_insertion([["sad"]], CounterRandom(torch.tensor([1])), {"sad": ["gloomy"]}.get)
[['gloomy', 'sad']]
"""

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
    name="random-insertion",
    kind="augmentation",
    entry="random_insertion",
    nodes=("regularize/augmentation-text",),
    title="Random insertion",
    zh="随机插入",
    paper="EDA: easy data augmentation techniques for boosting performance on text classification",
    year=2019,
    url="https://arxiv.org/abs/1901.11196",
    proofs=(
        "law: the words of the sentence stay in their order, and between them stand as many "
        "synonyms of them as the share says, at every place alike",
    ),
    evidence={"regularize/augmentation-text": ("test_insertion",)},
    renamed={"share": "alpha"},
)


def random_insertion(
    sentences: Sentences,
    rng: CounterRandom,
    thesaurus: Thesaurus | None = None,
    /,
    *,
    alpha: float = 0.1,
) -> list[list[str]]:
    """Each sentence with synonyms of a share of its words put in (by default WordNet's).

    Args:
        sentences: the words of each text.
        rng: random numbers of each text.
        thesaurus: words that mean the same as a word.
        alpha: words that are put in, as a share of those there are.

    Raises:
        UsageError: there is no thesaurus, and WordNet has not been fetched.
    """
    synonyms = known(thesaurus)
    most = count(longest(sentences), alpha)
    numbers = rng.uniform(3 * most).reshape(len(rng), most, 3).tolist()
    augmented = []
    for words, rows in zip(sentences, numbers, strict=True):
        able = [word for word in words if word.lower() not in STOP_WORDS and synonyms(word)]
        new = list(words)
        for word, synonym, position in rows[: count(len(words), alpha)] if able else ():
            others = synonyms(able[int(word * len(able))])
            at = int(position * (len(new) + 1))
            new[at:at] = others[int(synonym * len(others))].split()
        augmented.append(new)
    return augmented
