"""What an attacker with one victim in mind has: a network, a class, and a test example."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.data.dataset.plan import generator
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.gain import logits
from cartograd.frontier.security.poisons.drawn import check_classes, number_of, some


@dataclass(frozen=True)
class Aim:
    """A victim, and the class that it shall be answered as.

    Attributes:
        poison: whose, for errors.
        run: a classifier of the same inputs, which the attacker has.
        target: the class that the victim shall be answered as, by name or number.
        victim: the class of the victim, a test example that the run answers rightly.
        seed: of which victim and which examples.
    """

    poison: str
    run: Any
    target: str | int
    victim: str | int
    seed: int

    def network(
        self, x: Shaped[Tensor, "n ..."], signature: Signature, /
    ) -> tuple[Signed, tuple[float, float]]:
        """The network, and the bounds of its inputs.

        Raises:
            UsageError: no run is given or it takes other inputs, or the inputs have no bounds.
        """
        check_classes(self.poison, signature)
        run, bounds = self.run, signature.input.bounds
        if not isinstance(run, Signed) or run.signature.input.dims != signature.input.dims:
            raise UsageError(
                f"{self.poison} needs the run of a classifier of the same inputs: "
                f"{self.poison}:run=RUN"
            )
        if bounds is None or not x.is_floating_point():
            raise UsageError(
                f"{self.poison} moves numbers within bounds, and these inputs have none"
            )
        return run, bounds

    def rows(self, y: Int[Tensor, " n"], signature: Signature, count: int, /) -> Int[Tensor, " m"]:
        """So many examples of the target.

        Raises:
            UsageError: there are fewer, or there is no such class.
        """
        own = (y == self.wanted(signature)).nonzero()[:, 0]
        return some(own, count, "of the target", self.seed)

    def wanted(self, signature: Signature, /) -> int:
        """The number of the target."""
        return number_of(self.target, signature.output)

    def chosen(
        self,
        model: Signed,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        signature: Signature,
        /,
    ) -> Float[Tensor, "1 ..."]:
        """A test example of the victim's class that the model answers rightly.

        Raises:
            UsageError: there is none.
        """
        number = number_of(self.victim, signature.output)
        own = x[y == number]
        with looking(model, own), torch.no_grad():
            right = logits(model, own).argmax(1) == number
        if not right.any():
            raise UsageError(
                f"{self.poison}: the run answers no test example of {self.victim!r} rightly, "
                "so there is no victim; take another class, or a better run"
            )
        order = torch.randperm(int(right.sum()), generator=generator(self.seed, "victim"))
        return own[right][order[:1]]

    def probes(
        self, x: Shaped[Tensor, "n ..."], y: Int[Tensor, " n"], signature: Signature, /
    ) -> tuple[Tensor, Tensor]:
        """The victim, and the target."""
        model, _ = self.network(x, signature)
        return self.chosen(model, x, y, signature), torch.tensor([self.wanted(signature)])
