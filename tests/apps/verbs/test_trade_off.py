"""Models that explain themselves beside such that do not, on one table, as users compare them."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import cartograd as cg

GLASS = {"tree": "decision-tree:depth=4", "linear": "mlp:widths=[]"}
BLACK = {"forest": "random-forest:trees=10", "network": "mlp:widths=[32]"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boxes")
    return {
        name: cg.train(spec, "breast-cancer", folder=folder / name, seed=100, epochs=epochs)
        for name, spec in (GLASS | BLACK).items()
        for epochs in [10 if spec.startswith("mlp") else 1]
    }


@pytest.mark.place("xai/trade-off")
def test_glass_and_black_boxes_are_compared_on_one_table_with_intervals(runs):
    """A tree costs for certain here, a linear model does not: the price is the table's."""
    data = cg.dataset("breast-cancer")
    found = {name: cg.evaluate(run, data.test) for name, run in runs.items()}
    for one in found.values():
        low, high = one.intervals["accuracy"]
        assert one.examples == len(data.test)
        assert low < one.metrics["accuracy"] < high
    x, y = data.train.inputs, data.train.targets
    scaled, test = ((one - x.mean(0)) / x.std(0) for one in (x, data.test.inputs))
    peers = {
        "linear": LogisticRegression().fit(scaled, y),
        "tree": DecisionTreeClassifier(max_depth=4, random_state=0).fit(scaled, y),
    }
    for name, peer in peers.items():
        low, high = found[name].intervals["accuracy"]
        assert low <= peer.score(test, data.test.targets) <= high
    ways = {}
    for name in GLASS:
        metrics = cg.compare(runs[name], runs["network"]).metrics
        ways[name] = next(one for one in metrics if one.name == "accuracy")
        ours, theirs = ways[name].values
        assert (ours, theirs) == (
            found[name].metrics["accuracy"], found["network"].metrics["accuracy"]
        )  # fmt: skip
        assert ways[name].low <= theirs - ours <= ways[name].high
    assert ways["tree"].real
    assert ways["tree"].low > 0
    assert not ways["linear"].real
    assert ways["linear"].high < 0.06
