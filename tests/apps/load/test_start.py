"""A training that begins from a run, a bundle or published weights."""

import pytest
import torch

from cartograd.apps.load.start import start
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.train import train
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.tensors import tensors
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.training.transfer import learned_parts


@pytest.fixture
def bundle(tmp_path):
    """A small network that has learned seven classes of colour pictures."""
    image = Port("image", "image", (3, 8, 8), "float32", (0.0, 1.0), (0.1, 0.2, 0.3), (0.5,) * 3)
    signature = Signature((image,), (Port("class", "label", (7,)),))
    model = build("resnet:depth=8,width=4", signature=signature)
    for name, value in model.named_buffers():
        if name.endswith("running_mean"):
            value.uniform_(-1, 1)
    return write_bundle(tmp_path / "bundle", model, examples=torch.rand(2, 3, 8, 8))


def pictures(channels=3, classes=3):
    draws = torch.Generator().manual_seed(0)
    x = torch.rand(60, channels, 8, 8, generator=draws)
    return tensors(x, torch.arange(60) % classes, kind="image")


def test_it_begins_with_the_weights_and_the_standardisation(bundle):
    data = pictures()
    model = start(str(bundle), data.signature, seed=0)
    source = load(bundle).model
    assert model.signature.input.mean == (0.1, 0.2, 0.3)
    assert model.signature.output == data.signature.output
    assert model.spec.args["classes"] == 3
    x = torch.rand(2, 3, 8, 8)
    ours, theirs = [], []
    model.model.layer3.register_forward_hook(lambda _, __, y: ours.append(y))
    source.model.layer3.register_forward_hook(lambda _, __, y: theirs.append(y))
    model.eval()(x), source(x)
    assert torch.equal(ours[0], theirs[0])
    again = start(str(bundle), data.signature, seed=0)
    assert torch.equal(model.model.fc.weight, again.model.fc.weight)


def test_a_whole_run_with_frozen_parts(bundle, tmp_path):
    settings = {"epochs": 2, "freeze": True, "batch_size": 16}
    run = train(str(bundle), pictures(), folder=tmp_path / "run", **settings)
    trained, source = load(run.folder).model.model, load(bundle).model.model
    ours, theirs = trained.state_dict(), source.state_dict()
    assert {n for n in ours if ours[n].shape != theirs[n].shape} == {"fc.weight", "fc.bias"}
    assert all(torch.equal(ours[n], theirs[n]) for n in ours if not n.startswith("fc."))
    assert "freeze = true" in (run.folder / "config.toml").read_text()


def test_a_dry_run_needs_no_numbers(bundle):
    plan = planned(str(bundle), pictures(), meta=True, freeze=True)
    assert next(plan.model.model.parameters()).is_meta
    assert learned_parts(plan.model.model, ["fc.weight"])[0] == "conv1"
    assert [key for key in plan.details() if key.startswith("model.")] == []


def test_parts_by_name_of_a_model_that_begins_from_nothing():
    plan = planned("resnet:depth=8,width=4", pictures(), freeze="layer1,layer2")
    frozen = {
        n.split(".")[0] for n, p in plan.model.model.named_parameters() if not p.requires_grad
    }
    assert frozen == {"layer1", "layer2"}


def test_init_starts_all_dense_and_convolutional_weights():
    plan = planned("resnet:depth=8,width=4", pictures(), init="constant:value=0.5")
    for name, weight in plan.model.model.named_parameters():
        if name.endswith("weight") and ("conv" in name or name.startswith("fc")):
            assert (weight == 0.5).all()
    assert planned("mlp", pictures(), init="kaiming", meta=True).value("init") == "kaiming"
    one, same, other = (
        planned("mlp", pictures(), init=init, seed=3).model.model.head.weight
        for init in ("kaiming", "kaiming", "xavier")
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_what_cannot_be_is_refused(bundle):
    with pytest.raises(UsageError, match="starts all weights anew"):
        planned(str(bundle), pictures(), init="xavier")
    with pytest.raises(UsageError, match="unknown initialiser 'xavir'; did you mean 'xavier'"):
        planned("mlp", pictures(), init="xavir")
    with pytest.raises(UsageError, match="this model begins from nothing"):
        planned("resnet:depth=8,width=4", pictures(), freeze=True)
    with pytest.raises(UsageError, match=r"takes image of \(3, 8, 8\), and the data has image of"):
        planned(str(bundle), pictures(channels=1))
    with pytest.raises(UsageError, match="unknown part to freeze 'features'"):
        planned(str(bundle), pictures(), freeze="features")
