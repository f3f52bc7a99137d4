import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.ssim import ssim


def pair():
    whole = torch.rand(3, 2, 16, 20, dtype=torch.float64)
    return (whole + 0.2 * torch.randn_like(whole)).clamp(0, 1), whole


@pytest.mark.oracle("ssim")
def test_ssim_is_torchmetrics():
    from torchmetrics.functional.image import structural_similarity_index_measure

    found, whole = pair()
    _, full = structural_similarity_index_measure(
        found, whole, data_range=1.0, return_full_image=True
    )
    inner = full[..., 5:-5, 5:-5].mean().item()  # where no neighbourhood leaves the picture
    assert ssim(found, whole) == pytest.approx(inner, abs=1e-6)


def test_pictures_of_two_sizes_are_refused():
    found, whole = pair()
    with pytest.raises(UsageError, match="pictures of one shape"):
        ssim(found[..., 1:], whole)
