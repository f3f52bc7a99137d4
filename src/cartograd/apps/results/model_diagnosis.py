"""What a model does in training: layers, learning rate, gradient noise, largest batch."""

from dataclasses import dataclass, field
from pathlib import Path

from cartograd.core.notebook import drawn
from cartograd.training.diagnosis.finding import Finding
from cartograd.training.diagnosis.gradient_noise import NoiseScale
from cartograd.training.diagnosis.largest_batch import LargestBatch
from cartograd.training.diagnosis.layer_report import LayerReport
from cartograd.training.diagnosis.lr_range import LRRange


@dataclass(frozen=True)
class ModelDiagnosis:
    """What a model does in training; None for what was not looked at.

    Attributes:
        name: of the model.
        data: what it was looked at on.
        batch_size, optimizer: of the steps.
        layers: activations and gradients of one step.
        rate: the learning-rate range test.
        noise: the gradient noise scale.
        batch: the largest batch that fits.
        findings: what stands out, and what that implies.
        left_out: looks that were not possible, with the reason.
    """

    name: str
    data: str
    batch_size: int
    optimizer: str
    layers: LayerReport | None = None
    rate: LRRange | None = None
    noise: NoiseScale | None = None
    batch: LargestBatch | None = None
    findings: tuple[Finding, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    def draw(self, path: str | Path, /) -> Path:
        """Write the diagnosis as a page with its pictures."""
        return drawn("diagnosis:model_page", self, path)
