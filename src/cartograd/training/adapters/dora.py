"""DoRA: the direction of each weight is changed by a product of low rank, its length by itself.

Full fine-tuning moves how long the rows of a weight are and where they point to nearly
independently; LoRA moves both together. So each row is parted into its length, a number that
learns, and its direction, which a low-rank product changes. The network begins as it was, as a
length begins as that of its row; merged, nothing is left that would take time or memory.

    y = m (W + (alpha / r) B A) x / |W + (alpha / r) B A|,   m = |W| at first, |.| of each row

Shapes: those of the layer; `r (d + d2) + d2` numbers beside its `d d2` (`d` times the pixels of the
kernel, of a convolution, whose rows are its kernels).

Departures: none; as the paper has it (section 4.3) the length of the changed row is taken as a
constant in the gradient.

References:
    Shih-Yang Liu, Chien-Yi Wang, Hongxu Yin, Pavlo Molchanov, Yu-Chiang Frank Wang, Kwang-Ting
    Cheng, Min-Hung Chen. DoRA: weight-decomposed low-rank adaptation. ICML 2024.
    https://arxiv.org/abs/2402.09353

>>> from cartograd.training.adapters.beside import merged
>>> model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
>>> dora(model, rank=2, match="0")
['0']
>>> sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
30
>>> list(merged(model).state_dict())
['0.weight', '0.bias', '2.weight', '2.bias']
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.training.adapters.beside import places, put_beside
from cartograd.training.adapters.lora import LowRank, check_rank

CARD = Card(
    name="dora",
    kind="adapter",
    entry="dora",
    nodes=("llm/lora",),
    title="DoRA (weight-decomposed low-rank adaptation)",
    zh="DoRA（权重分解低秩适配）",
    paper="DoRA: weight-decomposed low-rank adaptation",
    year=2024,
    url="https://arxiv.org/abs/2402.09353",
    proofs=(
        "law: it begins as the network was, and merged answers as beside, to 1e-12 in float64",
        "oracle: peft's DoRA on dense layers and convolutions, outputs and gradients, to 1e-12",
    ),
    tiny={"rank": 2},
)


class Decomposed(nn.Module):
    """A change of a layer's weight by a length and a direction.

    Args:
        layer: dense, or a convolution.
        rank: of the change of its direction.
        scale: of the product.
    """

    def __init__(self, layer: nn.Module, /, *, rank: int, scale: float):
        super().__init__()
        assert isinstance(layer.weight, Tensor)
        self.turn = LowRank(layer, rank=rank, scale=scale, dropout=0.0)
        self.length = nn.Parameter(_lengths(layer.weight.detach()))

    @property
    def idle(self) -> str:
        """How many of its ranks change nothing more."""
        return self.turn.idle

    def rescaled(
        self,
        said: Float[Tensor, "..."],
        x: Float[Tensor, "..."],
        weight: Float[Tensor, "..."],
        bias: Float[Tensor, " d"] | None,
        /,
    ) -> Float[Tensor, "..."]:
        """The layer's answer with the change."""
        factor = self._factor(weight)
        bare = said if bias is None else said - bias.view(factor.shape)
        return said + (factor - 1) * bare + factor * self.turn(x)

    def difference(self, weight: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
        """What is added to the layer's weight."""
        factor = self._factor(weight)[:, None]
        return factor * (weight + self.turn.difference(weight)) - weight

    def _factor(self, weight: Tensor) -> Tensor:
        """By what each row is multiplied, broadcast over the layer's answers."""
        changed = (weight + self.turn.difference(weight)).detach()
        factor = self.length / _lengths(changed)
        return factor.view(-1, *[1] * (weight.ndim - 2))


def dora(
    model: nn.Module,
    /,
    *,
    rank: int = 8,
    alpha: float | None = None,
    match: str = "*",
) -> list[str]:
    """Put a change of length and direction beside layers of a model, and hold everything else.

    Args:
        model: has learned something; gets the changes.
        rank: `r`, of each change of direction.
        alpha: how much the product counts, in ranks; the rank itself if not given.
        match: pattern of the names of the layers, as of files in a shell: `*attention*`.

    Returns:
        The names of the layers.

    Raises:
        UsageError: no layer fits, there are changes already, or the rank is above that of all of
            their weights.
    """

    def change(layer: nn.Module) -> Decomposed:
        return Decomposed(layer, rank=rank, scale=(alpha or rank) / rank)

    check_rank(places(model, match=match), rank)
    return put_beside(model, change, match=match)


def _lengths(weight: Float[Tensor, "d ..."]) -> Float[Tensor, " d"]:
    return weight.flatten(1).norm(dim=1)
