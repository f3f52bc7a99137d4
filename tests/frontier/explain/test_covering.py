"""Explainers that cover parts of the input: Shapley values, LIME, RISE."""

from itertools import permutations

import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.explain.counterfactual import counterfactual
from cartograd.frontier.explain.lime import fidelity, lime, ridge_fit
from cartograd.frontier.explain.parts import parts_of
from cartograd.frontier.explain.rise import masks, rise
from cartograd.frontier.explain.shap_exact import exact_shap
from cartograd.frontier.explain.shap_kernel import kernel_shap
from cartograd.frontier.explain.shap_permutation import permutation_shap
from tests.frontier.explain.test_one_number import language_model, rows
from tests.reference import Reference

shap = Reference("shap", quiet=True)


def net(d, seed=0):
    torch.manual_seed(seed)
    layers = nn.Linear(d, 12), nn.Tanh(), nn.Linear(12, 3)
    model = nn.Sequential(*layers).double().eval()
    model[0].weight.data.mul_(3)
    return model


def data(d, n=3, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.law("exact-shap")
def test_exact_values_are_the_mean_over_all_orders():
    model, x, ground = net(6), data(6), data(6, 4, seed=2)
    found = exact_shap(model, x, target=1, baseline=ground)
    parts = parts_of(model, x, target=1, baseline=ground)
    expected = torch.zeros(3, 6).double()
    orders = list(permutations(range(6)))
    with torch.no_grad():
        known = parts.values((torch.arange(64)[:, None] >> torch.arange(6) & 1).bool())
    for order in orders:
        before = 0
        for one in order:
            after = before | 1 << one
            expected[:, one] += (known[:, after] - known[:, before]) / len(orders)
            before = after
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.law("exact-shap", "kernel-shap", "permutation-shap")
@pytest.mark.parametrize("method", [exact_shap, kernel_shap, permutation_shap])
def test_shares_add_up_and_what_does_nothing_has_nothing(method):
    model, x = net(8), data(8)
    model[0].weight.data[:, 3] = 0
    found = method(model, x, target=2)
    whole = (model(x) - model(0 * x))[:, 2].detach()
    torch.testing.assert_close(found.sum(1), whole, rtol=0, atol=1e-9)
    assert found[:, 3].abs().max() < 1e-9
    if method is exact_shap:
        x[:, 1] = x[:, 0]
        model[0].weight.data[:, 1] = model[0].weight.data[:, 0]
        found = method(model, x, target=2)
        torch.testing.assert_close(found[:, 0], found[:, 1])
        both = nn.ModuleList([model, net(8, seed=5)])
        added = method(Added(both), x, target=2)
        torch.testing.assert_close(added, found + method(both[1], x, target=2))


class Added(nn.Module):
    def __init__(self, models):
        super().__init__()
        self.models = models

    def forward(self, x):
        return sum(model(x) for model in self.models)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.oracle("exact-shap")
def test_exact_values_are_shaps():
    model, x, ground = net(7), data(7), data(7, 5, seed=2)

    def answer(rows):
        return model(torch.from_numpy(rows))[:, 1].detach().numpy()

    explainer = shap.explainers.Exact(answer, shap.maskers.Independent(ground.numpy()))
    expected = torch.from_numpy(explainer(x.numpy()).values)
    torch.testing.assert_close(exact_shap(model, x, target=1, baseline=ground), expected,
                               rtol=0, atol=1e-9)  # fmt: skip


@pytest.mark.law("kernel-shap")
def test_kernel_shap_comes_near_and_with_all_subsets_is_exact():
    model, x = net(13), data(13)
    exact = exact_shap(model, x, target=0)
    small = exact_shap(net(6), data(6), target=0)
    torch.testing.assert_close(kernel_shap(net(6), data(6), target=0, draws=62), small,
                               rtol=0, atol=1e-9)  # fmt: skip
    gaps = [
        torch.stack([
            (kernel_shap(model, x, target=0, draws=n, seed=seed) - exact).abs().mean()
            for seed in range(4)
        ]).mean() / exact.abs().mean()
        for n in (120, 1000)
    ]  # fmt: skip
    assert gaps[1] < 0.05
    assert gaps[1] < gaps[0] / 2
    with pytest.raises(UsageError, match="draws=20 are too few for 13 parts"):
        kernel_shap(model, x, draws=20)


@pytest.mark.law("permutation-shap")
def test_orders_are_exact_for_pairs_and_unbiased_for_more():
    class Pairs(nn.Module):
        def forward(self, x):
            return (x[:, :1] * x[:, 1:2] + x[:, 2:3] * x[:, 3:4]).expand(-1, 2)

    x = data(5)
    found = permutation_shap(Pairs(), x, target=0, orders=1)
    torch.testing.assert_close(found, exact_shap(Pairs(), x, target=0))
    model, x = net(9), data(9)
    exact = exact_shap(model, x, target=0)
    each = torch.stack([permutation_shap(model, x, target=0, orders=4, seed=n) for n in range(40)])
    error = (each.mean(0) - exact).abs() / (each.std(0) / 40**0.5)
    assert error.max() < 5


@pytest.mark.oracle("lime")
def test_lime_is_scikit_learns_ridge():
    model, x = net(6), data(6)
    parts = parts_of(model, x, target=1)
    shown = torch.rand(200, 6, generator=torch.Generator().manual_seed(0)) < 0.5
    shown[0] = True
    far = (~shown).sum(1).double().sqrt()
    width = 0.75 * 6**0.5
    weight = (-(far**2) / width**2).exp().sqrt()
    values = parts.values(shown)
    found, fit = ridge_fit(shown, weight, values, 1.0)
    for row in range(3):
        theirs = Ridge(alpha=1.0).fit(shown.double(), values[row], sample_weight=weight)
        expected = torch.from_numpy(theirs.coef_)
        torch.testing.assert_close(found[row], expected, rtol=0, atol=1e-9)
        score = theirs.score(shown.double(), values[row], sample_weight=weight)
        assert float(fit[row]) == pytest.approx(score, abs=1e-9)
    torch.testing.assert_close(lime(model, x, target=1, draws=200), found)


@pytest.mark.law("lime")
def test_a_linear_model_is_found():
    model, x = nn.Linear(5, 2).double(), data(5)
    found = lime(model, x, target=1, ridge=0)
    torch.testing.assert_close(found, x * model.weight[1].detach())
    torch.testing.assert_close(fidelity(model, x, target=1, ridge=0), torch.ones(3).double())
    alone = lime(net(5), x[1:2], target=1)
    torch.testing.assert_close(lime(net(5), x, target=1)[1:2], alone)
    assert not torch.equal(lime(net(5), x, target=1, seed=1)[1:2], alone)
    with pytest.raises(UsageError, match="draws=1"):
        lime(model, x, draws=1)


@pytest.mark.parametrize("name", ["exact-shap", "occlusion"])
def test_the_parts_of_a_series_are_its_moments(name):
    named = Signature((Port("steps", "vector", (6, 2)),), (Port("y", "value", (1,)),))
    model = cg.sign(nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), named)
    x, weights = torch.rand(3, 6, 2), model.model[1].weight.detach().reshape(6, 2)
    found = cg.explain(model, x, method=name).float()
    share = 2 if name == "exact-shap" else 1
    torch.testing.assert_close(found[..., 0] * share, (x * weights).sum(2))
    assert torch.equal(found[..., 0], found[..., 1])


@pytest.mark.law("rise")
def test_masks_show_as_often_as_asked():
    seen = masks((9, 12), 4000, cells=4, p=0.3, seed=0)
    assert seen.shape == (4000, 9, 12)
    assert (seen.mean(0) - 0.3).abs().max() < 0.05
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 1


@pytest.mark.law("rise")
def test_the_place_that_counts_stands_out():
    weight = torch.zeros(1, 1, 12, 12)
    weight[..., 3, 8] = 1
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 1, bias=False))
    model[1].weight.data = weight.flatten(1)
    found = rise(model, torch.ones(1, 1, 12, 12), target=0, draws=1500)
    assert divmod(int(found.argmax()), 12) == (3, 8)
    with pytest.raises(UsageError, match="covers places of pictures"):
        rise(net(4), data(4))


@pytest.mark.law("exact-shap", "kernel-shap", "permutation-shap", "lime")
@pytest.mark.parametrize(
    "name", ["exact-shap", "kernel-shap:draws=60", "permutation-shap:orders=2", "lime:draws=60"]
)
def test_texts_and_pictures_are_explained_by_their_parts(name):
    texts = rows("the cat", "a")
    found = cg.explain(language_model(), texts, target="s", method=name)
    assert found.shape == texts.shape
    nothing = 0.01 if "lime" in name else 1e-9  # of a fit to samples, or exactly
    assert found[1, 1:].abs().max() < nothing
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(128, 3))
    method = {"exact-shap": exact_shap, "kernel-shap": kernel_shap, "lime": lime}
    x = torch.rand(2, 2, 8, 8)
    found = method.get(name.partition(":")[0], permutation_shap)(model, x, target=1, patch_size=3)
    assert found.shape == x.shape
    assert torch.equal(found[:, :, 0, 0], found[:, :, 2, 2])
    assert torch.equal(found[:, 0], found[:, 1])
    if "exact" in name:
        with pytest.raises(UsageError, match="expected at most 16 of them"):
            exact_shap(model, x, target=1)


@pytest.mark.law("counterfactual")
def test_the_cheapest_number_turns_a_linear_model():
    torch.manual_seed(0)
    model, x = nn.Linear(6, 2).double(), data(6, 8)
    with torch.no_grad():
        out = model(x)
        apart = (out[:, 0] - out[:, 1]).abs()
        cheapest = apart / (model.weight[0] - model.weight[1]).abs().max()
        change = counterfactual(model, x, target=1 - out.argmax(1), steps=200)
        assert (model(x + change).argmax(1) != out.argmax(1)).all()
    price = change.abs().sum(1) / cheapest
    assert price.min() > 1 - 1e-9
    assert price.max() < 1.1
    assert ((change != 0).sum(1) <= 2).all()
    with pytest.raises(UsageError, match="answers with one number"):
        counterfactual(nn.Linear(6, 1).double(), x)
    constant = nn.Linear(6, 2).double()
    constant.weight.data.zero_()
    with pytest.raises(UsageError, match="8 of 8 answers do not turn"):
        counterfactual(constant, x, steps=20)


@pytest.mark.law("counterfactual")
def test_digits_turn_to_what_is_asked_for(judge):
    x = judge.x[:12]
    own = judge.model(x).argmax(1)
    wanted = (own + 1) % 10
    change = counterfactual(judge.model, x, target=wanted, steps=160)
    assert (judge.model(x + change).argmax(1) == wanted).all()
    assert (x + change).min() >= 0
    assert (x + change).max() <= 1
    assert ((change != 0).flatten(1).sum(1) < 32).all()
    left = counterfactual(judge.model, x, target=own, steps=160)
    assert (judge.model(x + left).argmax(1) != own).all()
    assert (left.abs().flatten(1).sum(1) <= change.abs().flatten(1).sum(1) + 0.1).all()
