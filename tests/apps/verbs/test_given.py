"""What generative models are given in Python: the wrong is one line, whatever the family."""

import pytest
import torch

import cartograd as cg
from cartograd.apps.verbs.frames import frames
from cartograd.apps.verbs.generative_model import generative_model
from cartograd.apps.verbs.given import check_numbers
from cartograd.core.errors import UsageError
from cartograd.data.dataset.own_targets import own_targets
from cartograd.engine.files.bundle import write_bundle

SPECS = {
    "denoiser": ("v-diffusion:width=8,sampling_steps=2,chain=20", "generate", None),
    "flow": ("nice:depth=1", "density", None),
    "generator": ("gan:width=4", "generate", 3),
}


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    data = cg.dataset("digits")
    return {
        name: generative_model(
            cg.build(spec, signature=own_targets(data, task, latent=latent).signature)
        )
        for name, (spec, task, latent) in SPECS.items()
    }


X = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
HALF = (torch.arange(64) % 2).view(1, 8, 8).float()
CASES = {
    "count=2.5 is of the wrong type": lambda one: one.sample(2.5),
    "count=True is of the wrong type": lambda one: one.sample(True),
    "seed=None is of the wrong type": lambda one: one.sample(2, seed=None),
    "temperature='hot' is of the wrong type": lambda one: one.sample(2, temperature="hot"),
    "count=0 examples make no film": lambda one: frames(one.model, 0),
    "length=2.5 is of the wrong type": lambda one: frames(one.model, 2, length=2.5),
    "interpolate was given 1 examples of shape": lambda one: one.interpolate(X[0], X[0, :, :4], 3),
    "encode: steps=0 is out of range": lambda one: one.encode(X, steps=0),
    "encode was given 0 examples": lambda one: one.encode(X[:0]),
    r"from \d.* to \d.* is of numbers from 0 to 1": lambda one: one.encode(X + 5),
    "codes of shape .* which are none of": lambda one: one.decode(torch.rand(2, 5)),
    "codes with a number that is not finite": lambda one: one.decode(torch.full((2, 3), torch.nan)),
    "the mask has 0.5; expected 1 for known": lambda one: one.inpaint(X, HALF / 2),
    "seed=-5 is out of range": lambda one: one.inpaint(X, HALF, seed=-5),
}


@pytest.mark.untyped
@pytest.mark.parametrize("message", CASES)
@pytest.mark.parametrize("family", SPECS)
def test_what_makes_no_sense_is_one_line(models, family, message):
    with pytest.raises(UsageError, match=message) as told:
        CASES[message](models[family])
    assert "\n" not in str(told.value)


@pytest.mark.untyped
def test_so_are_steps_of_what_takes_none_and_specs_that_are_none(models):
    with pytest.raises(UsageError, match="encode: steps=5 mean nothing to nice, which takes none"):
        models["flow"].encode(X, steps=5)
    with pytest.raises(UsageError, match="log_prob: steps=5 mean nothing to nice"):
        models["flow"].log_prob(X, steps=5)
    with pytest.raises(UsageError, match="5 is not a spec; expected text like name:key=value"):
        models["denoiser"].sample(2, sampler=5)
    with pytest.raises(UsageError, match=r"given: count=.3. .* expected a whole number"):
        check_numbers("given", count=("3", int))


def test_a_classifier_of_a_file_pulls_and_one_that_never_saw_noise_is_told(models, tmp_path):
    digits = cg.dataset("digits")
    torch.manual_seed(0)
    judge = cg.build("mlp:widths=[4]", signature=digits.signature)
    write_bundle(tmp_path / "new", judge)
    write_bundle(tmp_path / "old", judge, about={"settings": {"objective": "classify"}})
    plain, pulled = (models["denoiser"].sample(2, guidance=one, **more)
                     for one, more in ((1.0, {}),
                                       (f"classifier:{tmp_path / 'new'},scale=9",
                                        {"condition": 3})))  # fmt: skip
    assert pulled.isfinite().all()
    assert not torch.equal(plain, pulled)
    with pytest.warns(UserWarning, match="old learned by classify from examples without noise"):
        again = models["denoiser"].sample(
            2, guidance=f"classifier:{tmp_path / 'old'},scale=9", condition=3
        )
    assert torch.equal(again, pulled)
