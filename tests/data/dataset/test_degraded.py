import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.data.dataset.degraded import degraded


def test_batches_are_degraded_and_whole():
    data = degraded(cg.dataset("digits"), "smaller:scale=2")
    assert data.signature.input.dims == (1, 4, 4)
    assert data.signature.input.made_by == "smaller:scale=2"
    assert data.signature.output.dims == (1, 8, 8)
    assert data.signature.sizes()["size"] == 8
    x, whole = next(iter(data.train.batches(batch_size=5).epoch(0, seed=0)))
    torch.testing.assert_close(x, data.train.degradation(whole, None))
    assert "smaller:scale=2" in data.told[-1]


def test_noise_is_new_in_each_epoch_and_repeats_in_validation():
    data = degraded(cg.dataset("digits"), "noisy:std=0.3")
    batches = data.valid.batches(batch_size=5, shuffle=False)
    first, again, later = (next(iter(batches.epoch(n, seed=0))) for n in (0, 0, 1))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], later[1])
    assert not torch.equal(first[0], later[0])


def test_only_pictures_can_be_restored():
    with pytest.raises(UsageError, match="what can be restored is pictures"):
        degraded(cg.dataset("moons"), "hole")
