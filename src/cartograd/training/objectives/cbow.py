"""CBOW (continuous bag of words): from the words around a position, predict the word there.

The vectors of the neighbours are averaged, their order forgotten; the product with the word that
was left out is raised, those with noise words are lowered. One prediction for each window makes it
quicker than skip-gram, and smoother: rare words are drowned by their neighbours.

    L = -log s(u_w . h) - n E_noise[log s(-u_j . h)],    h = mean of v_c over the window

Shapes: a batch is (neighbours `b t`, words ` b`), as the source `words` gives it.

Departures: the noise words of a step are shared by its windows (`noise`).

References:
    Tomas Mikolov, Kai Chen, Greg Corrado, Jeffrey Dean. Efficient estimation of word
    representations in vector space. 2013. https://arxiv.org/abs/1301.3781

>>> import torch
>>> from cartograd.architectures.words.word2vec import Word2Vec
>>> objective = CBOW(model=Word2Vec(vocabulary=9, dim=4, padding_id=0))
>>> batch = torch.tensor([[2, 3, 0], [4, 5, 6]]), torch.tensor([1, 2])
>>> next(objective.losses(batch)).value.shape
torch.Size([2])
"""

from collections.abc import Iterator

import torch
from torch import nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.training.objectives.noise import Noise

CARD = Card(
    name="cbow",
    kind="objective",
    entry="CBOW",
    nodes=("embed/word2vec",),
    title="Continuous bag of words",
    zh="连续词袋模型（CBOW）",
    paper="Efficient estimation of word representations in vector space",
    year=2013,
    url="https://arxiv.org/abs/1301.3781",
    proofs=(
        "law: the loss of a window is that of its mean vector, written out, to 1e-10 in float64; "
        "the order of neighbours and padding change nothing",
    ),
)


class CBOW(nn.Module):
    """The left-out word against negative samples.

    Args:
        model: a word2vec model.
        negatives: number of negative samples that count for each window.
        shared: how many are sampled for a step.
    """

    def __init__(self, *, model: nn.Module, negatives: int = 5, shared: int = 256):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.noise = Noise(model, negatives=negatives, shared=shared)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each window."""
        neighbours, words = batch
        padding = self.noise.padding_id
        there = torch.ones_like(neighbours) if padding is None else (neighbours != padding)
        weights = there.to(self.noise.words.weight.dtype)
        total = torch.einsum("btd,bt->bd", self.noise.words(neighbours), weights)
        h = total / weights.sum(1, keepdim=True).clamp(min=1)
        counted = torch.ones_like(words[:, None], dtype=torch.bool)
        yield Loss(self.noise.loss(h, words[:, None], counted))
