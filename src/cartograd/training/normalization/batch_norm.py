"""Batch normalisation: each channel to mean 0 and variance 1 over the examples of a batch.

Layers then see inputs of one size, whatever the layers before them learn, and larger steps become
safe. In evaluation running averages stand in for the batch's statistics, so that an answer does
not depend on its neighbours. Statistics of a few examples are noise: the smaller the batch, the
worse both stages agree.

    y = weight (x - mean) / sqrt(var + eps) + bias,   over all of a channel's b y x numbers
    running <- decay running + (1 - decay) batch's

Shapes: `b c ...`, kept; weight, bias and running statistics ` c`.

Departures: the running variance is the unbiased one, as in the paper and in torch. `decay` is what
torch calls 1 - momentum.

References:
    Sergey Ioffe, Christian Szegedy. Batch normalization: accelerating deep network training by
    reducing internal covariate shift. ICML 2015. https://arxiv.org/abs/1502.03167

>>> layer = BatchNorm(channels=1)
>>> layer(torch.tensor([[1.0], [3.0]])).round(decimals=3).tolist(), layer.running_mean.item()
([[-1.0], [1.0]], 0.20000000298023224)
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="batch-norm",
    kind="normalisation",
    entry="BatchNorm",
    nodes=("norm/batch",),
    title="Batch normalisation",
    zh="批归一化",
    paper="Batch normalization: accelerating deep network training by reducing internal covariate "
    "shift",
    year=2015,
    url="https://arxiv.org/abs/1502.03167",
    proofs=(
        "oracle: torch.nn.BatchNorm1d, 2d and 3d in training and evaluation, outputs, gradients "
        "and running statistics to 1e-10 in float64",
        "law: the error of a batch's statistics falls with its size: 8 times as large for "
        "batches of 4 as for batches of 256",
    ),
    evidence={
        "norm/batch": (
            "test_equals_torch_in_training_and_evaluation",
            "test_small_batches_misjudge_the_statistics",
            "test_maps_are_normalised_as_spelled_out",
            "test_features_are_normalised_as_spelled_out",
        ),
    },
    tiny={"channels": 4},
    renamed={"keep": "decay", "floor": "eps"},
)


class BatchNorm(nn.Module):
    """Batch normalisation of the channels (dimension 1) of any number of positions.

    Args:
        channels: size of dimension 1.
        decay: share of the running statistics that is kept at each step.
        eps: added to the variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, *, channels: int, decay: float = 0.9, eps: float = 1e-5):
        super().__init__()
        self.decay, self.eps = decay, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Float[Tensor, "b c ..."]) -> Float[Tensor, "b c ..."]:
        """Each channel normalised by its batch's statistics, or in evaluation by the running ones.

        Raises:
            UsageError: a channel holds one number in training, which has no variance.
        """
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # 256 squared is no half
        mean, var = self.running_mean, self.running_var
        if self.training:
            dims = [0, *range(2, x.ndim)]
            count = x.numel() // x.shape[1]
            if count < 2:
                raise UsageError("batch-norm: a single number has no variance; use more examples")
            mean, var = wide.mean(dims), wide.var(dims, correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean), 1 - self.decay)
                unbiased = var * count / (count - 1)
                self.running_var.lerp_(unbiased.to(self.running_var), 1 - self.decay)
        mean, var, weight, bias = (
            each.reshape(-1, *[1] * (x.ndim - 2)) for each in (mean, var, self.weight, self.bias)
        )
        answer = weight * (wide - mean) / (var + self.eps).sqrt() + bias
        return answer.to(torch.promote_types(x.dtype, self.weight.dtype))
