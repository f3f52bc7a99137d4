"""Skip-gram: from a word, predict the words around it.

Each word in the middle of a window is paired with each of its neighbours; the pair's product is
raised, those with noise words are lowered. Rare words learn more than by CBOW, since each of their
occurrences gives as many pairs as it has neighbours.

    L = sum over pairs (w, c): -log s(u_c . v_w) - n E_noise[log s(-u_j . v_w)]

Shapes: a batch is (neighbours `b t`, words ` b`), as the source `words` gives it.

Departures: the noise words of a step are shared by its pairs (`noise`).

References:
    Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado, Jeffrey Dean. Distributed
    representations of words and phrases and their compositionality. NIPS 2013.
    https://arxiv.org/abs/1310.4546

>>> import torch
>>> from cartograd.architectures.words.word2vec import Word2Vec
>>> objective = SkipGram(model=Word2Vec(vocabulary=9, dim=4, padding_id=0))
>>> batch = torch.tensor([[2, 3, 0], [4, 5, 6]]), torch.tensor([1, 2])
>>> next(objective.losses(batch)).weight.tolist()
[2.0, 3.0]
"""

from collections.abc import Iterator

import torch
from torch import nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.training.objectives.noise import Noise

CARD = Card(
    name="skip-gram",
    kind="objective",
    entry="SkipGram",
    nodes=("embed/word2vec",),
    title="Skip-gram with negative sampling",
    zh="跳字模型（负采样）",
    paper="Distributed representations of words and phrases and their compositionality",
    year=2013,
    url="https://arxiv.org/abs/1310.4546",
    proofs=(
        "law: the gradient of a pair is (s(u.v) - 1) u + n/m sum s(u_j.v) u_j, written out, to "
        "1e-10 in float64",
        "law: noise comes by frequency to the power 3/4, and a step's microbatches share it",
    ),
)


class SkipGram(nn.Module):
    """Pairs of a word and each of its neighbours against negative samples.

    Args:
        model: a word2vec model.
        negatives: number of negative samples that count for each pair.
        shared: how many are sampled for a step.
    """

    def __init__(self, *, model: nn.Module, negatives: int = 5, shared: int = 256):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.noise = Noise(model, negatives=negatives, shared=shared)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each word, per neighbour."""
        neighbours, words = batch
        padding = self.noise.padding_id
        counted = torch.ones_like(neighbours, dtype=torch.bool)
        if padding is not None:
            counted = neighbours != padding
        loss = self.noise.loss(self.noise.words(words), neighbours, counted)
        pairs = counted.sum(1)
        yield Loss(loss / pairs.clamp(min=1), weight=pairs.to(loss.dtype))
