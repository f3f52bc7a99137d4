import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.training.adapters.beside import changes, check_merges, merged
from cartograd.training.adapters.dora import dora
from tests.reference import Reference
from tests.training.adapters.test_lora import layers, learned

peft = Reference("peft", quiet=True)


@pytest.mark.oracle("dora")
@pytest.mark.parametrize("alpha", [None, 5.0])
def test_it_is_that_of_peft(alpha):
    ours, theirs = layers(), layers()
    names = dora(ours, rank=3, alpha=alpha)
    given = {"r": 3, "lora_alpha": 3 if alpha is None else alpha, "target_modules": names}
    config = peft.LoraConfig(**given, use_dora=True)
    theirs = peft.inject_adapter_in_model(config, theirs).double()
    learned(ours)
    pairs = []
    for name, _, change in changes(ours):
        part = theirs.get_submodule(name)
        length = part.lora_magnitude_vector.default.weight
        pairs += [
            (change.turn.down.weight, part.lora_A.default.weight),
            (change.turn.up, part.lora_B.default.weight),
            (change.length, length),
        ]
    for own, other in pairs:
        other.data.copy_(own.view(other.shape))
    x = torch.randn(4, 3, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)
    ours(x).square().sum().backward(), theirs(x).square().sum().backward()
    for own, other in pairs:
        scale = other.grad.abs().max()
        torch.testing.assert_close(
            own.grad / scale, other.grad.view(own.shape) / scale, rtol=1e-12, atol=1e-12
        )


@pytest.mark.law("dora")
def test_it_begins_as_the_network_was_and_is_merged_exactly():
    model, x = layers(), torch.randn(4, 3, 6, 6, dtype=torch.float64)
    before = model(x)
    assert dora(model, rank=2) == ["0", "2", "5", "7"]
    torch.testing.assert_close(model(x), before, rtol=1e-14, atol=1e-14)
    sizes = [one.numel() for one in model.parameters() if one.requires_grad]
    assert sum(sizes) == 2 * (27 + 8 + 72 + 4 + 36 + 7 + 7 + 5) + 8 + 4 + 7 + 5
    check_merges(model, (x,))
    learned(model)
    assert not torch.allclose(model(x), before)
    torch.testing.assert_close(merged(model)(x), model(x), rtol=1e-12, atol=1e-12)


@pytest.mark.law("dora")
def test_lengths_alone_scale_rows():
    model = nn.Sequential(nn.Linear(4, 3)).double()
    dora(model, rank=1)
    weight = model[0].weight.clone()
    ((_, _, change),) = changes(model)
    nn.init.constant_(change.length, 2.0)
    rows = merged(model)[0].weight
    torch.testing.assert_close(rows.norm(dim=1), torch.full((3,), 2.0).double())
    torch.testing.assert_close(rows * weight.norm(dim=1, keepdim=True) / 2, weight)


def test_a_rank_that_no_weight_has_is_refused():
    with pytest.raises(UsageError, match="rank=9 is more than any of the 4 weights"):
        dora(layers(), rank=9)
