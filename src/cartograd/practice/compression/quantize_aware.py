"""Quantisation-aware training: a model that learns while its layers are rounded.

Each convolution and linear layer rounds its weights and inputs to grids whenever it computes
(fake quantisation), so that a further training finds weights that bear it. With LSQ the step sizes
of the grids learn as well. Afterwards `quantize-static` makes whole numbers of it, on the grids as
they are then; what it computes stays the same.

    x~ = s clip(round(x / s), low, high),   dx~/dx = 1 inside, 0 where it is cut off

Shapes: a model's inputs and outputs as before.

Departures: batch norm is folded before, and the training goes on without it. Steps begin where the
observer of `quantize-static` finds them, not at twice the mean of the absolute numbers, and learn
in their logarithm, so that none gets below zero. First and last layers have as few bits as the
rest. Zeros of the inputs' grids stay.

References:
    Benoit Jacob et al. Quantization and training of neural networks for efficient
    integer-arithmetic-only inference. CVPR 2018. https://arxiv.org/abs/1712.05877
    Steven Esser, Jeffrey McKinstry, Deepika Bablani, Rathinakumar Appuswamy, Dharmendra Modha.
    Learned step size quantization. ICLR 2020. https://arxiv.org/abs/1902.08153

>>> import cartograd as cg
>>> data = cg.dataset("xor")
>>> model = cg.build("mlp:widths=[8]", signature=data.signature)
>>> taught = quantize_aware(model, data.train.batches(), bits=3)
>>> sorted(name for name, _ in taught.named_parameters())[:3]
['model.head.bias', 'model.head.input_step', 'model.head.weight']
"""

from torch import nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches
from cartograd.practice.compression.learned_steps import Estimator, SteppedLayer
from cartograd.practice.compression.observers import Observer
from cartograd.practice.compression.quantize_static import Bits, answering, prepared, replaced

CARD = Card(
    name="quantize-aware",
    kind="compressor",
    entry="quantize_aware",
    nodes=("compress/quantize-qat",),
    title="Quantisation-aware training",
    zh="量化感知训练",
    aliases=("qat",),
    paper="Learned step size quantization",
    year=2020,
    url="https://arxiv.org/abs/1902.08153",
    proofs=(
        "oracle: torch.fake_quantize: what STE computes, and its gradients",
        "law: LSQ's gradient of a step is its closed form, and that of finite differences where "
        "nothing is rounded",
        "law: what was trained is what its whole numbers compute",
    ),
    tiny={"bits": 6},
    evidence={
        "compress/quantize-qat": (
            "test_trained_layers_are_what_their_numbers_compute",
            "test_a_step_trains_and_gives_whole_numbers",
            "acceptance:qat-fashion",
        )
    },
)


def quantize_aware(
    model: nn.Module, data: Batches | None = None, /, *, bits: Bits = 4,
    estimator: Estimator = "lsq", observer: Observer = "mse", examples: int = 512,
) -> nn.Module:  # fmt: skip
    """A copy of a model whose layers are rounded while they learn; to be trained on.

    Args:
        model: with its signature.
        data: examples to see the ranges on; their right answers are not looked at.
        bits: of inputs and weights.
        estimator: lsq learns the step sizes; ste takes them from the largest weights and from
            the examples.
        observer: how ranges are chosen to begin with.
        examples: how many are looked at.

    Raises:
        UsageError: there are no data, or no layer that can be rounded.
    """
    made, layers, parts, inputs = prepared(
        model, data, "quantize-aware", bits=bits, observer=observer, examples=examples
    )
    new = {
        name: SteppedLayer(
            part.weight, part.bias, of_weight=part.of_weight, of_input=part.of_input,
            geometry=part.geometry, estimator=estimator,
        )
        for name, part in parts.items()
    }  # fmt: skip
    return answering(replaced(made, layers, new), inputs)
