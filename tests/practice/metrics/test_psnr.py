import pytest
import torch

from cartograd.practice.metrics.psnr import psnr


@pytest.mark.oracle("psnr")
def test_equals_torchmetrics():
    from torchmetrics.functional.image import peak_signal_noise_ratio

    x = torch.rand(9, 1, 5, 5, dtype=torch.float64)
    found = (x + 0.1 * torch.randn_like(x)).clamp(0, 1)
    expected = peak_signal_noise_ratio(found, x, data_range=1.0).item()
    assert psnr(found, x) == pytest.approx(expected, abs=1e-5)
    assert psnr(x, x) == float("inf")
