"""Drawn examples are learned from beside the real ones, and nothing else changes."""

import shutil
from dataclasses import replace

import pytest
import torch

import cartograd as cg
from cartograd.apps.verbs import train as training
from cartograd.apps.verbs.drawn_examples import FILE
from cartograd.apps.verbs.plan import planned
from cartograd.core.errors import UsageError
from cartograd.data.dataset.own_targets import own_targets
from cartograd.engine.files.bundle import write_bundle

FEW = "digits:valid=0.7"
MODEL = "v-diffusion:width=8,sampling_steps=2,chain=20"


def kept(folder, data, *, word=FEW, model=MODEL, task="generate", conditional=True):
    """The bundle of a generative model of these data that has learned nothing."""
    torch.manual_seed(0)
    signature = own_targets(data, task, conditional=conditional).signature
    built = cg.build(model, kind="model", signature=signature)
    return str(write_bundle(folder, built, about={"data": word}))


@pytest.fixture(scope="module")
def few():
    return cg.dataset(FEW)


@pytest.fixture(scope="module")
def run(few, tmp_path_factory):
    return kept(tmp_path_factory.mktemp("drawn") / "gen", few)


def test_they_are_added_for_training_alone_as_many_of_each_class(run, few):
    plan = planned("lenet5", FEW, drawn=f"{run},per_class=3")
    data = plan.data
    assert len(data.train) == len(few.train) + 30
    assert torch.equal(data.train.inputs[: len(few.train)], few.train.inputs)
    assert data.train.targets[len(few.train) :].bincount().tolist() == [3] * 10
    for part in ("valid", "test"):
        assert getattr(data, part).digest() == getattr(few, part).digest()
    assert data.signature == few.signature  # statistics are those of the real ones
    same = cg.sample(run, 30, condition=list("0123456789") * 3, seed=0)
    assert torch.equal(data.train.inputs[len(few.train) :], same)
    [told] = [line for line in plan.told if "drawn by" in line]
    for word in ("30 examples", run, "3 of each class (0, 1, 2"):
        assert word in told
    assert data.train.name(len(few.train)) == "drawn 1"


def test_bytes_stay_bytes(run, few):
    parts = ("train", "valid", "test")
    x = {part: (getattr(few, part).inputs * 255).round().byte() for part in parts}
    data = cg.tensors(
        x["train"], few.train.targets, labels=tuple("0123456789"),
        valid=(x["valid"], few.valid.targets), test=(x["test"], few.test.targets),
    )  # fmt: skip
    found = planned("lenet5", data, drawn=f"{run},per_class=1").data.train
    drawn = cg.sample(run, 10, condition=list("0123456789"))
    assert found.stored.dtype == torch.uint8
    assert (found.inputs[-10:] - drawn).abs().max() <= 0.5 / 255 + 1e-6


def test_a_run_goes_on_with_the_same_without_the_model_that_drew_them(few, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "finish", lambda *_, **more: None)
    gen = kept(tmp_path / "gen", few)
    given = {"epochs": 1, "drawn": f"{gen},per_class=3", "schedule": "constant"}
    done = cg.train("softmax-regression", FEW, folder=tmp_path / "run", **given)
    shutil.rmtree(gen)
    more = cg.train(done.folder, resume=True, epochs=2)
    assert len(more.history) == 2
    told = planned("softmax-regression", FEW, config=done.folder).told
    assert any("those that" in line and "30 drawn examples" in line for line in told)
    with pytest.raises(UsageError, match="was begun with drawn="):
        cg.train(done.folder, resume=True, epochs=3, drawn=kept(tmp_path / "other", few))
    (done.folder / FILE).unlink()
    with pytest.raises(UsageError, match="gen"):
        cg.train(done.folder, resume=True, epochs=3)


def test_who_learned_from_the_test_part_is_refused(few, tmp_path):
    other = tmp_path / "other"
    gen = kept(other, few, word="digits:valid=0.1")
    swapped = replace(few, test=cg.dataset("digits").train.select(range(900, 1000)))
    with pytest.raises(UsageError, match=r"learned from \d+ of the 100 test examples of digits"):
        planned("lenet5", swapped, drawn=gen)
    told = planned("lenet5", few, drawn=f"{gen},per_class=1").told
    assert any("of the 1,241 validation examples" in line for line in told)
    unknown = kept(tmp_path / "unknown", few, word="nowhere/at/all")
    told = planned("lenet5", few, drawn=f"{unknown},per_class=1").told
    assert any("cannot be told" in line for line in told)


def test_what_does_not_fit_is_refused(run, few, tmp_path):
    vae = {"model": "vae:latent=2,widths=[4]", "task": "density"}
    without = kept(tmp_path / "without", few, conditional=False, **vae)
    classifier = tmp_path / "classifier"
    write_bundle(classifier, cg.build("softmax-regression", kind="model", signature=few.signature))
    x, y = torch.rand(60, 1, 4, 4), torch.arange(60) % 2
    small = cg.tensors(x, y)
    two = cg.tensors(torch.rand(60, 1, 8, 8), y, labels=("no", "yes"))
    for data, said, message in (
        (FEW, without, "trained without classes"),
        (FEW, str(classifier), "draws no examples"),
        (small, run, r"shape \(1, 8, 8\); tensors has kind 'image' and shape \(1, 4, 4\)"),
        (two, run, "tensors has no, yes"),
        (cg.tensors(x, x[:, 0, 0]), run, "one input and one class"),
        (FEW, f"{run},per_class=0", "per_class=0"),
        (FEW, f"{run},per_class=20000", "more than 100,000"),
        (FEW, f"{run},per_clas=2", "per_class"),
        (FEW, f"{run},sampler=nothing", "nothing"),
        (FEW, "per_class=2", "names no run"),
        (FEW, str(tmp_path / "nowhere"), "nowhere"),
    ):
        with pytest.raises(UsageError, match=message):
            planned("softmax-regression", data, drawn=said)
    with pytest.raises(UsageError, match="one input and one class"):
        planned(MODEL, few, drawn=run)
