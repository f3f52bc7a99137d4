"""Attention maps: which positions attend to which, and attention rollout over all layers.

A transformer's attention weights can be read: each row gives how a position's new features are
mixed from the others. Deeper maps are between mixtures; rollout multiplies the maps of all layers,
with half of each position kept for the residual connection, so the last one is about the input.

    A_l = mean over heads of softmax(q k^T / sqrt(d))       R = prod_l (A_l + 1) / 2
    attribution of x = the row of R of the position that gives the output

Shapes: input of one port, tokens `b t` or an image `b c y x`; the attribution has its shape. Maps:
by the name of the layer, `b h t s`.

Departures: the position that gives the output is the first (ViT, BERT), or the last of causal
models (GPT). A patch's attribution is spread evenly over its pixels and channels; with the class
token's own all add up to 1. Attention by itself does not explain: it leaves out what values and
the other layers do, and does not depend on the class asked for.

References:
    Samira Abnar, Willem Zuidema. Quantifying attention flow in transformers. ACL 2020.
    https://arxiv.org/abs/2005.00928

>>> from cartograd.architectures.transformer.vit import ViT
>>> model = ViT(size=8, channels=1, classes=2, dim=8, heads=2, depth=2)
>>> {name: tuple(map.shape) for name, map in attention_maps(model, torch.rand(1, 1, 8, 8)).items()}
{'blocks.0.attention': (1, 2, 17, 17), 'blocks.1.attention': (1, 2, 17, 17)}
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating

CARD = Card(
    name="attention-rollout",
    kind="explainer",
    entry="attention_rollout",
    nodes=("xai/attention-map",),
    title="Attention maps and rollout",
    zh="注意力图与注意力展开",
    paper="Quantifying attention flow in transformers",
    year=2020,
    url="https://arxiv.org/abs/2005.00928",
    proofs=(
        "oracle: transformers' output_attentions of BERT, GPT-2 and T5, to 1e-10 in float64",
        "law: rows of a map and of a rollout add up to 1; rollout is the product written out",
        "law: a token without attention has attribution 0; the model is left as it is",
    ),
    evidence={
        "xai/attention-map": ("test_maps_equal_those_of_transformers", "test_attention_is_drawn"),
    },
)


def attention_maps(
    model: nn.Module, inputs: Shaped[Tensor, "b ..."] | tuple[Tensor, ...], /
) -> dict[str, Float[Tensor, "b h t s"]]:
    """The attention weights of a model, by the name of the layer, in their order.

    They are recomputed from the input of each layer, so that the model itself need not keep them.
    It is left as it is.

    Args:
        model: made of `MultiHeadAttention`, with or without a signature.
        inputs: as the model takes them, in a tuple if there are several.

    Raises:
        UsageError: the model has no attention.
    """
    layers = {
        name.removeprefix("model."): part
        for name, part in model.named_modules()
        if isinstance(part, MultiHeadAttention)
    }
    if not layers:
        raise UsageError(f"{_named(model)} has no attention to show; expected a transformer")
    maps: dict[str, Tensor] = {}
    with ExitStack() as hooks, evaluating(model), torch.no_grad():
        for name, layer in layers.items():
            handle = layer.register_forward_pre_hook(_reader(maps, name), with_kwargs=True)
            hooks.callback(handle.remove)
        model(*(inputs if isinstance(inputs, tuple) else (inputs,)))
    return maps


def attention_rollout(
    model: nn.Module,
    x: Shaped[Tensor, "b ..."],
    /,
    *,
    target: Int[Tensor, " b"] | int | None = None,  # noqa: ARG001  what every explainer takes
) -> Float[Tensor, "b ..."]:
    """The attribution of each number of each input, by attention rollout.

    Args:
        model: a transformer of one input.
        x: tokens or images.
        target: not used: attention does not depend on the class asked for.

    Raises:
        UsageError: the model has no attention, or has cross-attention.
    """
    maps = attention_maps(model, x)
    shapes = {weights.shape[2:] for weights in maps.values()}
    if len(shapes) > 1 or any(t != s for t, s in shapes):
        raise UsageError(
            f"{_named(model)} looks at several sequences; rollout is for encoders and "
            f"decoders alone, take attention_maps"
        )
    rolled = rollout(list(maps.values()))
    ahead = torch.stack([weights.triu(1).amax() for weights in maps.values()]).max()
    answers = -1 if ahead == 0 else 0
    part = rolled[:, answers]
    if x.ndim == 2:
        return part
    return _spread(part, x)


def _named(model: nn.Module) -> str:
    """What users call it, without what we put around it."""
    while isinstance(inner := dict(model.named_children()).get("model"), nn.Module):
        model = inner
    return type(model).__name__


def rollout(maps: list[Float[Tensor, "b h t t"]], /) -> Float[Tensor, "b t t"]:
    """The product of all layers' maps, first layer rightmost, half of each position kept."""
    t = maps[0].shape[-1]
    rolled = torch.eye(t, dtype=maps[0].dtype, device=maps[0].device).expand(len(maps[0]), t, t)
    for weights in maps:
        mixed = weights.mean(1) + torch.eye(t, dtype=rolled.dtype, device=rolled.device)
        rolled = mixed / mixed.sum(-1, keepdim=True) @ rolled
    return rolled


def _reader(found: dict[str, Tensor], name: str) -> Callable[..., None]:
    def read(layer: Any, given: tuple[Any, ...], options: dict[str, Any]) -> None:
        seen = {key: value for key, value in options.items() if key != "cache"}
        found[name] = layer.weights(*given, **seen)

    return read


def _spread(part: Float[Tensor, "b t"], x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
    """Each patch's part over its pixels; the class token's is left out."""
    side = round((part.shape[1] - 1) ** 0.5)
    if x.ndim != 4 or side**2 != part.shape[1] - 1:
        raise UsageError(
            f"rollout gives {part.shape[1]} positions for inputs {tuple(x.shape)}; expected tokens "
            f"(b, t), or images of square patches behind a class token"
        )
    patches = part[:, 1:].unflatten(1, (1, side, side))
    height, width = -(-x.shape[2] // side), -(-x.shape[3] // side)
    pixels = patches.repeat_interleave(height, 2).repeat_interleave(width, 3)
    pixels = pixels[:, :, : x.shape[2], : x.shape[3]].expand_as(x)
    return (pixels / (height * width * x.shape[1])).to(x.dtype)
