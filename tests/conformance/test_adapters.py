"""Every adapter: the model begins as it was, and merged it is what it has become."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.training.adapters.beside import Rounded, changes, merged
from tests.conformance.support import judged_model, over


def adapted(card):
    model, x, _ = judged_model()
    before = model.eval().requires_grad_(False)(x)
    return model, x, before, build(card.name, kind=card.kind, **card.tiny)(model.model)


@over("adapter")
def test_an_adapted_model_begins_as_it_was(card):
    model, x, before, names = adapted(card)
    if any(isinstance(layer, Rounded) for _, layer, _ in changes(model)):
        before = merged(model)(x)  # as it was, in rounded weights
        torch.testing.assert_close(model(x), before)
    else:
        assert torch.equal(model(x), before)
    assert names == [name for name, _, _ in changes(model.model)]
    learning = [name for name, one in model.model.named_parameters() if one.requires_grad]
    assert learning
    assert all(name.startswith(tuple(f"{one}.adapter." for one in names)) for name in learning)


@over("adapter")
def test_merged_it_answers_as_beside_and_has_the_tensors_of_before(card):
    model, x, before, _ = adapted(card)
    plain, _, _ = judged_model()
    for _, _, change in changes(model.double()):
        for weight in change.parameters():
            nn.init.normal_(weight)
    beside, whole = model(x.double()), merged(model)
    torch.testing.assert_close(whole(x.double()), beside, rtol=1e-10, atol=1e-10)
    assert (beside - before).abs().max() > 1e-3
    assert list(whole.state_dict()) == list(plain.state_dict())
    assert list(changes(model)), "the model itself stays as it is"
