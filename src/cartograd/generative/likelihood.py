"""Maximum likelihood: raise the density of what was seen.

    L(x) = -log p(x) / d

Per number of an example, so that a learning rate means the same for pictures of any size.

Shapes: a batch is (inputs `b ...`, the same again); the model's log-densities are ` b`.

Departures: none.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, section 5.5. MIT Press, 2016.
    https://www.deeplearningbook.org

>>> import torch
>>> objective = Likelihood(model=nn.Flatten(0))
>>> next(objective.losses((torch.ones(3, 1), torch.ones(3, 1)))).value
tensor([-1., -1., -1.])
"""

import math
from collections.abc import Iterator

from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss

CARD = Card(
    name="likelihood",
    kind="objective",
    entry="Likelihood",
    nodes=("flow/change-of-variables",),
    title="Maximum likelihood",
    zh="最大似然",
    paper="Deep Learning, section 5.5",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=("law: on normal data the best affine flow has the sample's mean and covariance",),
    evidence={
        "flow/change-of-variables": (
            "test_the_determinant_is_that_of_the_jacobian",
            "test_the_density_of_the_plane_is_one_in_all",
            "claim:flow-exact",
        ),
    },
    metrics=("bits-per-dim",),
)


class Likelihood(nn.Module):
    """The negative log-density of each example, per number.

    Args:
        model: answers with log-densities, ` b`, in nats.
    """

    def __init__(self, *, model: nn.Module):
        super().__init__()
        self.model = model
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example."""
        yield Loss(self.validate(batch)["loss"])

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, and the log-densities for the metrics."""
        *inputs, examples = batch
        nats = self.model(*inputs)
        return {"loss": -nats / math.prod(examples.shape[1:]), "outputs": nats}
