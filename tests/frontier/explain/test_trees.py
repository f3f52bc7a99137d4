"""Trees and forests against scikit-learn, their Shapley values against shap and all subsets."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from torch import nn

import cartograd as cg
from cartograd.apps.load.source import dataset
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, statistics
from cartograd.frontier.explain.shap_exact import exact_shap
from cartograd.frontier.explain.trees.decision_tree import DecisionTree
from cartograd.frontier.explain.trees.grow import Grow
from cartograd.frontier.explain.trees.random_forest import RandomForest
from cartograd.frontier.explain.trees.tree_shap import mean_said, tree_shap
from tests.reference import Reference

shap = Reference("shap", quiet=True)


def cancer():
    """In the precision of scikit-learn's trees."""
    x, y = load_breast_cancer(return_X_y=True)
    return x.astype("float32").astype("float64"), y


def copied(heap, trees):
    """Give ours scikit-learn's trees."""
    for number, tree in enumerate(tree.tree_ for tree in trees):
        heap.feature[number] = -1

        def put(node, at, tree=tree, number=number):
            says = torch.tensor(tree.value[node, 0])
            says = says if len(says) == 1 else (says / says.sum()).clamp(min=1e-12).log()
            heap.says.data[number, at] = says
            heap.cover[number, at] = float(tree.weighted_n_node_samples[node])
            if tree.children_left[node] >= 0:
                heap.feature[number, at] = int(tree.feature[node])
                heap.threshold[number, at] = float(tree.threshold[node])
                put(tree.children_left[node], 2 * at + 1)
                put(tree.children_right[node], 2 * at + 2)

        put(0, 0)


def same_splits(heap, theirs):
    """Node by node: where two questions are as good as each other, scikit-learn draws one."""
    places = {0: 0}
    for node in range(theirs.node_count):
        if theirs.children_left[node] >= 0:
            places[theirs.children_left[node]] = 2 * places[node] + 1
            places[theirs.children_right[node]] = 2 * places[node] + 2
    same = [
        int(heap.feature[0, at]) == max(-1, theirs.feature[node])
        and (heap.feature[0, at] < 0 or abs(heap.threshold[0, at] - theirs.threshold[node]) < 1e-9)
        for node, at in places.items()
    ]
    return sum(same) / len(same)


@pytest.mark.oracle("decision-tree")
@pytest.mark.parametrize("depth", [3, 6])
def test_the_tree_is_scikit_learns(depth):
    x = np.random.default_rng(0).normal(size=(1500, 5)).astype("float32").astype("float64")
    noise = np.random.default_rng(1).normal(size=1500)
    y = np.digitize(x[:, 0] + x[:, 1] * x[:, 2] + noise, [-0.7, 0.7])
    tree = DecisionTree(features=5, classes=3, depth=depth, min_leaf=20).double()
    tree.grow(torch.tensor(x), torch.tensor(y))
    theirs = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=20, random_state=0).fit(x, y)
    found = tree(torch.tensor(x)).exp().detach().numpy()
    np.testing.assert_allclose(found, theirs.predict_proba(x), atol=1e-6)
    assert same_splits(tree.heap, theirs.tree_) == 1
    x, y = load_diabetes(return_X_y=True)
    x = x.astype("float32").astype("float64")
    tree = DecisionTree(features=10, classes=1, depth=depth, min_leaf=5).double()
    tree.grow(torch.tensor(x), torch.tensor(y)[:, None])
    theirs = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=5, random_state=0).fit(x, y)
    np.testing.assert_allclose(tree(torch.tensor(x))[:, 0].detach(), theirs.predict(x), rtol=1e-6)
    assert same_splits(tree.heap, theirs.tree_) == 1


@pytest.mark.law("decision-tree")
def test_a_trained_tree_is_a_model_like_any_other(tmp_path):
    data = dataset("breast-cancer")
    run = cg.train("decision-tree:depth=3", data, folder=tmp_path / "run")
    own = DecisionTree(features=30, classes=2, depth=3)
    mean, std = statistics(data.signature.input)
    own.grow((data.train.inputs - mean) / std, data.train.targets)
    x = data.test.inputs
    learned = cg.load(tmp_path / "run").model
    with torch.no_grad():
        assert torch.equal(learned(x), own((x - mean) / std))
    assert (learned(x).argmax(1) == data.test.targets).float().mean() > 0.88
    heat = cg.explain(run, x[:4], method="tree-shap")
    said = learned(x[:4]).softmax(1).amax(1).detach()
    chosen = learned(x[:4]).argmax(1)
    torch.testing.assert_close(heat.sum(1), said - mean_said(learned)[chosen])
    with pytest.raises(UsageError, match="grows on all 391 training examples"):
        cg.train("decision-tree", data, batch_size=32)


@pytest.mark.oracle("random-forest")
def test_a_forest_is_as_good_as_scikit_learns():
    x, y = cancer()
    train, test = np.arange(569) % 3 > 0, np.arange(569) % 3 == 0
    forest = RandomForest(features=30, classes=2, trees=30, depth=8).double()
    forest.grow(torch.tensor(x[train]), torch.tensor(y[train]))
    theirs = RandomForestClassifier(30, max_depth=8, random_state=0).fit(x[train], y[train])
    own = forest(torch.tensor(x[test])).argmax(1).numpy()
    assert abs((own == y[test]).mean() - theirs.score(x[test], y[test])) <= 0.02


@pytest.mark.law("random-forest")
def test_a_forest_is_a_function_of_its_seed():
    x, y = (torch.tensor(one) for one in cancer())
    one, two, three = (
        RandomForest(features=30, classes=2, trees=3, depth=4, seed=seed).double()
        for seed in (1, 1, 2)
    )
    for forest in (one, two, three):
        forest.grow(x, y)
    assert torch.equal(one(x), two(x))
    assert not torch.equal(one(x), three(x))
    tree = DecisionTree(features=30, classes=2, depth=4).double()
    tree.grow(x, y)
    single = RandomForest(features=30, classes=2, trees=1, depth=4, max_features=30).double()
    single.heap.grow(
        x, nn.functional.one_hot(y).double(), least=1, looked=30, draws=[torch.arange(len(x))],
        generator=torch.Generator(),
    )  # fmt: skip
    assert torch.equal(single.heap.feature, tree.heap.feature)
    torch.testing.assert_close(single(x), tree(x))


@pytest.mark.law("grow")
def test_a_signed_tree_grows_in_its_own_units():
    generator = torch.Generator().manual_seed(0)
    x = 5 + 3 * torch.randn(50, 2, generator=generator)
    y = 100 + 20 * (x[:, :1] > 5).float() + torch.randn(50, 1, generator=generator)
    row = Port("row", "vector", (2,), mean=(5.0, 5.0), std=(3.0, 3.0))
    value = Port("y", "value", (1,), mean=(110.0,), std=(10.0,), task="regress")
    model = Signed(DecisionTree(features=2, classes=1, depth=4), Signature((row,), (value,)))
    objective = Grow(model=model)
    [loss] = objective.losses((x, y))
    plain = DecisionTree(features=2, classes=1, depth=4)
    plain.grow(x, y)
    torch.testing.assert_close(model(x), plain(x), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(loss.value, ((model(x) - y) / 10).square()[:, 0])
    assert loss.value.mean() < 0.1
    before = model(x)
    list(objective.eval().losses((x, -y)))
    assert torch.equal(model(x), before)
    with pytest.raises(UsageError, match="Linear learns by its gradient"):
        Grow(model=nn.Linear(2, 2))


@pytest.mark.oracle("tree-shap")
def test_tree_shap_is_shaps():
    x, y = cancer()
    theirs = RandomForestClassifier(4, max_depth=5, random_state=0).fit(x, y)
    forest = RandomForest(features=30, classes=2, trees=4, depth=5).double()
    copied(forest.heap, theirs.estimators_)
    some, grounds = torch.tensor(x[:8]), torch.tensor(x[100:130])
    expected = shap.TreeExplainer(theirs).shap_values(x[:8])[:, :, 1]
    np.testing.assert_allclose(tree_shap(forest, some, target=1), expected, atol=1e-9)
    told = shap.TreeExplainer(theirs, x[100:130], feature_perturbation="interventional")
    found = tree_shap(forest, some, target=1, baseline=grounds)
    np.testing.assert_allclose(found, told.shap_values(x[:8])[:, :, 1], atol=1e-7)


class Share(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).softmax(1)


@pytest.mark.law("tree-shap")
def test_tree_shap_is_exact():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(80, 6, generator=generator).double()
    y = ((x[:, 0] > 0).long() + (x[:, 1] * x[:, 2] > 0).long()) % 3
    forest = RandomForest(features=6, classes=3, trees=3, depth=6).double()
    forest.grow(x, y)
    found = tree_shap(forest, x[:5], target=1, baseline=x[60:])
    expected = exact_shap(Share(forest), x[:5], target=1, baseline=x[60:])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    with pytest.raises(UsageError, match="this is Sequential"):
        tree_shap(nn.Sequential(nn.Linear(6, 6).double(), forest), x)
    with pytest.raises(UsageError, match="the backgrounds have 4 numbers"):
        tree_shap(forest, x, baseline=x[:, :4])


@pytest.mark.law("tree-shap")
def test_contributions_add_up_to_the_share():
    x, y = (torch.tensor(one) for one in cancer())
    forest = RandomForest(features=30, classes=2, trees=3, depth=4).double()
    forest.grow(x, y)
    found = tree_shap(forest, x[:20], target=1).sum(1)
    expected = forest(x[:20]).exp()[:, 1].detach() - mean_said(forest)[1]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
