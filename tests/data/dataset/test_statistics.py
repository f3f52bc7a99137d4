"""Mean and standard deviation of ports, against torch's in float64."""

import pytest
import torch

from cartograd.core.ports import Port
from cartograd.data.dataset.statistics import measured


def compare(port, values, axes):
    values = values.double()
    torch.testing.assert_close(
        torch.tensor(port.mean, dtype=torch.float64), values.mean(axes).reshape(-1),
        rtol=1e-6, atol=1e-9,
    )  # fmt: skip
    torch.testing.assert_close(
        torch.tensor(port.std, dtype=torch.float64),
        values.std(axes, correction=0).reshape(-1), rtol=1e-6, atol=1e-9,
    )  # fmt: skip


def test_images_per_channel_over_several_chunks():
    stored = torch.randint(0, 256, (5000, 3, 4, 5), dtype=torch.uint8)
    port = measured(Port("image", "image", (3, 4, 5)), stored)
    compare(port, stored.double() / 255, (0, 2, 3))
    assert len(port.mean) == 3


def test_vectors_per_number():
    values = torch.randn(100, 4) * torch.tensor([1.0, 10.0, 0.1, 1e3]) + 5
    compare(measured(Port("x", "vector", (4,)), values), values, 0)


def test_sound_has_one_for_all():
    values = torch.randn(20, 1, 50)
    port = measured(Port("sound", "audio", (1, 50)), values)
    compare(port, values, (0, 1, 2))
    assert len(port.mean) == 1


@pytest.mark.parametrize("constant", [0.0, 3.0, 1e6, -1e-6])
def test_a_constant_gets_one(constant):
    port = measured(Port("x", "vector", (1,)), torch.full((7, 1), constant))
    assert port.std == (1.0,)
    assert port.mean == pytest.approx((constant,))
