"""CLIP's text encoder: a transformer that reads from left to right, and says what each place holds.

A place sees only what stands before it, so the text is known whole at its end-of-text token; that
place, normalised, stands for the text where one vector is wanted. Stable Diffusion attends to all.

    x_0 = tokens + positions      x_l = block_l(x_(l-1)), norms before the parts      y = norm(x)

Shapes: tokens `b t`; answers `b t d`.

Departures: none; the projection to the space shared with pictures belongs to CLIP's whole.

References:
    Alec Radford et al. Learning transferable visual models from natural language supervision. ICML
    2021. https://arxiv.org/abs/2103.00020

>>> import torch
>>> with torch.device("meta"):
...     model = CLIPText()
>>> sum(weight.numel() for weight in model.parameters())
123060480
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="clip-text",
    kind="layer",
    entry="CLIPText",
    nodes=("diffusion/latent",),
    title="CLIP's text encoder",
    zh="CLIP 文本编码器",
    paper="Learning transferable visual models from natural language supervision",
    year=2021,
    url="https://arxiv.org/abs/2103.00020",
    proofs=(
        "oracle: transformers' CLIPTextModel with the same weights, outputs and gradients to 1e-10 "
        "in float64",
        "law: a place sees nothing of those behind it",
        "paper: 123,060,480 parameters of ViT-L/14's",
    ),
    evidence={
        "diffusion/latent": (
            "test_the_published_encoder_has_its_count",
            "test_clip_texts_are_those_of_transformers",
            "test_clip_texts_are_cut_as_transformers_cuts_them",
        ),
    },
    tiny={"vocabulary": 7, "context": 5, "dim": 8, "heads": 2, "depth": 1, "ffn_dim": 8},
)


class CLIPText(nn.Module):
    """An encoder of texts that reads from left to right.

    Args:
        vocabulary: size of the vocabulary.
        context: greatest number of positions.
        dim: features of a position.
        heads: number of heads of each attention.
        depth: number of blocks.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        activation: of the feed-forward parts; the first published models have `gelu-sigmoid`.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 49_408,
        context: int = 77,
        dim: int = 768,
        heads: int = 12,
        depth: int = 12,
        ffn_dim: int | None = None,
        activation: str = "gelu-sigmoid",
    ):
        super().__init__()
        self.context = context
        self.tokens, self.positions = nn.Embedding(vocabulary, dim), nn.Embedding(context, dim)
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(dim=dim, heads=heads),
                feed_forward=FeedForward(
                    dim=dim, ffn_dim=ffn_dim or 4 * dim, activation=activation
                ),
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.01)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """The features of each place.

        Raises:
            UsageError: more tokens than the context holds.
        """
        t = tokens.shape[1]
        if t > self.context:
            raise UsageError(
                f"{t} tokens are more than the {self.context} that this encoder can see at once; "
                "shorten the text"
            )
        x = self.tokens(tokens) + self.positions.weight[:t]
        for block in self.blocks:
            x = block(x, causal=True)
        return self.norm(x)
