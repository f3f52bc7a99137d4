"""Large numbers in half precision: squares are taken in float32, as torch takes them."""

import pytest
import torch
from torch import nn

from cartograd.training.normalization.batch_norm import BatchNorm
from cartograd.training.normalization.group_norm import GroupNorm
from cartograd.training.normalization.instance_norm import InstanceNorm
from cartograd.training.normalization.layer_norm import LayerNorm
from cartograd.training.normalization.rms_norm import RMSNorm

PAIRS = {
    "layer-norm": (lambda: LayerNorm(features=16), lambda: nn.LayerNorm(16)),
    "group-norm": (lambda: GroupNorm(channels=8, groups=2), lambda: nn.GroupNorm(2, 8)),
    "instance-norm": (
        lambda: InstanceNorm(channels=8),
        lambda: nn.InstanceNorm1d(8, affine=True),
    ),
    "batch-norm": (lambda: BatchNorm(channels=8), lambda: nn.BatchNorm1d(8)),
    "rms-norm": (lambda: RMSNorm(features=16), lambda: nn.RMSNorm(16, eps=1e-6)),
}


@pytest.mark.oracle("layer-norm", "group-norm", "instance-norm", "batch-norm", "rms-norm")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", PAIRS)
def test_large_numbers_in_half_precision_are_those_of_torch(name, dtype):
    ours, theirs = (make() for make in PAIRS[name])
    x = (torch.randn(4, 8, 16) * 600 + 1000).to(dtype)  # squared they are beyond 65504
    expected = theirs(x.float())
    answer = ours.to(dtype)(x)
    assert answer.dtype == dtype
    torch.testing.assert_close(answer.float(), expected, rtol=torch.finfo(dtype).eps, atol=1e-3)
