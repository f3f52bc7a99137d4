"""Every degradation makes what its port says, each picture alone, and guesses whole ones."""

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.ports import Port
from cartograd.core.restoring import Degradation
from cartograd.data.dataset.counter_random import CounterRandom
from tests.conformance.support import global_state_untouched, over

WHOLE = Port("image", "image", (3, 24, 20), bounds=(0.0, 1.0))


def given():
    return torch.rand(4, *WHOLE.dims, generator=torch.Generator().manual_seed(0))


@over("degradation")
def test_it_makes_what_its_port_says(card):
    way, x = build(card.name, kind=card.kind, **card.tiny), given()
    before = x.clone()
    with global_state_untouched():
        seen = way(x, CounterRandom(torch.arange(4)))
    assert isinstance(way, Degradation)
    assert seen.shape[1:] == way.port(WHOLE).dims
    assert seen.dtype == x.dtype
    assert torch.equal(x, before)
    assert not torch.equal(seen, x)


@over("degradation")
def test_each_picture_is_its_own_and_repeats(card):
    way, x = build(card.name, kind=card.kind, **card.tiny), given()
    together = way(x, CounterRandom(torch.arange(4)))
    for row in range(4):
        alone = way(x[row : row + 1], CounterRandom(torch.tensor([row])))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-5, atol=1e-6)


@over("degradation")
def test_its_guess_is_a_whole_picture_and_is_named(card):
    way, x = build(card.name, kind=card.kind, **card.tiny), given()
    guess = way.guess(way(x, CounterRandom(torch.arange(4))), x.mean(0))
    assert guess.shape == x.shape
    assert guess.isfinite().all()
    assert way.plain
    assert pytest.approx(0, abs=0.3) == (guess - x).mean().item()
