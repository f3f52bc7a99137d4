"""How good explanations are: captum's figures, and what must hold."""

import json

import pytest
import scipy.stats
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.explain.parts import parts_of
from cartograd.frontier.explain.quality.complexity import complexity, gini
from cartograd.frontier.explain.quality.curves import blurred, deletion, insertion
from cartograd.frontier.explain.quality.infidelity import infidelity
from cartograd.frontier.explain.quality.randomisation import forgetful, rank_correlation
from cartograd.frontier.explain.quality.sensitivity import max_sensitivity
from cartograd.frontier.explain.saliency import saliency
from cartograd.frontier.explain.shap_exact import exact_shap


def net(d=6):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(d, 12), nn.Tanh(), nn.Linear(12, 3)).double().eval()
    model[0].weight.data.mul_(3)
    return model


FLAT = cg.sign(
    nn.Sequential(nn.Flatten(), nn.Linear(9, 3)),
    Signature((Port("x", "image", (1, 1, 9)),), (Port("y", "label", (3,)),)),
)
"""A model of pictures with a single row."""


def data(n=5, d=6):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(1)).double()


def test_of_a_linear_model_its_own_contributions_delete_and_insert_best():
    model, x = nn.Linear(6, 2).double(), data(40)
    target = model(x).argmax(1)
    weights = model.weight[target] - model.weight[1 - target]
    own = (x * weights).detach()
    start = torch.zeros_like(x)
    told = {"target": target, "start": start, "steps": 6}
    gone, come = deletion(model, x, own, **told), insertion(model, x, own, **told)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        other = torch.randn(x.shape, generator=generator).double()
        assert (deletion(model, x, other, **told) >= gone - 1e-12).all()
        assert (insertion(model, x, other, **told) <= come + 1e-12).all()
    reverse = deletion(model, x, -own, **told)
    assert (reverse > gone).all()
    pictures = torch.rand(2, 1, 9, 9)
    assert blurred(pictures).shape == pictures.shape
    torch.testing.assert_close(blurred(torch.ones(1, 1, 9, 9)), torch.ones(1, 1, 9, 9))


@pytest.mark.law("saliency", "occlusion")
def test_infidelity_is_nought_for_a_linear_models_contributions_and_one_for_none():
    model, x = nn.Linear(6, 2).double(), data()
    parts = parts_of(model, x, target=1)
    own = x * model.weight[1].detach()
    assert infidelity(parts, 7 * own).max() < 1e-12
    assert infidelity(parts, torch.zeros_like(x)).tolist() == [1.0] * 5
    parts = parts_of(net(), x, target=1)
    good = infidelity(parts, exact_shap(net(), x, target=1))
    poor = infidelity(parts, torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
    assert (good < poor).all()


def test_max_sensitivity_of_a_linear_explanation_is_the_largest_move():
    def twice(x):
        return 2 * x

    x = torch.ones(3, 4).double()
    found = max_sensitivity(twice, x, radius=0.1, samples=200)
    assert ((found > 0.08) & (found <= 0.1 + 1e-12)).all()
    assert max_sensitivity(lambda x: torch.ones_like(x), x).tolist() == [0.0] * 3


def test_where_there_is_nothing_to_divide_by_nothing_is_judged():
    """Half of the examples are asleep: their answer does not depend on what is covered."""
    net = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    nn.init.constant_(net[0].weight, 1.0)
    nn.init.constant_(net[0].bias, -2.0)
    net[0].weight.data[1] /= 2
    model = cg.sign(
        net, Signature((Port("x", "vector", (4,), bounds=(0.0, 1.0)),), (Port("y", "label", (2,)),))
    )
    awake = torch.tensor([[1.0, 0.9, 0.8, 0.7], [0.7, 0.9, 1.0, 0.8]])
    x = torch.cat([awake, awake / 9])
    nothing = torch.zeros(2, 4)
    assert max_sensitivity(lambda x: 0 * x, nothing).isnan().all()
    assert max_sensitivity(lambda x: x, nothing).isnan().all()
    for one in (complexity, gini):
        assert one(nothing).isnan().all()
    assert rank_correlation(nothing, awake).isnan().all()
    parts = parts_of(model, x, target=0)
    assert infidelity(parts, torch.zeros_like(x)).isnan().tolist() == [False, False, True, True]
    apart = cg.explanation_quality(model, x, ["input-x-gradient"], target=0)
    alone = cg.explanation_quality(model, awake, ["input-x-gradient"], target=0)
    for column in ("infidelity", "complexity", "gini"):
        found, right = (one.figures["input-x-gradient"][column] for one in (apart, alone))
        assert found == pytest.approx(right), column
    assert apart.figures["input-x-gradient"]["max-sensitivity"][0] < 1
    told = next(one for one in apart.notes if one.startswith("input-x-gradient"))
    assert "infidelity of 2 of 4, max-sensitivity of 2 of 4, complexity of 2 of 4" in told
    asleep = cg.explanation_quality(model, awake / 9, ["input-x-gradient"], target=0)
    assert list(asleep.figures["input-x-gradient"]) == ["deletion", "insertion"]
    assert "–" in asleep.rows()[0]
    assert "infidelity" not in asleep.no_better()["input-x-gradient"]
    assert "NaN" not in json.dumps(asleep.to_json()["better_than_random"])


def test_ranks_are_scipys_and_a_forgetful_model_has_the_same_weights_elsewhere():
    a, b = data(4), data(4).roll(1, 1).round()
    expected = [scipy.stats.spearmanr(one, two).statistic for one, two in zip(a, b, strict=True)]
    torch.testing.assert_close(rank_correlation(a, b), torch.tensor(expected))
    model = net()
    other = forgetful(model)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one.sort().values.sum(), two.sort().values.sum())
        assert one is not two
    assert not torch.equal(saliency(model, a), saliency(other, a))


@pytest.mark.law("saliency", "occlusion")
def test_the_table_has_controls_and_a_picture_of_the_model_beats_them(judge):
    x = judge.x[:40]
    methods = ("integrated_gradients", "guided-backprop", "kernel-shap:draws=130,patch_size=1")
    found = cg.explanation_quality(judge.model, x, methods)
    assert list(found.figures) == [*methods, "random", "edges"]
    figures = {name: {key: value[0] for key, value in row.items()}
               for name, row in found.figures.items()}  # fmt: skip
    own, chance = figures["integrated_gradients"], figures["random"]
    assert own["deletion"] < chance["deletion"] - 0.1
    assert own["insertion"] > chance["insertion"] + 0.1
    assert own["infidelity"] < chance["infidelity"] - 0.2
    assert figures["edges"]["randomisation"] == pytest.approx(1)
    assert figures["edges"]["max-sensitivity"] < 0.3
    assert found.no_better()["integrated_gradients"] == []
    assert found.to_json()["examples"] == 40
    beats = found.to_json()["better_than_random"]
    assert list(beats) == [*methods, "edges"]
    assert min(beats["integrated_gradients"][one] for one in ("deletion", "insertion")) > 0.9
    assert list(beats["edges"]) == ["deletion", "insertion", "infidelity"]
    flat = cg.explanation_quality(FLAT, torch.rand(2, 1, 1, 9), ["occlusion"])
    assert flat.figures["edges"]["infidelity"][0] >= 0
    with pytest.raises(UsageError, match="at least one"):
        cg.explanation_quality(judge.model, x, ())
