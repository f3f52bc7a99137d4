import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed

METHODS = (
    "int8-weights", "group-weights:group=8", "group-weights:group=8,bits=8", "quantize-static",
    "half-weights", "half-weights:precision=bf16",
)  # fmt: skip
TYPES = torch.float16, torch.bfloat16, torch.float64


class Mixed(nn.Module):
    """Layers that are rounded among others that are not."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(16, 24), nn.LayerNorm(24), nn.Linear(24, 16)

    def forward(self, x):
        return x + self.last(self.norm(torch.relu(self.first(x))))


class rows:  # noqa: N801
    """Batches of drawn rows, without a right answer."""

    def __len__(self):
        return 1

    def epoch(self, number, /, *, seed, start=0):
        yield from [(torch.randn(32, 16, generator=torch.Generator().manual_seed(1)),)][start:]


def made(method):
    torch.manual_seed(0)
    ports = Port("x", "vector", (16,)), Port("y", "vector", (16,), task="regress")
    model = Signed(Mixed(), Signature(ports[:1], ports[1:])).eval()
    return cg.build(method, kind="compressor")(model, rows())


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_a_rounded_model_is_given_another_type(method, compiled, request):
    if compiled:
        request.getfixturevalue("there")
    x, model = torch.randn(3, 16), made(method)
    expected, kept = model(x), {name: one.dtype for name, one in model.named_buffers()}
    for dtype in TYPES:
        assert model.to(dtype) is model
        found = model.model(x.to(dtype))
        assert found.dtype == dtype
        error = (found.float() - expected).norm() / expected.norm()
        assert error < (0.03 if dtype == torch.float64 else 0.06)
        rounded = [part for part in model.modules() if "_apply" in vars(type(part))]
        assert len(rounded) == 2
        for part in rounded:
            assert all(one.dtype != torch.float64 for one in part.buffers())
    assert torch.equal(model.float()(x), expected)
    assert {name: one.dtype for name, one in model.named_buffers()} == kept


def test_half_in_place_of_to_and_what_only_moves(there):
    model, x = made("int8-weights"), torch.randn(2, 16)
    expected = model(x)
    assert model.half().model(x.half()).dtype == torch.float16
    assert model.to("cpu").model(x.half()).dtype == torch.float16
    assert model.bfloat16().model(x.bfloat16()).dtype == torch.bfloat16
    state = model.state_dict()
    assert torch.equal(model.float()(x), expected)
    again = made("int8-weights")
    again.load_state_dict(state)
    assert again.model.first.scale.dtype == torch.float32
    assert isinstance(there, bool)
