"""Word2vec: each word is a vector, learned by predicting words from their neighbours.

Two embedding tables hold a vector for each word: as input, and as output. The input vectors are
averaged, and a word is the more likely the larger the dot product of its output vector with that
mean. Words in similar contexts get similar vectors; the output table is discarded afterwards. Each
word has one vector, whatever it means in a sentence.

    p(w | words read) ~ exp(u_w . mean_i v_i)

Shapes: tokens `b t`, padding left out of the mean; logits `b v` of the word that was left out
(CBOW), or of any neighbour if one word is read (skip-gram).

Departures: both tables begin at random (the original's second one at zero).

References:
    Tomas Mikolov, Kai Chen, Greg Corrado, Jeffrey Dean. Efficient estimation of word
    representations in vector space. 2013. https://arxiv.org/abs/1301.3781

>>> import torch
>>> model = Word2Vec(vocabulary=9, dim=4, padding_id=0)
>>> model(torch.tensor([[3, 1, 0], [4, 0, 0]])).shape
torch.Size([2, 9])
>>> torch.equal(model.read(torch.tensor([[4, 0]]))[0], model.vectors[4])
True
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card

CARD = Card(
    name="word2vec",
    kind="model",
    entry="Word2Vec",
    nodes=("embed/word2vec",),
    title="Word2vec",
    zh="词向量（Word2Vec）",
    paper="Efficient estimation of word representations in vector space",
    year=2013,
    url="https://arxiv.org/abs/1301.3781",
    proofs=(
        "oracle: gensim.models.Word2Vec trained on the same text: similarities correlate",
        "law: the logits are the products of the mean vector read with the second table, and "
        "padding changes nothing",
    ),
    evidence={
        "embed/word2vec": (
            "test_similarities_are_those_of_gensim",
            "acceptance:word-vectors",
            "claim:word2vec-static",
        ),
    },
    tiny={"vocabulary": 11, "dim": 6, "padding_id": 0},
    objective="skip-gram",
)


class Word2Vec(nn.Module):
    """Two vectors for each word.

    Args:
        vocabulary: number of words.
        dim: size of a vector.
        padding_id: the padding token.
    """

    def __init__(self, *, vocabulary: int, dim: int = 100, padding_id: int | None = None):
        super().__init__()
        self.padding_id = padding_id
        self.words = nn.Embedding(vocabulary, dim)
        self.guessed = nn.Embedding(vocabulary, dim)
        for table in (self.words, self.guessed):
            nn.init.uniform_(table.weight, -0.5 / dim, 0.5 / dim)

    @property
    def vectors(self) -> Float[Tensor, "v d"]:
        """The vector of each word."""
        return self.words.weight

    def read(self, tokens: Int[Tensor, "b t"], /) -> Float[Tensor, "b d"]:
        """The mean of the vectors of some words; zero where there is none."""
        if self.padding_id is None:
            return self.words(tokens).mean(1)
        there = (tokens != self.padding_id).to(self.words.weight.dtype)
        total = torch.einsum("btd,bt->bd", self.words(tokens), there)
        return total / there.sum(1, keepdim=True).clamp(min=1)

    def forward(self, tokens: Int[Tensor, "b t"], /) -> Float[Tensor, "b v"]:
        """How well each word goes with those read."""
        return self.read(tokens) @ self.guessed.weight.mT
