"""Training beside the weights of a run, and what it leaves: a merged bundle, an adapter apart."""

import json
import os
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file

from cartograd.apps.load.adapter_folder import read_adapter
from cartograd.apps.load.target import as_bundle, as_signed
from cartograd.apps.verbs import finish
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.train import train
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.tensors import tensors
from cartograd.engine.files.bundle import load, write_bundle
from tests.apps.load.test_start import pictures


@pytest.fixture(scope="module", autouse=True)
def unreported():
    """Nothing is drawn for readers after a training, nor timed."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("_report", "note_speed"):
            patched.setattr(finish, name, lambda *_: None)
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A small network of colour pictures, of as many classes as are learned later."""
    image = Port("image", "image", (3, 8, 8), "float32", (0.0, 1.0), (0.1, 0.2, 0.3), (0.5,) * 3)
    labels = pictures().signature.output.labels
    signature = Signature((image,), (Port("class", "label", (3,), labels=labels),))
    model = build("resnet:depth=8,width=4", signature=signature)
    return write_bundle(
        tmp_path_factory.mktemp("of") / "base", model, examples=torch.rand(2, 3, 8, 8)
    )


SETTINGS = {"epochs": 2, "batch_size": 16, "adapter": "lora:rank=1", "optimizer": "adamw:lr=0.01"}
X = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def run(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learned") / "run"
    return train(str(base), pictures(), folder=folder, **SETTINGS)


@pytest.mark.law("lora")
def test_the_bundle_is_merged_and_the_adapter_stands_apart(base, run):
    bundle, before = load(run.folder), load(base).model
    ours, theirs = bundle.model.model.state_dict(), before.model.state_dict()
    assert list(ours) == list(theirs)
    moved = {name for name in ours if not torch.equal(ours[name], theirs[name])}
    layers = {f"{name}.weight" for name, part in before.model.named_modules()
              if isinstance(part, torch.nn.Conv2d | torch.nn.Linear)}  # fmt: skip
    assert moved == layers
    said = json.loads((run.folder / "adapter" / "adapter.json").read_text())
    kept = load_file(run.folder / "adapter" / "adapter.safetensors")
    assert said["parameters"] == sum(one.numel() for one in kept.values())
    assert said["parameters"] < 0.25 * sum(one.numel() for one in before.model.parameters())
    assert all(".adapter." in name for name in kept)
    assert "numbers learn beside 8 layers" in planned(str(base), pictures(), **SETTINGS).told[-1]
    again = as_signed(run.folder / "adapter")
    assert torch.equal(again(X), bundle.model(X))
    assert not torch.equal(again(X), before.eval()(X))


def test_another_base_is_refused_and_one_that_was_moved_is_taken(base, run, tmp_path):
    folder = shutil.copytree(run.folder / "adapter", tmp_path / "adapter")

    def gone(path):
        return as_signed(f"{path}-gone")

    with pytest.raises(UsageError, match=r"belongs to .*base, and .*base-gone does not exist"):
        read_adapter(folder, gone)
    moved = load(base).model
    assert torch.equal(read_adapter(folder, as_signed, base=moved)(X), load(run.folder).model(X))
    with torch.no_grad():
        moved.model.conv1.weight += 1e-6
    with pytest.raises(UsageError, match=r"belongs to .*base as it was, .* has other weights"):
        read_adapter(folder, as_signed, base=moved)
    other = build("mlp:widths=[3]", signature=moved.signature)
    with pytest.raises(UsageError, match=r"what is there has no conv1\.weight"):
        read_adapter(folder, as_signed, base=other)
    with pytest.raises(UsageError, match="is an adapter, and a bundle is needed here"):
        as_bundle(folder)
    (folder / "adapter.json").write_text("{}")
    with pytest.raises(UsageError, match=r"adapter\.json"):
        as_signed(folder)


def test_a_new_last_layer_learns_whole_and_goes_with_the_adapter(base, tmp_path):
    run = train(str(base), pictures(classes=5), folder=tmp_path / "five", **SETTINGS)
    kept = load_file(run.folder / "adapter" / "adapter.safetensors")
    assert kept["fc.weight"].shape[0] == 5
    assert torch.equal(as_signed(run.folder / "adapter")(X), load(run.folder).model(X))


def test_a_run_that_goes_on_is_that_which_never_stopped(base, run, tmp_path):
    class Stops:
        def on_step(self, view):
            if view.step == 4:
                os.kill(os.getpid(), signal.SIGINT)

    folder = tmp_path / "half"
    half = train(str(base), pictures(), folder=folder, callbacks=[Stops()], **SETTINGS)
    assert half.stopped == "interrupted"
    with pytest.raises(UsageError, match=r"begun with adapter=lora:rank=1 .* adapter=lora:rank=2"):
        train(None, pictures(), folder=folder, resume=True, adapter="lora:rank=2")
    resumed = train(None, pictures(), folder=folder, resume=True)
    assert torch.equal(load(resumed.folder).model(X), load(run.folder).model(X))


def test_what_cannot_work_is_refused_by_name(base):
    with pytest.raises(UsageError, match="adapter=lora changes what was learned before"):
        planned("resnet:depth=8,width=4", pictures(), adapter="lora")
    with pytest.raises(UsageError, match=r"adapter=lora keeps all weights of .* leave freeze= out"):
        planned(str(base), pictures(), adapter="lora", freeze="conv1")
    with pytest.raises(UsageError, match="unknown layer to put an adapter beside 'fx'"):
        planned(str(base), pictures(), adapter="lora:match=fx")
    with pytest.raises(UsageError, match=r"rank=1000 is more than any of the \d+ weights can have"):
        planned(str(base), pictures(), adapter="lora:rank=1000")
    with pytest.raises(UsageError, match="unknown adapter 'lori'"):
        planned(str(base), pictures(), adapter="lori")
    rows = tensors(torch.rand(20, 4), torch.arange(20) % 2)
    assert planned("mlp", rows, meta=True).value("adapter") is None


@pytest.mark.parametrize("adapter", ["qlora:rank=1,match=fc", "dora:rank=1"])
def test_other_adapters_stand_apart_and_know_their_base(base, tmp_path, adapter):
    settings = SETTINGS | {"adapter": adapter, "epochs": 1}
    run = train(str(base), pictures(), folder=tmp_path / "run", **settings)
    again = as_signed(run.folder / "adapter")
    assert torch.equal(again(X), load(run.folder).model(X))
    moved = load(base).model
    with torch.no_grad():
        moved.model.fc.weight += 1e-3 * torch.randn_like(moved.model.fc.weight)
    with pytest.raises(UsageError, match=r"belongs to .*base as it was, .* has other weights"):
        read_adapter(run.folder / "adapter", as_signed, base=moved)


def test_an_adapter_is_put_upon_another(base, run, tmp_path):
    """The second learns on the merged first, which learned on the base; each stands apart."""
    settings = SETTINGS | {"adapter": "dora:rank=1,match=fc", "epochs": 1}
    second = train(str(run.folder / "adapter"), pictures(), folder=tmp_path / "two", **settings)
    said = json.loads((second.folder / "adapter" / "adapter.json").read_text())
    assert said["base"] == str((run.folder / "adapter").absolute())
    again = as_signed(second.folder / "adapter")
    assert torch.equal(again(X), load(second.folder).model(X))
    assert not torch.equal(again(X), load(run.folder).model(X))
