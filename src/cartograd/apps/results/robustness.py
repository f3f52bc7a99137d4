"""How often a model is right with and without an attack."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Robustness:
    """Accuracy with and without an attack.

    Attributes:
        method: spec of the attack.
        examples: how many were attacked.
        clean, robust: accuracy before and after.
        clean_interval, robust_interval: their 95 % intervals (Wilson).
        inputs, targets: the examples.
        adversarial: the inputs after the attack.
        before, after: what the model says of each.
    """

    method: str
    examples: int
    clean: float
    clean_interval: tuple[float, float]
    robust: float
    robust_interval: tuple[float, float]
    inputs: Float[Tensor, "n ..."]
    targets: Int[Tensor, " n"]
    adversarial: Float[Tensor, "n ..."]
    before: Int[Tensor, " n"]
    after: Int[Tensor, " n"]
