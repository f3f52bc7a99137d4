"""Restoration: answer with the whole picture of which a degraded version was seen.

Squared errors make the best picture by PSNR, and a blurred one where several are possible;
absolute errors blur less.

    L(x) = mean_j (model(degraded(x))_j - x_j)^2

Shapes: a batch is (degraded pictures, whole ones), `b c y x` both; sides may differ.

Departures: none.

References:
    Chao Dong, Chen Change Loy, Kaiming He, Xiaoou Tang. Image super-resolution using deep
    convolutional networks. IEEE TPAMI 38, 2016. https://arxiv.org/abs/1501.00092
    Hang Zhao, Orazio Gallo, Iuri Frosio, Jan Kautz. Loss functions for image restoration with
    neural networks. IEEE Transactions on Computational Imaging 3, 2017.
    https://arxiv.org/abs/1511.08861

>>> import torch
>>> objective = Restore(model=nn.Identity())
>>> next(objective.losses((torch.zeros(5, 1, 4, 4), torch.ones(5, 1, 4, 4)))).value.tolist()
[1.0, 1.0, 1.0, 1.0, 1.0]
"""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.training.losses.given import loss_of

CARD = Card(
    name="restore",
    kind="objective",
    entry="Restore",
    nodes=("gan/applications",),
    title="Restoration of pictures",
    zh="图像复原",
    paper="Image super-resolution using deep convolutional networks",
    year=2016,
    url="https://arxiv.org/abs/1501.00092",
    proofs=("oracle: torch.nn.functional.mse_loss and l1_loss of each picture, to 1e-7",),
    metrics=("psnr",),
)


class Restore(nn.Module):
    """The error of restored pictures.

    Args:
        model: answers with pictures.
        loss: name or text form of a loss of values such as `absolute-error`, or a function of a
            user's own.
    """

    def __init__(self, *, model: nn.Module, loss: str | Callable[..., Tensor] = "mse"):
        super().__init__()
        self.model, self.loss = model, loss_of(loss)
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: the error of each picture."""
        yield Loss(self.validate(batch)["loss"])

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The error of each picture, and the pictures for the metrics."""
        *inputs, whole = batch
        restored = self.model(*inputs)
        return {"loss": self.loss(restored, whole), "outputs": restored}
