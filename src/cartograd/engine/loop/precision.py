"""Mixed precision: multiply in 16 bits, keep weights and sums in float32.

bfloat16 has float32's range with 8 bits of mantissa, so no loss has to be scaled, and processors
and GPUs that compute in it do so two to three times as fast. Weights, gradients and updates stay in
float32; matrix products and convolutions of the forward and backward pass take rounded factors.
In a run: `precision=auto` (the default) uses it where it pays, `bf16` and `float32` say so. Where
a device has no arithmetic for them, `bf16-emulated` and `fp16-emulated` show what they do to a
model, slowly.

float16 (`fp16`, on GPUs) has 11 bits of mantissa and a small range: gradients below 6e-8 would be
lost. So the loss is multiplied by a scale S before the backward pass, and the gradient divided by
it before it is clipped and used. Where a gradient overflows, the step is left out, counted, and S
halved; after 2000 steps without it is doubled.

    g = (d S L / d w) / S;  S: 65536 at first, halved if g is not finite

    auto: bf16 if the device computes it by itself, and rightly, and F / W >= 1e8, else float32
    F: FLOPs of the first batch's forward pass, by those of the rows that were rehearsed
    W: weight matrices and filters

Small products cost more to round than they gain: measured on one core of an EPYC with AVX-512
bfloat16, F / W of 5e6 to 2e7 (LeNet-5) makes a step slower (0.8 to 0.9 times), 5e7 is even, and
from 1e8 on a step is 1.4 to 3.3 times as fast (ResNet-18 at 32x32, batches of 32: 2.1 times; an
LSTM of two layers of 256, 8 rows of 128 tokens: 1.4 times).

Shapes: any.

Departures: none; the scale is that of `torch.amp.GradScaler`, one for each player.

References:
    Paulius Micikevicius et al. Mixed precision training. ICLR 2018.
    https://arxiv.org/abs/1710.03740
    Dhiraj Kalamkar et al. A study of bfloat16 for deep learning training. 2019.
    https://arxiv.org/abs/1905.12322

>>> pays(35.5e9, 21), pays(0.1e9, 5), pays(1e12, 0)
(True, False, False)
"""

from typing import Any

import torch
from torch import Tensor

from cartograd.core.card import Card
from cartograd.engine.device.device import exact_bf16, fast_bf16
from cartograd.engine.inputs.stream import examples
from cartograd.engine.loop.probe import losses

CARD = Card(
    name="mixed-precision",
    kind="technique",
    entry="pays",
    nodes=("train/mixed-precision",),
    title="Mixed precision (bfloat16, float16)",
    zh="混合精度（bfloat16、float16）",
    paper="Mixed precision training",
    year=2018,
    url="https://arxiv.org/abs/1710.03740",
    proofs=(
        "law: products are made in bfloat16 while weights, losses and updates stay in float32",
        "law: gradients that float16 would lose are those of float32 to its 11 bits; a step that "
        "overflows changes nothing but the scale and is counted; a resumed run keeps the scale",
        "law: digits are learned as well in bfloat16 and in float16 as in float32, within a point "
        "over three seeds",
        "law: small networks stay in float32 to the bit; ResNet-18 at 32x32 takes bfloat16; a "
        "resumed run keeps what was chosen",
    ),
    evidence={
        "train/mixed-precision": (
            "test_products_are_bf16_and_all_else_float32",
            "test_large_ones_take_bf16",
            "test_a_step_that_overflows_is_left_out_and_counted",
            "test_small_gradients_are_kept_by_the_scale",
            "test_half_precision_is_as_accurate_on_real_digits",
            "acceptance:half-precision",
        ),
    },
    missing={"train/mixed-precision": "times and memory on a device with half precision"},
)

WORTH = 1e8
"""FLOPs of the forward pass per weight tensor from which bfloat16 pays."""


def pays(flops: float, weights: int, /) -> bool:
    """Whether a forward pass of so many FLOPs over so many weight tensors is faster in bf16."""
    return weights > 0 and flops / weights >= WORTH


def chosen(
    objective: Any, batch: Any, device: torch.device, /, *, counted: float | None = None
) -> str:
    """The precision that `auto` means: a pure function of the first batch and the machine.

    Args:
        objective: whose losses.
        batch: the first one.
        device: where it is computed.
        counted: FLOPs of an example's losses, where they were counted before.
    """
    weights = [
        weight
        for module in objective.players.values()
        for weight in module.parameters()
        if weight.ndim > 1 and weight.dtype == torch.float32
    ]
    if not fast_bf16(device) or not weights:
        return "float32"
    # A weight is used at most once for each number of the input: where even that is too little,
    # the objective need not be run.
    items = batch.values() if isinstance(batch, dict) else batch
    uses = max((item.numel() for item in items if isinstance(item, Tensor)), default=0)
    if not pays(2 * sum(weight.numel() for weight in weights) * uses, len(weights)):
        return "float32"
    whole = flops(objective, batch) if counted is None else counted * examples(batch)
    worth = pays(whole, len(weights))
    return "bf16" if worth and exact_bf16(device.type) else "float32"


def flops(objective: Any, batch: Any, /) -> int:
    """FLOPs of an objective's losses on a batch; 0 where it cannot be run without its steps.

    Two examples are run and the others taken to cost as much, so that counting costs little.
    """
    from cartograd.engine.loop.flops import flop_counter

    counter, few, times = flop_counter(), batch, 1.0
    plain = isinstance(batch, tuple | list) and all(isinstance(item, Tensor) for item in batch)
    if plain and len({item.shape[:1] for item in batch}) == 1 and batch[0].ndim:
        few, times = tuple(item[:2] for item in batch), max(len(batch[0]) / 2, 1.0)
    try:
        with counter:
            losses(objective, few)
    except Exception:  # the run itself will say what is wrong with it
        return 0
    return round(counter.get_total_flops() * times)
