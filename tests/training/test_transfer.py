"""Beginning from what another training learned, and freezing it."""

import copy

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.classify import Classify
from cartograd.training.transfer import begin, freeze, learned_parts


def small(classes=3, width=4):
    return build("resnet", depth=8, width=width, channels=1, size=8, classes=classes, drop_path=0.5)


def batches():
    draws = torch.Generator().manual_seed(0)
    return [(torch.randn(6, 1, 8, 8, generator=draws), torch.arange(6) % 3) for _ in range(3)]


def test_all_but_another_last_layer_is_taken_over():
    source, model = small(classes=7), small()
    fresh = begin(model, source)
    assert fresh == ["fc.weight", "fc.bias"]
    ours, theirs = model.state_dict(), source.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours if name not in fresh)
    same = small(classes=7)
    assert begin(same, source) == []
    assert torch.equal(same.fc.weight, source.fc.weight)


def test_networks_that_differ_in_more_are_refused():
    with pytest.raises(UsageError, match=r"'conv1.weight' is of shape \(8, 1, 3, 3\) here and of"):
        begin(small(width=8), small())
    with pytest.raises(UsageError, match="not of one kind"):
        begin(small(), build("lenet5", size=8, classes=3))


def test_what_is_frozen_stays_to_the_bit_and_the_optimizer_keeps_nothing_for_it():
    model = small()
    parts = learned_parts(model, ["fc.weight", "fc.bias"])
    assert parts == ["conv1", "bn1", "layer1", "layer2", "layer3"]
    before = copy.deepcopy(model.state_dict())
    freeze(model, parts)
    run = fit(Classify(model=model), batches(), optimizers="adamw:lr=0.1", epochs=2)
    after = run.model.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"fc.weight", "fc.bias"}
    trained = [p for p in model.parameters() if p.requires_grad]
    assert len(trained) == 2


def test_frozen_parts_are_deterministic_while_the_rest_trains():
    model = small()
    freeze(model, ["layer1", "layer2", "layer3", "bn1"])
    assert model.train().training
    assert not model.layer1.training
    assert not model.layer1[0].bn1.training
    assert model.fc.training
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(model(x), model(x))
    twin = copy.deepcopy(model).train()
    assert not twin.layer2[0].training
    assert twin.layer2[0].train.__self__ is twin.layer2[0]


def test_the_same_numbers_with_a_part_frozen_as_with_its_gradients_thrown_away():
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    other = copy.deepcopy(model)
    x, y = torch.randn(6, 4, dtype=torch.float64), torch.arange(6) % 3
    freeze(model, ["0"])
    fit(Classify(model=model), [(x, y)], optimizers="sgd:lr=0.5", epochs=3)
    for _ in range(3):
        loss = nn.functional.cross_entropy(other(x), y)
        for weight, slope in zip(
            other[2].parameters(),
            torch.autograd.grad(loss, list(other[2].parameters())),
            strict=True,
        ):
            weight.data -= 0.5 * slope
    torch.testing.assert_close(model[2].weight, other[2].weight, rtol=0, atol=1e-12)


def test_unknown_parts_and_nothing_to_train_are_refused():
    with pytest.raises(UsageError, match="unknown part to freeze 'layer4x'"):
        freeze(small(), ["layer4x"])
    model = small()
    with pytest.raises(UsageError, match="everything is frozen"):
        freeze(model, [name for name, _ in model.named_children() if name != "layer4"])
