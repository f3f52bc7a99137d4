r"""Pre-training by one dial: from so many operations to a language model's size and its training.

Depth, width, heads, batch, rate and tokens follow from published laws of the compute C; whatever
somebody says of them stays, and the others follow from that.

    M = 72 depth dim^2 + 12 depth dim window      operations for a token, without the vocabulary
    M_best = 0.1715 C^0.5243     D_best = 5.8316 C^0.4757     tokens
    batch = 0.2920 C^0.3271 tokens                rate = 0.3118 C^-0.1250

The width is the one by which tokens and M are in the ratio of their laws; the depth is a block for
each 64 features, as in the smallest GPT-3, and there are two at least, of two heads or more. Then
the operations of the model are counted, those of the vocabulary too, and as many tokens are read as
C leaves for. AdamW keeps 0.95 of its mean of squares, and gradients are cut at a norm of 1, as for
the models of these laws.

Departures: the laws were fitted from 1e17 to 2e19 operations, and are carried on to smaller ones.

References:
    Xiao Bi et al. DeepSeek LLM: scaling open-source language models with longtermism. 2024.
    https://arxiv.org/abs/2401.02954
    Catherine Olsson et al. In-context learning and induction heads. 2022 (why two blocks).
    https://arxiv.org/abs/2209.11895
    Tom Brown et al. Language models are few-shot learners. NeurIPS 2020 (the shape).
    https://arxiv.org/abs/2005.14165
    Niklas Muennighoff et al. Scaling data-constrained language models. 2023 (reading again).
    https://arxiv.org/abs/2305.16264
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from cartograd.apps.answers import units
from cartograd.apps.load.settings import Setting
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters, today
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.plan import generator
from cartograd.engine.loop.flops import flop_counter

WORDS = ("depth", "dim", "heads")
"""Settings of a model by which its size follows."""

STEP, BLOCK = 16, 64
"""What a narrow width is a multiple of; features for each block and of each head, of which a width
of more than two blocks is a multiple."""

FEWEST = 2
"""Blocks, and heads of a block: what came before a word that is read again is found by one block
upon another, and two heads look at two places at once."""

WIDTHS = (*range(STEP, 2 * BLOCK, STEP), *range(2 * BLOCK, 16_385, BLOCK))
AGAIN, MOST = 4, 1000
"""So many readings of a text are worth about as much as new text, more teach little; and so many
are refused where nobody asked for them."""


@dataclass(frozen=True)
class Shape:
    """The size of a decoder."""

    depth: int
    dim: int
    heads: int

    def work(self, window: int, /) -> int:
        """M: operations of learning from a token, without those of the vocabulary."""
        return 72 * self.depth * self.dim**2 + 12 * self.depth * self.dim * window


def with_compute(
    settings: dict[str, Setting], data: Dataset, /, *, new: bool
) -> tuple[dict[str, Setting], Dataset, str]:
    """Settings and data by which a training takes as many operations as asked, and a line on them.

    Args:
        settings: with `compute`, if that is asked for.
        data: windows of tokens.
        new: whether the model begins from nothing.

    Raises:
        UsageError: the model or the data are no language model's, or there is too little to read.
    """
    asked = settings["compute"].value
    if asked is None:
        return settings, data, ""
    spec, window = _sized(settings["model"].value, data, asked, new=new)
    made = _counted(spec, data, window)
    tokens = asked / (made.flops / window)
    said = settings.get("epochs")
    epochs = math.ceil(tokens / (len(data.train) * window)) if said is None else said.value
    if said is None and epochs > MOST:
        raise UsageError(
            f"compute={asked:g} would read {data.name} {epochs:,} times; give more data, or ask "
            "for less"
        )
    rows = round(tokens / (epochs * window))
    size = settings.get("batch_size")
    batch = max(1, round(0.2920 * asked**0.3271 / window)) if size is None else size.value
    if rows > len(data.train):
        raise UsageError(
            f"compute={asked:g} is more than epochs={epochs} of {data.name} takes with {spec}; "
            "leave epochs out, or take a larger model, more data or less compute"
        )
    if rows < batch:
        raise UsageError(
            f"compute={asked:g} is too little: {spec} would read {max(rows, 0)} windows of "
            f"{data.name}, less than a batch of {batch}; ask for more"
        )
    rate = 0.3118 * asked**-0.1250
    follow: dict[str, Any] = {
        "epochs": epochs, "batch_size": batch,
        "optimizer": f"adamw:lr={rate:.2g},weight_decay=0.1,betas=[0.9,0.95]",
    }  # fmt: skip
    if settings["privacy"].value is None and settings["federated"].value is None:
        follow["clip"] = 1.0  # both bound what they take in their own way, and refuse this one
    found = {key: Setting(value, "data") for key, value in follow.items() if key not in settings}
    found["model"] = replace(settings["model"], value=str(spec))
    order = torch.randperm(len(data.train), generator=generator(settings["seed"].value, "compute"))
    some = data if rows == len(data.train) else replace(data, train=data.train.select(order[:rows]))
    told = (
        f"compute={asked:g}: {spec} ({units.number(made.weights)} weights) reads "
        f"{rows * window * epochs:,} tokens"
        + (f", {rows * window:,} of them {epochs} times," if epochs > 1 else "")
        + f" in batches of {batch} windows"
    )
    if epochs > AGAIN:
        told += f"; more than {AGAIN} readings of a text teach little: give more data"
    return settings | found, some, told


def _sized(model: Any, data: Dataset, asked: float, /, *, new: bool) -> tuple[Spec, int]:
    """A model's spec with its size, and the tokens of a window."""
    if data.signature.task.name != "next-token" or data.signature.example.kind != "text":
        raise UsageError(
            f"compute={asked:g} sizes language models, and {data.name} is no text to go on with; "
            "give text (data=, --data), such as text:FILE"
        )
    if not new or not isinstance(model, str | Spec):
        raise UsageError(
            f"compute={asked:g} chooses the size of a model that begins from nothing, and this one "
            "has its size; give model=gpt or model=llama"
        )
    spec = Spec.parse(model)
    card, preset = registry.find(spec.name, kind="model")
    takes = hyperparameters(card)
    if not {*WORDS, "context", "vocabulary"} <= set(takes):
        raise UsageError(
            f"compute={asked:g} chooses {', '.join(WORDS)}, and {card.name} does not have all of "
            "them; give model=gpt or model=llama"
        )
    window = data.train.select([0]).arguments[0].shape[1]
    said = preset | today(card, spec.args)
    shape = chosen(asked, window, data.signature.sizes()["vocabulary"], said)
    sizes: dict[str, Any] = {name: getattr(shape, name) for name in WORDS} | {"context": window}
    if "dropout" in takes:  # the laws are of models without, which read little twice
        sizes["dropout"] = 0.0
    return Spec(card.name, sizes | said), window


def chosen(asked: float, window: int, vocabulary: int, said: Mapping[str, Any], /) -> Shape:
    """The size by which model and tokens share the compute as the laws have it.

    Args:
        asked: operations in all.
        window: tokens that are read at once.
        vocabulary: how many tokens there are.
        said: depth, dim or heads, where somebody chose them.
    """
    ratio = 5.8316 * asked**0.4757 / (0.1715 * asked**0.5243)

    def off(shape: Shape) -> float:
        work = shape.work(window)
        tokens = asked / (work + 6 * vocabulary * shape.dim)
        return abs(math.log(tokens / work / ratio))

    widths = [said["dim"]] if "dim" in said else WIDTHS
    depth, heads = said.get("depth"), said.get("heads")
    found = [
        Shape(depth or max(FEWEST, round(dim / BLOCK)), dim, heads or _heads(dim)) for dim in widths
    ]
    whole = [one for one in found if one.dim % one.heads == 0] or found
    return min(whole, key=off)


def _heads(dim: int) -> int:
    """Heads of about 64 features, an even number of them; two at least, where they fit.

    >>> _heads(768), _heads(80), _heads(16)
    (12, 2, 2)
    """
    fitting = [heads for heads in range(FEWEST, dim // 2 + 1) if dim % (2 * heads) == 0] or [1]
    return min(fitting, key=lambda heads: abs(math.log(dim / heads / BLOCK)))


@dataclass(frozen=True)
class Counted:
    """What learning from a window takes: operations, and the weights of the model."""

    flops: int
    weights: int


def _counted(spec: Spec, data: Dataset, window: int) -> Counted:
    """Counted on torch's meta device: shapes without numbers."""
    with torch.device("meta"):
        model = build(spec, kind="model", signature=data.signature)
        with flop_counter() as counter:
            model(torch.zeros(1, window, dtype=torch.long)).sum().backward()
    weights = sum(one.numel() for one in model.parameters())
    return Counted(counter.get_total_flops(), weights)
