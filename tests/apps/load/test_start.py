"""A training that begins from a run, a bundle or published weights."""

import pytest
import torch

from cartograd.apps.load.alike import new_head
from cartograd.apps.load.source import dataset
from cartograd.apps.load.start import start
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.train import train
from cartograd.architectures.transformer.vit import interpolated
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
    model, _ = start(str(bundle), data.signature, seed=0)
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
    again, _ = start(str(bundle), data.signature, seed=0)
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


def test_a_last_layer_of_other_classes_is_new_and_said(tmp_path):
    def flowers(*labels):
        x = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        return tensors(x, torch.arange(40) % len(labels), kind="image", labels=labels)

    first = flowers("rose", "tulip")
    source = build("resnet:depth=8,width=4", signature=first.signature)
    path = str(write_bundle(tmp_path / "bundle", source, examples=torch.rand(2, 3, 8, 8)))
    same, told = start(path, first.signature, seed=1)
    assert torch.equal(same.model.fc.weight, source.model.fc.weight)
    assert told == ""
    for labels in (("tulip", "rose"), ("rose", "lily")):
        other, told = start(path, flowers(*labels).signature, seed=1)
        assert not torch.equal(other.model.fc.weight, source.model.fc.weight)
        assert torch.equal(other.model.conv1.weight, source.model.conv1.weight)
        assert told.endswith("with a new last layer (its classes were rose, tulip)")


@pytest.mark.parametrize(
    ("task", "said"),
    [("classify", "it answered with a class"), ("next-token", "it wrote texts"),
     ("embed", "it answered with vectors")],
)  # fmt: skip
def test_why_a_last_layer_is_new_names_what_the_model_did(task, said):
    value = Signature((Port("x", "vector", (3,)),), (Port("y", "value", (1,)),))
    other = Signature(value.inputs, (Port("y", "label", (2,), task=task),))
    assert new_head(other, value) == said


def test_pictures_of_another_size(tmp_path):
    def of(size):
        return tensors(torch.rand(20, 3, size, size), torch.arange(20) % 2, kind="image")

    for spec, takes in (
        ("resnet:depth=8,width=4", True),
        ("vit:patch_size=4,dim=8,depth=1,heads=2", True),
        ("mlp:widths=[4]", False),
    ):
        model = build(spec, signature=of(8).signature)
        path = str(write_bundle(tmp_path / spec[:3], model, examples=torch.rand(2, 3, 8, 8)))
        if takes:
            made, told = start(path, of(12).signature, seed=0)
            assert made.signature.input.dims == (3, 12, 12)
            assert made(torch.rand(2, 3, 12, 12)).shape == (2, 2)
            grown = spec.startswith("vit")
            assert ("positions of 2x2 patches are interpolated to 3x3" in told) == grown
            assert ("new last layer" in told) is False
            if grown:
                assert made.spec.args["size"] == 12
                assert torch.equal(made.model.positions[0], model.model.positions[0])
                expected = interpolated(model.model.positions.detach(), 3)
                assert torch.equal(made.model.positions, expected)
            continue
        with pytest.raises(UsageError, match=r"pictures of 8x8 alone, and the data has 12x12.*=8$"):
            start(path, of(12).signature, seed=0)


def table(folder, name, columns):
    cells = {"a": "{i}", "b": "{j}", "kind": "{k}"}
    rows = [
        ",".join(cells[c].format(i=i / 7, j=i % 5, k="xyz"[i % 3]) for c in columns)
        + f",{'no' if i % 2 else 'yes'}"
        for i in range(60)
    ]
    path = folder / f"{name}.csv"
    path.write_text("\n".join([f"{','.join(columns)},y", *rows]) + "\n")
    return path


def test_a_table_is_read_as_the_model_knows_it(tmp_path):
    first = table(tmp_path, "first", ("a", "b", "kind"))
    run = train("mlp:widths=[4]", f"csv:{first},target=y", folder=tmp_path / "run", epochs=1)
    columns = load(run.folder).signature.input.columns
    turned = table(tmp_path, "turned", ("kind", "b", "a"))
    plan = planned(str(run.folder), f"csv:{turned},target=y")
    assert plan.data.signature.input.columns == columns
    own = planned("mlp:widths=[4]", f"csv:{turned},target=y")
    names = [c.name for c in own.data.signature.input.columns]
    assert names != [c.name for c in columns]
    fewer = table(tmp_path, "fewer", ("a", "kind"))
    with pytest.raises(UsageError, match=r"knows the columns a, b, kind, and the table lacks b;"):
        planned(str(run.folder), f"csv:{fewer},target=y")


def test_another_vocabulary_is_refused(tmp_path):
    from cartograd.data.text.tokenizer import Tokenizer

    model = build("resnet:depth=8,width=4", signature=pictures().signature)
    model.tokenizer = Tokenizer.train(["a b c d"], vocabulary=270)
    other = Tokenizer.train(["e f g h i j"], vocabulary=280)
    path = str(write_bundle(tmp_path / "bundle", model, examples=torch.rand(2, 3, 8, 8)))
    with pytest.raises(UsageError, match=r"vocabulary of \d+ tokens, and the data has another one"):
        start(path, pictures().signature, seed=0, tokenizer=other)


def test_a_models_name_is_the_model_also_where_a_folder_is_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = dataset("moons")
    write_bundle("mlp", build("mlp:widths=[3]", signature=data.signature))
    plan = planned("mlp", data)
    assert plan.model.spec is not None
    assert plan.model.spec.args.get("widths") != (3,)
    assert any("./mlp is the folder beside it" in line for line in plan.begun)
    begun = planned("./mlp", data).model.spec
    assert begun is not None
    assert tuple(begun.args["widths"]) == (3,)
