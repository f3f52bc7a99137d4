"""Studies of a whole model: surrogate trees, concepts, preferred inputs, views."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ttest_ind
from sklearn.linear_model import Ridge
from sklearn.manifold import TSNE
from sklearn.manifold import trustworthiness as theirs_trusted
from torch import nn

import cartograd as cg
from cartograd.core.column import Column
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.frontier.explain.studies.activation_maximisation import activation_maximisation
from cartograd.frontier.explain.studies.embedding_view import embedding_view, same_class
from cartograd.frontier.explain.studies.hidden import hidden
from cartograd.frontier.explain.studies.tcav import RIDGE, direction, tcav, welch
from cartograd.frontier.explain.studies.trustworthiness import trustworthiness
from cartograd.frontier.explain.studies.tsne import conditional, joint, principal, tsne
from cartograd.frontier.explain.studies.umap import curve, memberships, nearest, umap, united
from cartograd.frontier.explain.trees.random_forest import RandomForest
from cartograd.frontier.explain.trees.surrogate import question, surrogate_tree


@pytest.mark.oracle("embedding-view")
def test_t_sne_is_scikit_learns(judge):
    x = judge.x[:150].flatten(1).double()
    view, divergence = tsne(x, perplexity=15)
    theirs = TSNE(perplexity=15, method="exact", init="pca", random_state=0)
    expected = theirs.fit_transform(x.numpy())
    assert divergence == pytest.approx(theirs.kl_divergence_, rel=0.05)
    own = trustworthiness(x, view, k=5)
    assert own == pytest.approx(theirs_trusted(x.numpy(), view.numpy(), n_neighbors=5), abs=1e-5)
    assert own > theirs_trusted(x.numpy(), expected, n_neighbors=5) - 0.005


@pytest.mark.law("embedding-view")
def test_neighbours_are_as_many_as_was_asked():
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).double()
    p = conditional(x, 12.0)
    spread = torch.special.entr(p).sum(1).exp()
    torch.testing.assert_close(spread, torch.full((60,), 12.0).double(), rtol=1e-5, atol=0)
    pairs = joint(p)
    assert torch.equal(pairs, pairs.T)
    assert float(pairs.sum()) == pytest.approx(1, abs=1e-8)
    near, apart = nearest(x, 10)
    degree = memberships(apart, 10)
    torch.testing.assert_close(degree.sum(1), torch.full((60,), math.log2(10)).double())
    assert (degree[:, 0] == 1).all()
    graph = united(near, degree)
    assert torch.equal(graph, graph.T)
    i, j = 0, int(near[0, 3])
    back = (near[j] == i).nonzero()
    other = float(degree[j, back[0, 0]]) if len(back) else 0.0
    one = float(degree[0, 3])
    assert float(graph[i, j]) == pytest.approx(one + other - one * other)
    assert curve(0.1) == pytest.approx((1.577, 0.895), abs=2e-3)  # as the paper's program


@pytest.mark.law("embedding-view")
def test_views_keep_neighbours_and_classes(judge):
    x, y = judge.x[:200], judge.y[:200]
    pixels = x.flatten(1).double()
    for view in (tsne(pixels, perplexity=20)[0], umap(pixels)):
        assert trustworthiness(pixels, view, k=5) > 0.97
        assert same_class(view, y) > 0.9
    assert trustworthiness(pixels, principal(pixels), k=5) < 0.9
    features = hidden(judge.model, x, None)
    assert torch.equal(features, judge.model.model[:-1](
        (x - judge.model.mean0) / judge.model.std0).detach().double())  # fmt: skip
    found = embedding_view(judge.model, x, y, form="umap", layer="3")
    assert found.layer == "3"
    assert found.figures["trustworthiness (5 neighbours)"] > 0.95
    with pytest.raises(UsageError, match="to a third of them: give perplexity=66"):
        embedding_view(judge.model, x, y, perplexity=90)
    with pytest.raises(UsageError, match="a view of 7 examples"):
        embedding_view(judge.model, x[:7], y[:7])
    with pytest.raises(UsageError, match="unknown layer 'nowhere'"):
        embedding_view(judge.model, x, y, layer="nowhere")


@pytest.mark.oracle("tcav")
def test_a_concepts_direction_is_ridges():
    one, other = (torch.randn(20, 7).double() + shift for shift in (0.0, 0.5))
    way, middle = direction(one, other)
    x, t = torch.cat([one, other]), np.repeat([1.0, -1.0], 20)
    centred = (x - x.mean(0)).numpy()
    held = RIDGE * float((x - x.mean(0)).square().sum(1).mean())
    theirs = Ridge(alpha=held).fit(centred, t)
    np.testing.assert_allclose(way, theirs.coef_, rtol=1e-9)
    both = (x @ way - middle).numpy()
    np.testing.assert_allclose(both, theirs.predict(centred), atol=1e-9)
    a, b = torch.rand(9).double(), torch.rand(7).double() + 0.2
    expected = ttest_ind(a.numpy(), b.numpy(), equal_var=False).pvalue
    assert welch(a, b) == pytest.approx(expected, rel=1e-12)
    assert (welch(torch.ones(3), torch.ones(4)), welch(torch.ones(3), torch.zeros(4))) == (1, 0)


@pytest.mark.law("tcav")
def test_classes_listen_to_themselves(judge):
    found = {
        (one.concept, one.target): one
        for one in tcav(judge.model, judge.x, judge.y, layer="3", draws=20).tests
    }
    own = [found[str(one), str(one)] for one in range(10)]
    assert len(found) == 100
    assert sum(one.score >= 0.9 and one.p < 0.01 for one in own) >= 9
    assert np.mean([one.score for one in own]) > 0.9
    others = [one.score for (concept, target), one in found.items() if concept != target]
    assert np.mean(others) < 0.5
    with pytest.raises(UsageError, match="unknown class 'ten'"):
        tcav(judge.model, judge.x, judge.y, concept="ten")
    with pytest.raises(UsageError, match="expected at least 10"):
        tcav(judge.model, judge.x, judge.y, concept=judge.x[:4])
    with pytest.raises(UsageError, match="no layer in its middle"):
        tcav(nn.Linear(3, 2), torch.rand(40, 3), torch.arange(40) % 2)


@pytest.mark.law("tcav")
def test_random_sets_are_no_concept(judge):
    order = torch.randperm(len(judge.x), generator=torch.Generator().manual_seed(3))
    found = [
        tcav(
            judge.model, judge.x, judge.y, layer="3", target="3", draws=10, seed=number,
            concept=judge.x[order[40 * (number % 9) : 40 * (number % 9) + 40]],
        ).tests[0].p
        for number in range(20)
    ]  # fmt: skip
    assert sum(p > 0.05 for p in found) >= 18


@pytest.mark.law("activation-maximisation")
def test_a_linear_units_best_corner_is_found():
    torch.manual_seed(0)
    model, x = nn.Linear(6, 2), torch.rand(30, 6)
    found = activation_maximisation(model, x, torch.zeros(30), steps=400, lr=0.2)
    low, high = x.amin(0), x.amax(0)
    best = torch.where(model.weight > 0, high, low)
    assert ((found.found - best).abs() <= 0.01 * (high - low) + 1e-6).all()
    torch.testing.assert_close(found.reached, model(found.found).diagonal().detach())
    with pytest.raises(UsageError, match=r"units=\[2\] are not all there; expected 0 to 1"):
        activation_maximisation(model, x, torch.zeros(30), units=(2,))


@pytest.mark.law("activation-maximisation")
def test_units_like_it_better_than_any_example(judge):
    found = activation_maximisation(judge.model, judge.x, judge.y, steps=120)
    assert int((found.reached > found.of_data).sum()) >= 9
    said = judge.model(found.found)
    torch.testing.assert_close(said.diagonal().detach(), found.reached)
    torch.testing.assert_close(found.of_data, judge.model(judge.x).amax(0).detach())
    assert found.found.min() >= 0
    assert found.found.max() <= 1
    channels = activation_maximisation(judge.model, judge.x, judge.y, layer="3", steps=80)
    assert len(channels.units) == 16
    assert (channels.reached > channels.of_data).all()


@pytest.mark.law("surrogate-tree")
def test_a_surrogate_finds_the_tree_that_answers():
    x = torch.randn(900, 4, generator=torch.Generator().manual_seed(0)).double()
    forest = RandomForest(features=4, classes=3, trees=1, depth=2).double()
    forest.grow(x, ((x[:, 0] > 0).long() + (x[:, 1] > 0.5).long()))
    found = surrogate_tree(forest, x, torch.zeros(900).long(), depth=4, min_leaf=1)
    assert found.fidelity > 0.99
    assert found.network == pytest.approx(
        float((forest(x).argmax(1) == 0).double().mean()), abs=0.1
    )
    value = nn.Linear(4, 1).double()
    assert surrogate_tree(value, x, value(x).detach(), depth=6).fidelity > 0.7
    with pytest.raises(UsageError, match="are too few for leaves of 5"):
        surrogate_tree(forest, x[:20], torch.zeros(20).long())
    columns = (Column("size", mean=10.0, std=2.0), Column("colour", categories=("red", "blue")))
    port = Port("row", "vector", (3,), columns=columns)
    assert question(0, 0.5, port) == ("size <= 11", "size > 11")
    assert question(2, 0.5, port) == ("not colour is blue", "colour is blue")


@pytest.mark.law("surrogate-tree")
def test_a_surrogate_answers_as_the_network_and_better_the_deeper(judge):
    wrong = (judge.y + 1) % 10
    shallow, deep = (
        surrogate_tree(judge.model, judge.x, wrong, depth=depth, min_leaf=2) for depth in (2, 7)
    )
    assert shallow.constant < shallow.fidelity < deep.fidelity
    assert deep.fidelity > 0.6
    assert deep.right < 0.2
    assert shallow.tree.heap.depth == 2
    assert len(shallow.questions) == 7


@pytest.mark.place("xai/tree", "xai/tcav", "xai/embedding-view", "xai/activation-maximisation")
def test_every_study_is_drawn_and_told(judge, tmp_path):
    digits = cg.tensors(judge.x[:300], judge.y[:300], labels=tuple("0123456789"))
    for method in (
        "surrogate-tree:depth=2", "tcav:target=8,draws=3", "embedding-view:form=umap",
        "activation-maximisation:steps=2",
    ):  # fmt: skip
        found = cg.study(judge.model, digits, method=method, examples=150)
        assert found.draw(tmp_path / "study.png").stat().st_size > 4000
        assert found.to_json()["examples"] <= 150
        assert found.rows()
