"""One row of inputs after another, as in writing a text: there each call of a layer counts.

A layer's other questions (does it need a gradient, on which device, in how many dimensions) take
a third of the time of a product of eight bits; so what is one row in inference is told apart first.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def one_row(x: Float[Tensor, "... d"], /) -> bool:
    """Whether these are the inputs of a step of decoding, on the processor of this machine."""
    return (
        x.ndim == 2
        and len(x) == 1
        and torch.is_inference_mode_enabled()
        and x.is_cpu
        and x.dtype == torch.float32
        and not torch.compiler.is_exporting()
    )
