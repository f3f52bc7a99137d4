"""Neighbours: the words whose vectors have the largest cosine similarity to a given vector.

A difference of two words that is added to a third answers questions like "king is to man as ... is
to woman", as far as it does: the words of the question themselves, usually nearest, are left out.

    analogy(a : b = ? : c) = argmax_w cos(w, a - b + c)

Shapes: vectors `v d`; a question is text such as `king - man + woman`.

Departures: none.

References:
    Tomas Mikolov, Wen-tau Yih, Geoffrey Zweig. Linguistic regularities in continuous space word
    representations. NAACL 2013. https://aclanthology.org/N13-1090

>>> import torch
>>> place = torch.tensor([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
>>> nearest(place, ("king", "man", "queen", "lady"), "king", top=1)[0][0]
'man'
>>> nearest(place, ("king", "man", "queen", "lady"), "king - man + queen", top=1)[0][0]
'lady'
"""

import re
from collections.abc import Iterator, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.words.word2vec import Word2Vec
from cartograd.core.errors import UsageError, unknown
from cartograd.core.signed import Signed


def neighbours(model: nn.Module, question: str, /, *, top: int = 10) -> list[tuple[str, float]]:
    """The nearest words of a trained model.

    Args:
        model: a `Word2Vec` with its signature, whose labels are the words.
        question: a word, or words with plus and minus between them.
        top: how many to give.

    Raises:
        UsageError: the model has no word vectors, or a word is not known.
    """
    inner = model.model if isinstance(model, Signed) else model
    if not isinstance(model, Signed) or not isinstance(inner, Word2Vec):
        raise UsageError(
            f"neighbours need a word2vec model with its words; {type(inner).__name__} is none"
        )
    return nearest(inner.vectors.detach(), model.signature.output.labels, question, top=top)


def nearest(
    vectors: Float[Tensor, "v d"], words: Sequence[str], question: str, /, *, top: int = 10
) -> list[tuple[str, float]]:
    """The words nearest to a sum of words, with their cosines; its own words are left out.

    Raises:
        UsageError: a word is not known.
    """
    index = {word: number for number, word in enumerate(words)}
    directions = nn.functional.normalize(vectors.float(), dim=1)
    wanted, own = directions.new_zeros(directions.shape[1]), []
    for sign, word in _terms(question):
        if word not in index:
            raise unknown("word", word, words)
        own.append(index[word])
        wanted += sign * directions[index[word]]
    cosines = directions @ nn.functional.normalize(wanted, dim=0)
    cosines[[*own, *(index[word] for word in words if word.startswith("<"))]] = -2.0
    found = cosines.topk(min(top, len(words) - len(own)))
    pairs = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return [(str(words[number]), value) for number, value in pairs if value > -2]


def _terms(question: str) -> Iterator[tuple[int, str]]:
    """Words with their signs: a sign stands alone, so that `mother-in-law` is a word."""
    sign = 1
    for part in re.split(r"\s+", question.strip()):
        if part in ("+", "-"):
            sign = 1 if part == "+" else -1
        else:
            yield sign, part
            sign = 1
