"""The range of examples, in digits that a person reads."""

import torch

from cartograd.apps.verbs.attack_size import range_of


def test_a_range_holds_all_examples_in_few_digits():
    generator = torch.Generator().manual_seed(0)
    for scale in (1e-4, 0.3, 1.0, 4254.0, 2.5e7):
        for shift in (0.0, -0.4, 10.0):
            x = scale * (torch.randn(50, generator=generator) + shift)
            low, high = range_of(x)
            assert low <= x.min()
            assert high >= x.max()
            width = float(x.max() - x.min())
            assert high - low <= 1.001 * width
            assert len(f"{low}".replace("e", "")) < 12, low
            assert len(f"{high}".replace("e", "")) < 12, high
    assert range_of(torch.full((3,), 2.0)) == (2.0, 2.0)
