"""Static quantisation after training: inputs and weights of all layers as whole numbers.

The range of each layer's inputs is seen once, on some examples, and stays (static); then a layer
multiplies and adds whole numbers, and its answer is in floats. Batch norm is folded into the layer
before it. Weights have a scale for each output channel.

    y = s_x s_w sum (x_q - z) w_q + b,   x_q = clip(round(x / s_x) + z, 0, 2^b - 1)

Factors may be moved between layers first (cross-layer equalisation), and the mean error of each
output channel be taken off its bias (bias correction): `b - sum (w~ - w) E[x]`.

Shapes: a model's inputs and outputs as before.

Departures: convolutions and linear layers are rounded, and nothing between them; transposed
convolutions, recurrent and attention products stay in floats. Ranges are searched as shares of the
whole range (`observers`), which is not torch's histogram observer. Bias correction takes edges for
the middle of a picture, as the paper does. On processors whose integer sums would be cut off
inputs have half as many numbers (`integer_kernels`). Fewer bits than eight are kept in a byte each.

References:
    Benoit Jacob et al. Quantization and training of neural networks for efficient
    integer-arithmetic-only inference. 2017, CVPR 2018. https://arxiv.org/abs/1712.05877
    Markus Nagel, Mart van Baalen, Tijmen Blankevoort, Max Welling. Data-free quantization through
    weight equalization and bias correction. ICCV 2019. https://arxiv.org/abs/1906.04721

>>> import cartograd as cg
>>> data = cg.dataset("digits")
>>> model = cg.build("lenet5", signature=data.signature)
>>> small = quantize_static(model, data.train.batches())
>>> x = data.test.inputs[:5]
>>> error = (small(x) - model(x)).norm() / model(x).norm()
>>> error.item() < 0.05
True
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Batches
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.practice.compression.calibration import Inputs, calibration, first, histograms, means
from cartograd.practice.compression.few_chain import chained
from cartograd.practice.compression.folding import Layer, folded, roundable
from cartograd.practice.compression.grid import Grid
from cartograd.practice.compression.integer_kernels import Geometry, geometry_of
from cartograd.practice.compression.learned_steps import SteppedLayer
from cartograd.practice.compression.observers import Observer, grid_for, weight_grid
from cartograd.practice.compression.quantised_layer import QuantisedLayer

CARD = Card(
    name="quantize-static",
    kind="compressor",
    entry="quantize_static",
    nodes=("compress/quantize-ptq",),
    title="Static post-training quantisation",
    zh="静态训练后量化",
    aliases=("int8-static", "ptq"),
    paper=(
        "Quantization and training of neural networks for efficient integer-arithmetic-only "
        "inference"
    ),
    year=2017,
    url="https://arxiv.org/abs/1712.05877",
    proofs=(
        "oracle: torch.ao.quantization.MinMaxObserver: scales and zeros of inputs and weights",
        "law: with batch norm folded and ranges equalised the answers are the same to rounding",
        "law: the integer kernels give what the rounded numbers give in floats",
        "law: a corrected bias leaves no mean error where nothing is padded",
        "law: where sums are cut off inputs have half as many numbers, and answers are right",
    ),
    evidence={"compress/quantize-ptq": ("test_integer_kernels_give_what_floats_give",)},
)

Bits = Literal[2, 3, 4, 5, 6, 7, 8]


def quantize_static(
    model: nn.Module, data: Batches | None = None, /, *, bits: Bits = 8,
    observer: Observer = "mse", equalisation: bool = False, bias_correction: bool = False,
    examples: int = 512,
) -> nn.Module:  # fmt: skip
    """A copy of a model whose convolutions and linear layers compute with whole numbers.

    It is for inference. A model with layers that learned their grids (`quantize-aware`) keeps
    these, and needs no data.

    Args:
        model: with its signature.
        data: examples to see the ranges on; their right answers are not looked at.
        bits: of inputs and weights.
        observer: how a range is chosen from what was seen.
        equalisation: whether factors are moved between layers first.
        bias_correction: whether mean errors are taken off the biases.
        examples: how many are looked at.

    Raises:
        UsageError: there are no data, or no layer that can be rounded.
    """
    taught = [part for part in model.modules() if isinstance(part, SteppedLayer)]
    if taught:
        return _as_taught(model, taught, bits)
    made, layers, parts, inputs = prepared(
        model, data, "quantize-static", bits=bits, observer=observer, examples=examples,
        equalisation=equalisation, bias_correction=bias_correction,
    )  # fmt: skip
    new = {
        name: QuantisedLayer(
            part.weight, part.bias, of_weight=part.of_weight, of_input=part.of_input,
            geometry=part.geometry,
        )
        for name, part in parts.items()
    }  # fmt: skip
    return answering(chained(replaced(made, layers, new)), inputs)


def _as_taught(model: nn.Module, taught: Sequence[SteppedLayer], bits: int) -> nn.Module:
    """Layers that learned their grids, as whole numbers on these; known by the network's name."""
    learned = taught[0].high.bit_length() + 1
    if learned != bits:
        raise UsageError(
            f"the model was trained for {learned} bits and is asked to have {bits}; give "
            f"quantize-static:bits={learned}"
        )
    made = copy.deepcopy(model)
    names = {name: part for name, part in made.named_modules() if isinstance(part, SteppedLayer)}
    made = chained(replaced(made, names, {name: part.rounded() for name, part in names.items()}))
    if isinstance(made, Signed) and made.spec is not None and "model" in made.spec.args:
        made.spec = Spec("quantize-static", {"bits": bits, "model": made.spec.args["model"]})
    return made


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of a layer before it is rounded.

    Attributes:
        weight: in floats.
        bias: in floats, or None.
        of_weight: the grid of each row.
        of_input: the grid of all inputs.
        geometry: how a convolution moves.
    """

    weight: Tensor
    bias: Tensor | None
    of_weight: Grid
    of_input: Grid
    geometry: Geometry


def prepared(
    model: nn.Module, data: Batches | None, wanted: str, /, *, bits: int, observer: Observer,
    examples: int, equalisation: bool = False, bias_correction: bool = False,
) -> tuple[nn.Module, dict[str, Layer], dict[str, Part], Inputs]:  # fmt: skip
    """A folded copy of a model, its layers that can be rounded, how each is to be, and examples.

    Args:
        model: with its signature.
        data: to see the ranges on.
        wanted: what needs them, for errors.
        bits: of inputs and weights.
        observer: how a range is chosen.
        examples: how many are looked at.
        equalisation: whether factors are moved between layers first.
        bias_correction: whether mean errors are taken off the biases.

    Raises:
        UsageError: there are no data, or no layer that can be rounded.
    """
    batches = calibration(model, data, wanted, examples)
    made = folded(model, first(batches), equalised=equalisation)
    layers = layers_of(made)
    seen = histograms(made, layers, batches)
    mean = means(made, layers, batches) if bias_correction else {}
    parts = dict[str, Part]()
    for name, histogram in seen.items():
        layer = layers[name]
        weight = layer.weight.detach()
        bias = None if layer.bias is None else layer.bias.detach()
        grid = weight_grid(weight, observer, bits=bits)
        if bias_correction:
            bias = corrected(layer, grid, mean[name], bias)
        of_input = grid_for(histogram, observer, bits=bits)
        parts[name] = Part(weight, bias, grid, of_input, geometry_of(layer))
    if not parts:
        raise UsageError(
            f"{wanted} rounds layers that are called, and this model takes their weights alone"
        )
    return made, layers, parts, first(batches)


def answering(model: nn.Module, inputs: Inputs, /) -> nn.Module:
    """A model whose layers were replaced, if its code bears that.

    Raises:
        UsageError: the code asks a layer for something that it has no more.
    """
    try:
        with evaluating(model), torch.no_grad():
            model(*inputs)
    except AttributeError as error:
        raise UsageError(
            f"the model's code looks into its layers, and rounded ones differ ({error}); leave "
            "this model in floats"
        ) from error
    return model


def layers_of(model: nn.Module, /) -> dict[str, Layer]:
    """Layers that can be rounded, by name.

    Raises:
        UsageError: there is none.
    """
    found = {name: part for name, part in model.named_modules() if roundable(part)}
    if not found:
        raise UsageError("the model has no convolution and no linear layer that could be rounded")
    return found


@torch.no_grad()
def corrected(layer: Layer, grid: Grid, mean: Tensor, bias: Tensor | None, /) -> Tensor:
    """A layer's bias without the mean error of its rounded weights.

    Args:
        layer: in floats.
        grid: of its weight.
        mean: of each input channel.
        bias: of the layer.
    """
    weight = layer.weight.detach()
    error = (grid.nearest(weight) - weight).flatten(2).sum(2) if weight.ndim > 2 else (
        grid.nearest(weight) - weight
    )  # fmt: skip
    groups = 1 if isinstance(layer, nn.Linear) else layer.groups
    seen = mean.to(error.dtype).view(groups, 1, -1)
    off = (error.unflatten(0, (groups, -1)) * seen).sum(2).flatten()
    return -off if bias is None else bias - off


def replaced(
    model: nn.Module, layers: Mapping[str, nn.Module], new: Mapping[str, nn.Module], /
) -> nn.Module:
    """A model with new layers in the place of old ones, wherever these stand."""
    if "" in new:
        return new[""]
    place = {id(layers[name]): one for name, one in new.items()}
    for part in list(model.modules()):
        for name, child in list(part._modules.items()):  # also one that was there before
            if id(child) in place:
                setattr(part, name, place[id(child)])
    return model
