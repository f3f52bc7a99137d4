"""ImageGPT: a transformer reads a picture pixel by pixel, as GPT reads a text.

Each pixel is a token: one of a palette of greys. A learned start stands in the place of the token
before the first; what is said after it and the pixels so far is the distribution of the next one.
With fewer greys than levels each level of a grey is as likely as its others, so that the answer is
the probability of the very picture. Drawing keeps keys and values, and costs one token at a time.

    log p(x) = sum_i log p(t_i | start, t_1, ..., t_(i-1)) - log (levels of grey t_i)

Shapes: input `b 1 y x` of levels in [0, 1]; log-probabilities ` b` in nats.

Departures: pictures of greys alone (the paper's palette has 512 colours); the palette is that of
the first training batch; no dropout.

References:
    Mark Chen and others. Generative pretraining from pixels. ICML 2020.
    https://proceedings.mlr.press/v119/chen20s.html

>>> model = ImageGPT(channels=1, size=4, levels=5, dim=8, heads=2, depth=1)
>>> nats = model(torch.zeros(2, 1, 4, 4))
>>> torch.allclose(nats, -16 * torch.tensor([5.0, 5.0]).log())
True
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cache import Cache
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.autoregressive.palette import nearest_grey, palette
from cartograd.generative.autoregressive.raster import prefix
from cartograd.generative.level_distributions import level_distribution, nearest, picked

CARD = Card(
    name="imagegpt",
    kind="model",
    entry="ImageGPT",
    nodes=("ar/imagegpt",),
    title="ImageGPT",
    zh="ImageGPT（像素序列的 GPT）",
    aliases=("image-gpt", "igpt"),
    paper="Generative pretraining from pixels",
    year=2020,
    url="https://proceedings.mlr.press/v119/chen20s.html",
    proofs=(
        "oracle: transformers' ImageGPTForCausalImageModeling, same weights, logits to 1e-9",
        "law: the chances of all pictures sum to one, with all levels and with a palette",
        "law: pictures drawn with kept keys and values are those drawn from whole passes",
        "law: the palette is where k-means stays, as scikit-learn has it",
        "law: a pixel is told by all before it and by none after, by slopes that are exactly zero",
    ),
    evidence={
        "ar/imagegpt": (
            "test_the_chances_of_all_pictures_sum_to_one",
            "test_a_pixel_is_told_by_all_before_it_and_by_none_after",
            "acceptance:imagegpt-fashion",
        ),
    },
    tiny={"channels": 1, "size": 5, "levels": 3, "dim": 8, "heads": 2, "depth": 1},
    answers="density",
)


class ImageGPT(nn.Module):
    """A decoder over the pixels of greys.

    Args:
        channels: of a picture; 1.
        size: height and width of a picture.
        levels: how many evenly spaced values from 0 to 1 a number takes.
        codes: greys of the palette; all levels if there are no more.
        dim: features of a pixel.
        heads: number of heads of each attention.
        depth: number of blocks.

    Raises:
        UsageError: pictures are of colours, or have no levels.
    """

    greys: Tensor
    begun: Tensor

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        levels: int,
        codes: int = 512,
        dim: int = 64,
        heads: int = 4,
        depth: int = 4,
    ):
        super().__init__()
        if channels != 1:
            raise UsageError(
                f"imagegpt reads pictures of greys, and these have {channels} channels; take "
                "gated-pixelcnn"
            )
        tokens = min(codes, level_distribution(levels=levels, components=0).levels)
        self.distribution = level_distribution(levels=tokens, components=0)
        self.levels, self.size, self.heads, self.likelihood = levels, size, heads, "exact"
        self.register_buffer("greys", torch.linspace(0, levels - 1, tokens))
        self.register_buffer("begun", torch.tensor(tokens == levels))
        self.start = nn.Parameter(torch.randn(dim) * 0.02)
        self.tokens, self.places = nn.Embedding(tokens, dim), nn.Embedding(size**2, dim)
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(dim=dim, heads=heads),
                feed_forward=FeedForward(dim=dim, ffn_dim=4 * dim, activation="gelu-sigmoid"),
                norm="rms",
            )
            for _ in range(depth)
        )
        self.norm = nn.RMSNorm(dim, eps=1e-5)
        self.head = nn.Linear(dim, tokens, bias=False)
        for embedding in (self.tokens, self.places):
            nn.init.normal_(embedding.weight, std=0.02)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, " b"]:
        """The logarithm of the probability of each picture, in nats."""
        level = nearest(x, self.levels).flatten(1)
        if self.training and (x.is_meta or not self.begun):
            self._begin(level)
        token = self._token(level)
        found = self.distribution.log_prob(self.scores(token), token)
        return (found - self._spread().to(found)[token]).sum(1)

    def scores(self, token: Int[Tensor, "b t"], /) -> Float[Tensor, "b t k"]:
        """Scores of the greys of each pixel, given those before it."""
        places = self.places.weight
        first = torch.cat([places[:1] + self.start, places[1:]])
        x = nn.functional.pad(self.tokens(token[:, :-1]), (0, 0, 1, 0)) + first
        for block in self.blocks:
            x = block(x, causal=True)
        return self.head(self.norm(x))

    def sample(
        self, count: int, generator: torch.Generator, /, *, temperature: float = 1.0
    ) -> Float[Tensor, "b c y x"]:
        """Pictures drawn pixel by pixel; below 1 the temperature keeps to likely greys."""
        x = self.head.weight.new_zeros(count, 1, self.size, self.size)
        return self._completed(x, x, generator, temperature)

    def inpaint(
        self,
        x: Float[Tensor, "b c y x"],
        known: Float[Tensor, "b c y x"],
        generator: torch.Generator,
        /,
    ) -> Float[Tensor, "b c y x"]:
        """Pictures of which the rest in raster order is drawn.

        Raises:
            NotSupported: something known comes after something unknown.
        """
        return self._completed(x, known, generator, 1.0)

    def _completed(
        self, x: Tensor, known: Tensor, generator: torch.Generator, temperature: float
    ) -> Tensor:
        count, t, weight = len(x), self.size**2, self.head.weight
        kept, token = prefix(known), self._token(nearest(x, self.levels).flatten(1))
        u = torch.rand(
            count, t, generator=generator, device=generator.device, dtype=torch.float64
        ).to(x.device)
        dim = weight.shape[1]
        cache = Cache(
            len(self.blocks), count, self.heads, t, dim // self.heads, weight.dtype, weight.device
        )
        now = self.start.expand(count, 1, -1)
        for place in range(t):
            mask = cache.mask(1)
            h = now + self.places.weight[place]
            for number, block in enumerate(self.blocks):
                h = block(h, causal=True, mask=mask, cache=cache[number])
            table = self.distribution.table(self.head(self.norm(h))[:, 0])
            new = picked(table, u[:, place], temperature=temperature)
            token[:, place] = torch.where(kept > place, token[:, place], new)
            now = self.tokens(token[:, place, None])
        made = self.greys[token].round().to(weight.dtype) / (self.levels - 1)
        return made.reshape(x.shape)

    def _token(self, level: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        return nearest_grey(level.to(self.greys.dtype), self.greys)

    def _spread(self) -> Float[Tensor, " k"]:
        """The logarithm of how many levels each grey stands for."""
        every = torch.arange(self.levels, device=self.greys.device)
        held = nn.functional.one_hot(self._token(every[None])[0], len(self.greys)).sum(0)
        return held.clamp(min=1).to(torch.float64).log()

    @torch.no_grad()
    def _begin(self, level: Int[Tensor, "b t"]) -> None:
        """Choose the palette by the levels of the first batch."""
        counts = nn.functional.one_hot(level.flatten(), self.levels).sum(0).double()
        self.greys.copy_(palette(counts, len(self.greys)))
        self.begun.fill_(True)
