"""Boosted trees: the library's growth, our tables."""

import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.trees.boosted_trees import BoostedTrees
from cartograd.frontier.explain.trees.tree_shap import mean_said


def examples(n, d, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator)
    return x, x[:, 0] * x[:, 1] + x[:, 2].abs() + 0.1 * torch.randn(n, generator=generator)


@pytest.mark.oracle("boosted-trees")
@pytest.mark.parametrize("classes", [1, 2, 4])
def test_it_says_what_scikit_learn_says(classes):
    x, y = examples(600, 5)
    seen, unseen = x[:400], x[400:]
    # Numbers that are the same but for the last bit lie on the sides where the library has them.
    seen[:50, 0] = torch.nextafter(torch.ones(50), torch.full((50,), 2.0))
    seen[50:100, 0] = 1.0
    edges = torch.quantile(y, torch.linspace(0, 1, classes + 1)[1:-1])
    right = y if classes == 1 else torch.bucketize(y, edges)
    model = BoostedTrees(features=5, classes=classes, trees=30, depth=4, shrinkage=0.2, min_leaf=5)
    model.grow(seen, right[:400, None] if classes == 1 else right[:400])
    kind = HistGradientBoostingRegressor if classes == 1 else HistGradientBoostingClassifier
    theirs = kind(
        learning_rate=0.2, max_iter=30, max_depth=4, max_leaf_nodes=31, min_samples_leaf=5,
        early_stopping=False,
    ).fit(seen.double().numpy(), right[:400].numpy())  # fmt: skip
    for rows in (seen, unseen):
        if classes == 1:
            wanted = torch.from_numpy(theirs.predict(rows.double().numpy()))[:, None]
            assert torch.allclose(model(rows).double(), wanted, atol=1e-5)
        else:
            wanted = torch.from_numpy(theirs.predict_proba(rows.double().numpy()))
            assert torch.allclose(model(rows).softmax(1).double(), wanted, atol=1e-5)


def test_classes_that_no_example_has_are_never_said():
    x, y = examples(200, 3)
    for seen in ((1,), (0, 3), (1, 2, 3)):
        model = BoostedTrees(features=3, classes=5, trees=5)
        right = torch.tensor(seen)[torch.bucketize(y, y.quantile(torch.tensor([0.3, 0.6])))
                                   .clamp(max=len(seen) - 1)]  # fmt: skip
        model.grow(x, right)
        chance = model(x).detach().softmax(1)
        assert float(chance[:, [c for c in range(5) if c not in seen]].max()) < 1e-6
        assert float((model(x).argmax(1) == right).float().mean()) > 0.7


def test_of_many_examples_some_say_when_to_stop():
    x, _ = examples(2000, 3)
    model = BoostedTrees(features=3, classes=1, trees=300, shrinkage=0.5)
    model.grow(x, torch.randn(2000, 1, generator=torch.Generator().manual_seed(1)))
    used = (model.heap.cover[:, 0] > 0).sum()
    assert 0 < int(used) < 100


@pytest.mark.law("boosted-trees")
def test_of_a_table_it_is_a_model_like_any_other(tmp_path):
    run = cg.train("boosted-trees:trees=30", "breast-cancer", folder=tmp_path / "run", device="cpu")
    found = cg.evaluate(run, "breast-cancer")
    assert found.metrics["accuracy"] > 0.92
    test = cg.dataset("breast-cancer").test
    few = test.inputs[:2]
    heat = cg.explain(run, few, method="tree-shap", target=1)
    logits = run.model.eval()(few)[:, 1]
    assert torch.allclose(heat.sum(1), logits - mean_said(run.model)[1], atol=1e-4)
    cg.export(run, tmp_path / "m.onnx", to="onnx")
    again = cg.load(run.folder).model
    assert torch.equal(again(test.inputs), run.model(test.inputs))


def test_values_of_several_numbers_are_refused():
    with pytest.raises(UsageError, match="predict one value"):
        BoostedTrees(features=2, classes=3).grow(torch.zeros(4, 2), torch.zeros(4, 3))
