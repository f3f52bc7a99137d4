"""Classes that a model has no example of are told, and never made up."""

import pytest
import torch

import cartograd as cg
from cartograd.apps.verbs.conditions import columns_of
from cartograd.apps.verbs.generative_model import generative_model
from cartograd.apps.verbs.judges import has_judges, judges_of, of_all_classes
from cartograd.apps.verbs.plan import planned
from cartograd.apps.verbs.sheets import sheets
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.engine.files.bundle import write_bundle

MODEL = "v-diffusion:width=8,sampling_steps=2,chain=20"
TOLD = "digits: no training example of '9': nothing is learned of it"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A bundle of a model that was to learn nine of the ten digits."""
    plan = planned(MODEL, "digits:without=9")
    assert TOLD in plan.told
    return str(write_bundle(tmp_path_factory.mktemp("nine") / "bundle", plan.model))


def test_a_class_without_examples_is_refused_by_name(kept):
    model = generative_model(kept)
    assert model.model.signature.condition.unseen == ("9",)
    one = model.sample(1)[0]
    for asked in (
        lambda: cg.sample(kept, 2, condition=9),
        lambda: cg.sample(kept, 2, condition=["1", "9"]),
        lambda: model.interpolate(one, one, 2, condition="9", steps=2),
        lambda: model.inpaint(one[None], torch.eye(8)[None], condition="9"),
    ):
        with pytest.raises(UsageError, match=r"has seen no example of class .?9.? in training"):
            asked()
    assert cg.sample(kept, 1, condition=torch.tensor([9])).shape == (1, 1, 8, 8)


def test_those_with_examples_take_turns(kept):
    drawn = cg.sample(kept, 18)
    asked = cg.sample(kept, 18, condition=[*range(9)] * 2)
    assert torch.equal(drawn, asked)
    assert columns_of(generative_model(kept).model, None, 18) == 9
    assert columns_of(generative_model(kept).model, None, 20) is None
    rows = sheets(kept)["classes"]
    assert not isinstance(rows, str)
    assert rows.x.shape[0] == 9


def test_what_is_learned_later_is_seen(kept):
    later = planned(kept, "digits:only=9")
    assert later.model.signature.condition.unseen == ()
    again = planned(kept, "digits:without=9")
    assert again.model.signature.condition.unseen == ("9",)
    assert TOLD in again.told


def test_one_class_is_not_told_to_a_generator():
    plan = planned(MODEL, "digits:only=9")
    assert plan.model.signature.condition is None
    assert "digits: one class, '9': the model is not told of classes" in plan.told
    kept = planned(f"{MODEL},classes=10", "digits:only=9").model.signature.condition
    assert kept.unseen == tuple("012345678")


def test_a_generator_learns_from_augmented_pictures():
    plan = planned(MODEL, "digits", augment="flip")
    plain, flipped = (
        [x for *_, x in one.epoch(0, seed=0)]
        for one in (planned(MODEL, "digits").batches(50), plan.batches(50))
    )
    moved = [
        (a != b).flatten(1).any(1).double().mean() for a, b in zip(plain, flipped, strict=True)
    ]
    assert 0.3 < torch.stack(moved).mean() < 0.6
    assert all(
        torch.equal(torch.where((a != b).flatten(1).any(1)[:, None, None, None], b.flip(-1), b), a)
        for a, b in zip(plain, flipped, strict=True)
    )
    with pytest.raises(UsageError, match="unknown augmentation 'nosuch'"):
        planned(MODEL, "digits", augment="nosuch")


def test_a_classifier_needs_two():
    for more in ({}, {"objective": "noisy-classify"}):
        with pytest.raises(UsageError, match="digits has '9' as the only class of its training"):
            planned("lenet5", "digits:only=9", **more)
    assert TOLD in planned("lenet5", "digits:without=9").told


def test_settings_that_are_not_for_a_generator_are_refused_in_words():
    with pytest.raises(UsageError, match=r"learns the task 'classify' and .* 'generate'; leave it"):
        planned(MODEL, "digits", objective="classify")
    with pytest.raises(UsageError, match="unknown part to freeze 'odd'; expected one of: denoiser"):
        planned(MODEL, "digits", freeze="odd")


def test_judges_know_the_classes_that_a_model_was_trained_without():
    assert str(of_all_classes("digits:only=3,valid=0.2")) == "digits:valid=0.2"
    assert of_all_classes("digits") == Spec.parse("digits")
    assert has_judges(cg.dataset("digits"))
    assert not has_judges(cg.dataset("digits:only=3"))
    with pytest.raises(UsageError, match="classifiers of pictures with classes, at least two"):
        judges_of(cg.dataset("digits:only=3"))


def test_going_on_with_other_classes_is_told_and_with_other_examples_refused(kept):
    x, y = torch.rand(60, 1, 8, 8), torch.arange(60) % 10
    names = tuple("abcdefghij")
    plan = planned(kept, cg.tensors(x, y, labels=names))
    told = "told of other classes (they were 0, 1, 2, 3, 4, 5, 6, 7, ..., and"
    assert any(told in line for line in plan.begun)
    assert plan.model.signature.condition.labels == names
    with pytest.raises(UsageError, match=r"takes image of \(1, 8, 8\), and the data has vector"):
        planned(kept, "moons")
