"""Negative sampling: what skip-gram and CBOW have in common.

To learn which word belongs to a vector without a softmax over all words, the true word's dot
product with it is raised and those of a few random words are lowered. These are sampled by word
frequency to the power 3/4: rare ones more often than they occur, frequent ones less.

    loss(h, w) = -log s(u_w . h) - (n / m) sum_(j <= m, w_j != w) log s(-u_j . h)

One sample of m words is shared by a whole step instead of n for each pair: dot products with all
of them are one matrix product. The weight n / m keeps the expectation that of n words per pair.

References:
    Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado, Jeffrey Dean. Distributed
    representations of words and phrases and their compositionality. NIPS 2013.
    https://arxiv.org/abs/1310.4546
    Shihao Ji, Nadathur Satish, Sheng Li, Pradeep Dubey. Parallelizing word2vec in shared and
    distributed memory. 2016. https://arxiv.org/abs/1604.04661
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.core.hashing import mixed
from cartograd.core.signed import Signed

POWER = 0.75


class Noise(nn.Module):
    """Negative samples, drawn by word frequency, and the loss of true words against them.

    Args:
        model: a word2vec model; its tokenizer knows how often words occur, else all are equally
            likely.
        negatives: number of negative samples that count for each true word.
        shared: how many are sampled for a step.

    Raises:
        UsageError: the model does not have two embedding tables.
    """

    cumulated: Tensor

    def __init__(self, model: nn.Module, /, *, negatives: int, shared: int):
        super().__init__()
        inner = model.model if isinstance(model, Signed) else model
        parts = dict(inner.named_children())
        words, guessed = parts.get("words"), parts.get("guessed")
        if not isinstance(words, nn.Embedding) or not isinstance(guessed, nn.Embedding):
            raise UsageError(
                f"skip-gram and cbow need a model with two vectors for each word, such as "
                f"word2vec; {type(inner).__name__} has none"
            )
        self._tables = words, guessed  # the model's own: not to be registered a second time
        self.padding_id = vars(inner).get("padding_id")
        self.negatives, self.shared = negatives, shared
        size = words.num_embeddings
        tokenizer = vars(model).get("tokenizer")
        counts = [] if tokenizer is None else tokenizer.counts
        frequency = torch.ones(size, dtype=torch.float64)
        if counts:
            frequency[: len(counts)] = torch.tensor(counts, dtype=torch.float64)
        if self.padding_id is not None:
            frequency[self.padding_id] = 0
        self.register_buffer("cumulated", frequency.pow(POWER).cumsum(0), persistent=False)

    @property
    def words(self) -> nn.Embedding:
        """The embedding table of the input words."""
        return self._tables[0]

    @property
    def guessed(self) -> nn.Embedding:
        """The embedding table of the predicted words."""
        return self._tables[1]

    def drawn(self) -> Int[Tensor, " n"]:
        """The step's negative samples: a function of its seed alone, so microbatches share them."""
        draw = torch.Generator().manual_seed(mixed(torch.default_generator.initial_seed(), 0) >> 1)
        u = torch.rand(self.shared, generator=draw, dtype=torch.float64).to(self.cumulated.device)
        indices = torch.searchsorted(self.cumulated, u * self.cumulated[-1], right=True)
        return indices.clamp(max=len(self.cumulated) - 1)

    def loss(
        self, h: Float[Tensor, "b d"], right: Int[Tensor, "b t"], counted: Tensor, /
    ) -> Float[Tensor, " b"]:
        """The loss of each vector, summed over its true words.

        Args:
            h: the input vectors.
            right: the true words of each.
            counted: mask of those that are not padding.
        """
        noise = self.drawn()
        true = torch.einsum("btd,bd->bt", self.guessed(right), h)
        false = F.softplus(h @ self.guessed(noise).mT)
        hits = torch.zeros_like(false)
        for position in range(right.shape[1]):
            hits += (right[:, position, None] == noise) & counted[:, position, None]
        pairs = counted.sum(1, keepdim=True) - hits
        away = (false * pairs).sum(1) * (self.negatives / self.shared)
        return (F.softplus(-true) * counted).sum(1) + away
