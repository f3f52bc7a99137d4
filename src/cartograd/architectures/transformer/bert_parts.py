"""Parts of BERT that its kin share: where a second text begins, and logits of masked tokens.

References:
    Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova. BERT: pre-training of deep
    bidirectional transformers for language understanding. 2018, NAACL 2019.
    https://arxiv.org/abs/1810.04805
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.training.normalization.layers import Rows, of_features


def second_text(
    tokens: Int[Tensor, "b t"], separator_id: int, padding_id: int | None = None, /
) -> Bool[Tensor, "b t"]:
    """Which tokens are of the second text of a pair: those after the first separator.

    >>> second_text(torch.tensor([[1, 7, 3, 8, 3, 0]]), 3, 0).int().tolist()
    [[0, 0, 0, 1, 1, 0]]
    """
    ends = (tokens == separator_id).long()
    after = ends.cumsum(1) - ends > 0
    return after if padding_id is None else after & (tokens != padding_id)


class Masked(nn.Module):
    """Logits of all tokens at each position; the matrix is that of the embedding.

    Args:
        dim, token_dim: features of a position, and of a token's vector.
        vocabulary: size of the vocabulary.
        norm, eps: as of the model.
    """

    def __init__(self, dim: int, token_dim: int, vocabulary: int, norm: Rows, eps: float, /):
        super().__init__()
        self.dense = nn.Linear(dim, token_dim)
        self.norm = of_features(token_dim, norm=norm, eps=eps)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(
        self, x: Float[Tensor, "*n d"], tokens: Float[Tensor, "v d1"]
    ) -> Float[Tensor, "*n v"]:
        """Logits."""
        return F.linear(self.norm(F.gelu(self.dense(x))), tokens, self.bias)
