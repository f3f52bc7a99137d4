"""A decoder's block: attention and a feed-forward part beside shortcuts, with norms around them.

    x <- x + after(attention(before(x)));   x <- x + after(feed_forward(before(x)))

A norm before each part keeps the shortcut free; one after it bounds what a part adds.

References:
    Team OLMo. 2 OLMo 2 furious. 2024 (reordered). https://arxiv.org/abs/2501.00656
    Ming Ding et al. CogView: mastering text-to-image generation via transformers. NeurIPS 2021
    (sandwich). https://arxiv.org/abs/2105.13290
"""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import Memory
from cartograd.architectures.transformer.scored_attention import ScoredAttention


class DecoderBlock(nn.Module):
    """Attention and a feed-forward part beside shortcuts, with norms before, after, or both."""

    def __init__(
        self, attention: ScoredAttention, feed_forward: nn.Module, order: str, eps: float, /
    ):
        super().__init__()
        dim = attention.query.in_features
        before, after = (
            [nn.RMSNorm(dim, eps=eps) if order in these else nn.Identity() for _ in range(2)]
            for these in (("pre", "sandwich"), ("reordered", "sandwich"))
        )
        self.attention_norm, self.feed_forward_norm = before
        self.attention_after, self.feed_forward_after = after
        self.attention, self.feed_forward = attention, feed_forward

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        /,
        *,
        turn: Callable[[Tensor], Tensor] | None,
        mask: Bool[Tensor, "b 1 1 s"] | None,
        window: int | None,
        cache: Memory | None,
    ) -> Float[Tensor, "b t d"]:
        """Each position after both parts; the rest as of `ScoredAttention`."""
        y = self.attention(self.attention_norm(x), turn=turn, mask=mask, window=window, cache=cache)
        x = x + self.attention_after(y)
        return x + self.feed_forward_after(self.feed_forward(self.feed_forward_norm(x)))
