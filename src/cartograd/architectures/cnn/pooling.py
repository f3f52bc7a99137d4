"""Pooling: a neighbourhood becomes one number, its largest or its average.

Maps shrink, receptive fields grow, and where exactly something was matters less. It
has no weights. Global pooling takes the whole map: then images of any size give the same features.

    max: y_(v,u) = max_(i,j) x_(v stride + i, u stride + j)    avg: the mean of the same places

Shapes: input `b c y x`, output `b c v u`; global `b c`. A last row or column that does not fill a
window is left out.

Departures: none. Where several places share the largest value, they share its gradient (torch's
kernel gives it to the first).

References:
    Yann LeCun, Leon Bottou, Yoshua Bengio, Patrick Haffner. Gradient-based learning applied to
    document recognition. Proceedings of the IEEE 86, 1998. https://doi.org/10.1109/5.726791
    Min Lin, Qiang Chen, Shuicheng Yan. Network in network (global averages). 2013.
    https://arxiv.org/abs/1312.4400

>>> import torch
>>> Pooling()(torch.arange(16.0).reshape(1, 1, 4, 4))
tensor([[[[ 5.,  7.],
          [13., 15.]]]])
>>> Pooling()(torch.rand(1, 32, 30, 30)).shape
torch.Size([1, 32, 15, 15])
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="pooling",
    kind="layer",
    entry="Pooling",
    nodes=("cnn/pool",),
    title="Pooling",
    zh="池化层",
    paper="Gradient-based learning applied to document recognition",
    year=1998,
    url="https://doi.org/10.1109/5.726791",
    proofs=(
        "oracle: torch.nn.functional.max_pool2d, avg_pool2d and adaptive_avg_pool2d, outputs and "
        "gradients to 1e-10 in float64",
        "law: a shift by less than a window changes fewer of the pooled numbers",
        "paper: the notes' 4x4 becomes 2x2, and 30x30x32 becomes 15x15x32",
    ),
    evidence={"cnn/pool": ("test_the_notes_numbers", "test_equals_torchs_with_gradients")},
    tiny={"kernel_size": 2, "pooling": "max"},
    renamed={"kernel": "kernel_size"},
)


class Pooling(nn.Module):
    """The largest or the mean of each window, or of the whole map.

    Args:
        kernel_size: rows and columns of a window.
        stride: pixels from one window to the next; by default windows do not overlap.
        pooling: max, avg, or global (the mean of the whole map).
    """

    def __init__(
        self,
        *,
        kernel_size: int = 2,
        stride: int | None = None,
        pooling: Literal["max", "avg", "global"] = "max",
    ):
        super().__init__()
        self.kernel_size, self.stride, self.pooling = kernel_size, stride or kernel_size, pooling

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c ..."]:
        """Fewer numbers for each map.

        Raises:
            UsageError: the window is larger than the map.
        """
        if self.pooling == "global":
            return x.mean((2, 3))
        size = self.kernel_size
        if size > min(x.shape[2:]):
            raise UsageError(
                f"a window of {size} x {size} does not fit maps of {x.shape[2]} x {x.shape[3]}"
            )
        windows = x.unfold(2, size, self.stride).unfold(3, size, self.stride)
        return windows.amax((-2, -1)) if self.pooling == "max" else windows.mean((-2, -1))
