"""SpecAugment: bands and stretches, as many and as wide as asked."""

import pytest
import torch

from cartograd.core import registry
from cartograd.core.build import hyperparameters
from cartograd.core.errors import UsageError
from cartograd.training.augmentation.audio.spec_augment import masks, spec_augment
from tests.training.augmentation.support import rng


@pytest.mark.law("spec-augment")
def test_blank_is_bands_and_stretches():
    x = torch.ones(400, 40, 200)
    kept = spec_augment(x, rng(400), freq_mask_param=9, time_mask_param=60, p=0.1) > 0
    rows, columns = kept.any(2), kept.any(1)
    assert torch.equal(kept, rows[:, :, None] & columns[:, None, :])
    for mask, width in ((~rows, 9), (~columns, 20)):
        assert mask.sum(1).max() <= 2 * width
        assert mask.sum(1).max() > 1.5 * width
        runs = (mask[:, 1:] & ~mask[:, :-1]).sum(1) + mask[:, 0]
        assert set(runs.tolist()) == {0, 1, 2}


@pytest.mark.law("spec-augment")
def test_widths_are_drawn_alike():
    widths = masks(rng(6600), 50, 1, 10).sum(1)
    assert widths.bincount(minlength=11).sub(600).abs().max() < 100


@pytest.mark.paper("spec-augment")
def test_policies_of_table_1():
    card, _ = registry.find("spec-augment")
    default = {name: p.default for name, p in hyperparameters(card).items()}
    table = {  # F, mF, T, p, mT
        "lb": (27, 1, 100, 1.0, 1), "ld": (27, 2, 100, 1.0, 2),
        "sm": (15, 2, 70, 0.2, 2), "ss": (27, 2, 70, 0.2, 2),
    }  # fmt: skip
    for name, values in table.items():
        policy = default | card.presets[f"spec-augment-{name}"]
        keys = ("freq_mask_param", "frequency_masks", "time_mask_param", "p", "time_masks")
        assert tuple(policy[key] for key in keys) == values


def test_sounds_are_refused():
    with pytest.raises(UsageError, match="for spectrograms"):
        spec_augment(torch.zeros(2, 1, 800), rng(2))
