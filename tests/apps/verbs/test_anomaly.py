"""Scores of strangeness, and how well they tell anomalies."""

import zlib

import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.generative import NotSupported
from cartograd.data.dataset.own_targets import own_targets


@pytest.fixture(scope="module")
def digits():
    return cg.dataset("digits")


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    """An autoencoder that has seen noughts alone."""
    folder = tmp_path_factory.mktemp("anomaly") / "run"
    noughts = (digits.train.targets == 0).nonzero().flatten()
    x = digits.train.select(noughts).inputs
    own = cg.tensors(x, x.flatten(1)[:, 0], bounds=(0.0, 1.0), kind="image", standardise=False)
    cg.train("autoencoder:latent=8,widths=[32]", own, epochs=30, folder=folder)
    return folder


@pytest.mark.place("vae/anomaly")
def test_what_was_not_seen_comes_back_badly(run, digits):
    model = cg.generative_model(run)
    found = cg.evaluate(run, digits, normal=["0"])
    name = "roc-auc (of anomalies)"
    low, high = found.intervals[name]
    assert low < found.metrics[name] < high
    assert found.metrics[name] > 0.9
    assert "by reconstruction" in found.doubts[name]
    x = digits.test.inputs[:7]
    expected = (model.reconstruct(x) - x).double().square().flatten(1).mean(1)
    torch.testing.assert_close(model.score(x), expected)
    assert "reconstruct" in model.capabilities()
    assert "log_prob" not in model.capabilities()
    for what, of in (("log_prob", lambda: model.log_prob(x)), ("draws", lambda: model.sample(2))):
        with pytest.raises(NotSupported, match=what):
            of()


def test_densities_are_compared_with_plainer_ones_and_never_alone(digits):
    signature = own_targets(digits, "density").signature
    torch.manual_seed(0)
    models = [cg.build(f"real-nvp:depth=2,widths=[{n}]", signature=signature) for n in (3, 4)]
    with torch.no_grad():
        for model in models:
            for weight in model.parameters():
                weight.add_(0.1 * torch.randn_like(weight))
    one, other = map(cg.generative_model, models)
    x = digits.test.inputs[:5]
    nats = one.log_prob(x).nats.double(), other.log_prob(x).nats.double()
    torch.testing.assert_close(one.score(x, background=models[1]), nats[1] - nats[0])
    rows = [8.0 * len(zlib.compress(bytes((row * 16).round().byte().flatten().tolist()), 9))
            for row in x]  # fmt: skip
    bits = -nats[0] / torch.tensor(2.0).double().log() - torch.tensor(rows)
    torch.testing.assert_close(one.score(x), bits)
    flow = cg.build(
        "real-nvp:depth=2", signature=own_targets(cg.dataset("moons"), "density").signature
    )
    with pytest.raises(NotSupported, match="density alone says nothing"):
        cg.generative_model(flow).score(cg.dataset("moons").test.inputs[:3])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"by": "entropy"}, "unknown way to score 'entropy'"),
        ({"by": "background"}, "belong together"),
        ({"by": "complexity"}, "has no score by complexity"),
    ],
)
def test_a_wrong_way_is_refused(run, digits, given, message):
    with pytest.raises(UsageError, match=message):
        cg.generative_model(run).score(digits.test.inputs[:2], **given)


def test_normal_classes_are_some_of_the_data(run, digits):
    for normal, message in (
        (["ten"], "unknown class 'ten'"),
        (map(str, range(10)), "some of both"),
    ):
        with pytest.raises(UsageError, match=message):
            cg.evaluate(run, digits, normal=list(normal))
