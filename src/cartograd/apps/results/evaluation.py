"""What came of an evaluation: metrics with their intervals, answers, costs."""

from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.notebook import shown


@dataclass(frozen=True)
class Evaluation:
    """What came of an evaluation.

    Attributes:
        metrics: each metric's value, by its name.
        intervals: the low and high end of each metric's 95 % interval.
        examples: how many there were.
        outputs: the model's answers (logits or values), as the examples come; where each position
            of an example has a label, a few numbers for each example that the metrics need.
        targets: the right answers.
        latency: seconds for one example alone (median).
        parameters: numbers that the model learned.
        size: bytes of its weights and buffers.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    examples: int
    outputs: Float[Tensor, "n ..."]
    targets: Shaped[Tensor, "n1 ..."]
    latency: float
    parameters: int
    size: int

    def _repr_html_(self) -> str:
        return shown("evaluation", self)
