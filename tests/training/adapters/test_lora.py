import copy

import pytest
import torch
from torch import nn

from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.training.adapters.beside import Idles, changes, check_merges, merged
from cartograd.training.adapters.lora import lora
from tests.conformance.support import double, inputs, model_of
from tests.reference import Reference

peft = Reference("peft", quiet=True)

BARE = (
    *("maf", "iaf", "neuron", "perceptron", "stylegan2", "word2vec"),
    *("decision-tree", "random-forest", "boosted-trees"),
    *("matrix-factorisation", "two-towers"),
    *("naive", "seasonal-naive", "exponential-smoothing"),
)
"""Models whose weights are all masked, shared, scaled in use or read as rows, or that have none."""
READ = ("pixelcnn", "vq-vae")
"""Models that read the weight of a layer elsewhere than in its call."""
SLOW = ("latent-diffusion", "inception-v3")
"""Models of parts that others have, too."""
MODELS = [
    card for card in registry.cards().values() if card.kind == "model" and card.name not in SLOW
]


def layers():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(8, 4, 3, padding="same", bias=False), nn.ReLU(), nn.Flatten(),
        nn.Linear(36, 7), nn.ReLU(), nn.Linear(7, 5, bias=False),
    ).double()  # fmt: skip


def learned(model):
    """Changes that are no longer zero."""
    for _, _, change in changes(model):
        for weight in change.parameters():
            nn.init.normal_(weight)
    return model


@pytest.mark.oracle("lora")
@pytest.mark.parametrize("alpha", [None, 5.0])
def test_it_is_that_of_peft(alpha):
    ours, theirs = layers(), layers()
    names = lora(ours, rank=3, alpha=alpha)
    given = {"r": 3, "lora_alpha": 3 if alpha is None else alpha, "target_modules": names}
    theirs = peft.inject_adapter_in_model(peft.LoraConfig(**given), theirs).double()
    learned(ours)
    for name, _, change in changes(ours):
        part = theirs.get_submodule(name)
        part.lora_A.default.weight.data.copy_(change.down.weight)
        part.lora_B.default.weight.data.copy_(change.up)
    x = torch.randn(4, 3, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)
    ours(x).square().sum().backward(), theirs(x).square().sum().backward()
    for name, _, change in changes(ours):
        part = theirs.get_submodule(name)
        pairs = (change.down.weight, part.lora_A.default), (change.up, part.lora_B.default)
        for own, other in pairs:
            torch.testing.assert_close(own.grad, other.weight.grad, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(
            change.difference(change.up), part.get_delta_weight("default"), rtol=1e-12, atol=1e-12
        )


@pytest.mark.paper("lora")
def test_the_numbers_that_learn_in_gpt_3():
    """Table 4: 4.7 million at rank 1 of queries and values, in each of 96 layers of 12,288."""
    with torch.device("meta"):
        blocks = nn.ModuleList(
            nn.ModuleDict({name: nn.Linear(12288, 12288) for name in "qkvo"}) for _ in range(96)
        )
        assert len(lora(blocks, rank=1, match="*.[qv]")) == 192
    learning = [one.numel() for one in blocks.parameters() if one.requires_grad]
    assert sum(learning) == 96 * 2 * 2 * 12288 == 4_718_592


@pytest.mark.place("llm/lora")
@pytest.mark.law("lora")
@pytest.mark.parametrize("card", MODELS, ids=lambda card: card.name)
def test_every_model_begins_as_it_was_and_is_merged_exactly(card):
    model = model_of(card).double().eval().requires_grad_(False)
    x = double(inputs(model.signature))
    if card.name in BARE:
        with pytest.raises(UsageError, match="no dense layer and no convolution"):
            lora(model.model, rank=2)
        return
    with torch.no_grad():
        before = model(*x)
        lora(model.model, rank=2)
        if card.name in READ:
            with pytest.raises(UsageError, match=r"\.conv is not called in one"):
                check_merges(model, x)
            return
        assert torch.equal(model(*x), before)
        for _, _, change in changes(model):
            for weight in change.parameters():
                nn.init.normal_(weight, std=0.02)
        torch.testing.assert_close(merged(model)(*x), model(*x), rtol=1e-9, atol=1e-9)


@pytest.mark.place("llm/lora")
@pytest.mark.law("lora")
def test_so_many_numbers_learn_and_nothing_else_moves():
    model = layers()
    names = lora(model, rank=2)
    assert names == ["0", "2", "5", "7"]
    sizes = [one.numel() for one in model.parameters() if one.requires_grad]
    assert sum(sizes) == 2 * (27 + 8 + 72 + 4 + 36 + 7 + 7 + 5)
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad])
    for _ in range(2):  # the first step moves B alone, as A has no gradient while B is zero
        model(torch.randn(2, 3, 6, 6).double()).square().sum().backward()
        optimizer.step()
    moved = {name for name, now in model.state_dict().items() if not torch.equal(now, before[name])}
    assert moved == {name for name in before if ".adapter." in name}


@pytest.mark.law("lora")
def test_edges_and_steps_of_a_convolution_are_those_of_the_layer():
    """peft's change of a convolution knows neither dilation nor edges that go round."""
    model = nn.Conv2d(3, 4, 3, padding=2, dilation=2, stride=2, padding_mode="circular").double()
    x = torch.randn(2, 3, 8, 8).double()
    lora(model, rank=2)
    torch.testing.assert_close(merged(learned(model))(x), model(x), rtol=1e-12, atol=1e-12)


def test_alpha_counts_in_ranks_and_dropout_is_of_training_alone():
    model = layers()
    lora(model, rank=2, alpha=6.0, match="5", dropout=0.5)
    ((_, _, change),) = changes(learned(model))
    assert change.scale == 3
    x = torch.randn(4, 36).double()
    assert not torch.equal(change(x), change(x))
    torch.testing.assert_close(change.eval()(x), x @ change.difference(model[5].weight).T)


def test_a_rank_that_no_weight_has_is_refused_and_one_that_some_lack_is_told():
    model = layers()
    before = list(model.state_dict())
    with pytest.raises(UsageError, match="rank=9 is more than any of the 4 weights can have, 8 at"):
        lora(model, rank=9)
    assert list(model.state_dict()) == before
    lora(model, rank=6)
    idle = {name: change.idle for name, _, change in changes(model) if isinstance(change, Idles)}
    assert idle == {
        "0": "", "2": "(rank 4 at most, not 6)", "5": "", "7": "(rank 5 at most, not 6)"
    }  # fmt: skip


def test_of_a_layer_with_one_answer_no_rank_is_said_to_be_too_much():
    model = nn.Sequential(nn.Linear(9, 9), nn.Linear(9, 1))
    lora(model, rank=2)
    assert [change.idle for _, _, change in changes(model) if isinstance(change, Idles)] == ["", ""]
