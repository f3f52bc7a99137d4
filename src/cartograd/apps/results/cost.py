"""What a training run needs: layers, parameters, work, memory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One layer: its name in the model, its class, the shape it gives, its parameters."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Cost:
    """What a run needs.

    Attributes:
        layers: from input to output, with the shapes for one batch.
        parameters: numbers to learn.
        flops: of a training step (forward and backward) for one example; a multiplication and
            an addition are two.
        memory: bytes by what they hold; `activations` are those kept for the backward pass.
        steps: of the whole run.
    """

    layers: tuple[Layer, ...]
    parameters: int
    flops: int
    memory: dict[str, int]
    steps: int

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(self.memory.values())
