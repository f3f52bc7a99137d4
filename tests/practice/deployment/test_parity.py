import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.engine.files.rebuild import Rounding, rounding_steps, simulated, tolerance
from cartograd.practice.deployment import parity
from cartograd.practice.deployment.onnx import onnx
from tests.conformance.test_protocols import few

SIGNATURE = Signature((Port("row", "vector", (40,)),), (Port("class", "label", (4,)),))
pytestmark = pytest.mark.compile
METHODS = "int8-weights", "group-weights:group=8", "half-weights:precision=bf16", "quantize-static"


@pytest.fixture(scope="module", params=METHODS)
def small(request, tmp_path_factory):
    """A rounded model, its file, and examples."""
    torch.manual_seed(0)
    layers = [nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4)]
    model = sign(nn.Sequential(*layers), SIGNATURE)
    x = torch.randn(64, 40)
    made = build(request.param, kind="compressor")(model, few(x, None))
    made = sign(made.model if hasattr(made, "model") else made, SIGNATURE).eval()
    return made, onnx(made, tmp_path_factory.mktemp("files") / "small.onnx"), x[:16]


def compared(made, path, x):
    """How far apart they are, what counts as rounding, and what did when machines were allowed."""
    with rounding_steps(made) as steps, torch.no_grad():
        most = made(x).abs().max().item()
    return *parity.difference(made, path, x), tolerance(steps) * max(1.0, most)


def test_a_file_agrees_to_what_floats_make_of_the_rounding(small):
    found, most, of_machines = compared(*small)
    assert found <= most < 0.3 * of_machines
    assert not any(part.simulates for part in small[0].modules() if isinstance(part, Rounding))


def test_a_fault_that_other_machines_would_be_allowed_is_found(small):
    """The last layer's answers are two percent too large."""
    made, path, x = small

    class Off(nn.Module):
        def __init__(self):
            super().__init__()
            self.made = made

        def forward(self, x):
            return 1.02 * self.made(x)

    found, most, of_machines = compared(Off(), path, x)
    assert most < found <= of_machines


def test_what_is_simulated_are_floats_of_the_same_numbers(small):
    made, _, x = small
    layer = next(part for part in made.modules() if isinstance(part, Rounding))
    with simulated(made), torch.no_grad():
        plain = torch.nn.functional.linear(x, layer.weight, layer.bias)
        off = (layer(x) - plain).abs().max()
    assert off <= (0.03 if hasattr(layer, "input_scale") else 1e-5) * plain.abs().max()
