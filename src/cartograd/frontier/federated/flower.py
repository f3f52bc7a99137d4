"""A client of a federation as one of Flower's, for clients on machines of their own.

Flower's server and its strategies take the place of ours: they send arrays, a client learns from
them on its own examples, and sends back what it came to. What a client does is what it does here,
so that Flower's FedAvg of our clients is ours. `FlowerClient` has the methods of Flower's
`NumPyClient` and needs no Flower by itself; `to_client` hands it over.

Flower 1.42 asks for versions of rich (below 15) that this package does not take, so there is no
extra of that name: install it into an environment of its own, this package without its command
line's needs (`pip install --no-deps cartograd torch ...`) beside it.

References:
    Daniel Beutel and others. Flower: a friendly federated learning research framework. 2020.
    https://arxiv.org/abs/2007.14390
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from cartograd.core.errors import UsageError
from cartograd.core.hashing import mixed
from cartograd.frontier.federated.federation import Federation

Arrays = list[np.ndarray]


class FlowerClient:
    """One client of a federation with the methods that Flower calls.

    Args:
        federation: whose client; of `fedavg` or `fedprox`, whose aggregation is Flower's now.
        number: of the client.

    Raises:
        UsageError: there is no such client or it has no examples, or the federation sends what
            Flower's strategies do not take.
    """

    def __init__(self, federation: Federation, number: int, /):
        terms, sizes = federation.terms, federation.sizes
        if not 0 <= number < len(sizes) or not sizes[number]:
            raise UsageError(
                f"client {number} has no examples; there are clients 0 to {len(sizes) - 1} with "
                f"{', '.join(map(str, sizes.tolist()))} examples"
            )
        against = {
            f"{terms.name}'s control variates": terms.controlled,
            "secure=true": terms.secure,
            "privacy=dp-fedavg": federation.bound is not None,
            "flipped=": terms.flipped > 0,
            f"aggregate={terms.aggregate}": terms.aggregate != "mean",
            "central=true": terms.central,
        }
        for what, there in against.items():
            if there:
                raise UsageError(
                    f"{what} is for our server, and here Flower's strategy is the server; leave it "
                    "out and take Flower's own"
                )
        self.federation, self.number, self.rounds = federation, number, 0

    def get_properties(self, config: Mapping[str, Any], /) -> dict[str, int]:  # noqa: ARG002
        """How many examples the client has."""
        return {"examples": int(self.federation.sizes[self.number])}

    def get_parameters(self, config: Mapping[str, Any], /) -> Arrays:  # noqa: ARG002
        """The model's weights, to begin from."""
        return arrays(self.federation, self.federation.local.begin())

    def fit(
        self, parameters: Sequence[np.ndarray], config: Mapping[str, Any], /
    ) -> tuple[Arrays, int, dict[str, float]]:
        """The weights that the client comes to, its number of examples, and its mean loss.

        Args:
            parameters: weights to begin from.
            config: may say the number of the round, from 1 on (`server_round`, or Flower's older
                `round`).
        """
        number = int(config.get("server_round", config.get("round", self.rounds + 1))) - 1
        self.rounds = number + 1
        federation, local = self.federation, self.federation.local
        own = federation.clients[self.number]
        draws = [mixed(federation.seed, number, self.number)]
        found = local.run([own], row(federation, parameters), draws=draws)
        return arrays(federation, found.weights[0]), len(own), {"loss": found.loss.item()}

    def evaluate(
        self,
        parameters: Sequence[np.ndarray],
        config: Mapping[str, Any],  # noqa: ARG002
        /,
    ) -> tuple[float, int, dict[str, float]]:
        """The mean loss of weights on the client's own examples."""
        local = self.federation.local
        own = self.federation.clients[self.number]
        part = local.part.select(own)
        batches = part.batches(batch_size=min(len(own), EVALUATED), shuffle=False)
        named = local.named(row(self.federation, parameters))
        lost, modes = 0.0, local.module.training
        local.module.eval()
        with torch.no_grad():
            for batch in batches.epoch(0, seed=0):
                loss = functional_call(local.passed, named, (None, *batch))
                lost += loss.item() * len(batch[0])
        local.module.train(modes)
        return lost / len(own), len(own), {}

    def to_client(self) -> Any:
        """The same as a client of Flower's, for its `ClientApp` or `start_client`.

        Raises:
            UsageError: Flower is not installed.
        """
        try:
            theirs = import_module("flwr.client").NumPyClient
        except ImportError as error:
            raise UsageError(
                "Flower is not installed here: pip install flwr (in an environment of its own, as "
                "it asks for an older rich)"
            ) from error
        names = ("get_properties", "get_parameters", "fit", "evaluate")
        methods = {name: _passed_on(getattr(self, name)) for name in names}
        return type("FlowerClient", (theirs,), methods)().to_client()


EVALUATED = 1024
"""Examples that are evaluated at once."""


def arrays(federation: Federation, numbers: Tensor, /) -> Arrays:
    """A row of weights as the arrays that Flower sends, in the order of the model's weights."""
    return [part.cpu().numpy() for part in federation.local.named(numbers.detach()).values()]


def row(federation: Federation, parameters: Sequence[np.ndarray], /) -> Tensor:
    """Arrays as a row of weights.

    Raises:
        UsageError: they are of another model.
    """
    start = federation.local.begin()
    shapes = [tuple(shape) for shape in federation.local.shapes.values()]
    if [array.shape for array in parameters] != shapes:
        raise UsageError(
            f"the server sent arrays of shapes {[array.shape for array in parameters]}; the model "
            f"of this client has {shapes}"
        )
    return torch.cat([torch.tensor(array).flatten() for array in parameters]).to(start)


@torch.no_grad()
def take(federation: Federation, parameters: Sequence[np.ndarray], /) -> None:
    """Put weights that came of Flower's rounds into the federation's model."""
    named = federation.local.named(row(federation, parameters))
    held = dict(federation.local.module.named_parameters())
    held |= dict(federation.local.module.named_buffers())
    for name, value in named.items():
        held[name.removeprefix("module.")].copy_(value)


def _passed_on(method: Any) -> Any:
    """A method of another class that calls this one."""
    return lambda _, *given: method(*given)
