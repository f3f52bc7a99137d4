import copy

import pytest
import torch
from torch import nn

from cartograd.training.adapters.beside import changes, check_merges, merged
from cartograd.training.adapters.qlora import BLOCK, LEVELS, FourBits, floats, qlora, rounded
from tests.training.adapters.test_lora import learned


def layers(width=96):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(width, 30), nn.ReLU(), nn.Linear(30, 7, bias=False), nn.ReLU(), nn.Linear(7, 5)
    ).double()


@pytest.mark.paper("qlora")
def test_the_levels_are_quantiles_of_a_normal_distribution():
    """Section 3: eight quantiles of each half and a zero, the outermost kept in by 1 / 32."""
    most = (2 - 1 / 32 - 1 / 30) / 2
    halves = [torch.linspace(most, 0.5, count, dtype=torch.float64)[:-1] for count in (9, 8)]
    up, down = (torch.special.ndtri(one) for one in halves)
    expected = torch.cat([-down, torch.zeros(1), up]).sort().values
    torch.testing.assert_close(
        expected / expected.max(), torch.tensor(LEVELS).double(), rtol=0, atol=1e-6
    )


@pytest.mark.law("qlora")
@pytest.mark.parametrize("shape", [(5, 7), (64, 32), (1, 65)])
def test_each_weight_becomes_the_nearest_level_and_stays(shape):
    weight = torch.randn(shape, dtype=torch.float64)
    codes, scales = rounded(weight)
    assert codes.dtype == torch.uint8
    assert codes.numel() == BLOCK // 2 * -(-weight.numel() // BLOCK)
    again = floats(codes, scales, shape)
    levels = torch.tensor(LEVELS, dtype=torch.float64)
    for place, (own, kept) in enumerate(zip(weight.flatten(), again.flatten(), strict=True)):
        offered = levels * scales[place // BLOCK]
        assert kept == offered[(offered - own).abs().argmin()]
    codes2, scales2 = rounded(again)
    assert torch.equal(codes2, codes)
    assert torch.equal(scales2, scales)
    assert not floats(*rounded(torch.zeros(shape)), shape).any()


@pytest.mark.law("qlora")
def test_it_is_lora_beside_rounded_weights_and_is_merged_exactly():
    model, x = layers(), torch.randn(4, 96, dtype=torch.float64, requires_grad=True)
    before = model(x)
    assert qlora(model, rank=2) == ["0", "2", "4"]
    apart = (model(x) - before).norm() / before.norm()
    assert 0.01 < apart < 0.2
    check_merges(model, (x,))
    plain = merged(model)
    torch.testing.assert_close(plain(x), model(x), rtol=1e-12, atol=1e-12)
    whole = merged(learned(model))
    torch.testing.assert_close(whole(x), model(x), rtol=1e-12, atol=1e-12)
    assert all(type(part) is nn.Linear for part in whole if not isinstance(part, nn.ReLU))
    twin = x.detach().clone().requires_grad_()
    model(x).square().sum().backward(), whole(twin).square().sum().backward()
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.law("qlora")
def test_only_the_changes_learn_and_the_weights_take_an_eighth():
    model = layers(512).float()
    whole = sum(one.numel() for one in model.parameters())
    qlora(model, rank=1, match="0")
    learns = [name for name, one in model.named_parameters() if one.requires_grad]
    assert learns == ["0.adapter.up", "0.adapter.down.weight"]
    kept = sum(one.nbytes for one in (model[0].codes, model[0].scales))
    assert kept * 32 == 4.5 * 4 * 512 * 30
    assert sum(one.numel() for one in model.parameters()) < whole / 10


def test_names_stay_and_a_state_is_loaded_as_it_was():
    model = layers()
    names = list(model.state_dict())
    qlora(model, rank=2)
    state = learned(model).state_dict()
    assert {name for name in state if ".adapter." not in name} == set(names)
    twin = layers()
    qlora(twin, rank=2)
    for part in twin:
        if isinstance(part, FourBits):
            part.codes.zero_(), part.scales.zero_()
    twin.load_state_dict({name: one.clone() for name, one in state.items()})
    x = torch.randn(3, 96, dtype=torch.float64)
    assert torch.equal(twin(x), model(x))
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    with pytest.raises(RuntimeError, match="Missing key"):
        twin.load_state_dict({name: one for name, one in state.items() if name != "0.weight"})
    assert len(list(changes(model))) == 3


def test_convolutions_stay_floats():
    model = nn.Sequential(nn.Conv1d(3, 4, 1), nn.Linear(4, 4))
    assert qlora(model, rank=1) == ["0", "1"]
    assert [type(one) for one in model] == [nn.Conv1d, FourBits]
