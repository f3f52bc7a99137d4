"""What a generative model shows of itself, and what it says where it cannot."""

import numpy as np
import pytest
import torch

import cartograd as cg
from cartograd.apps.report.samples import grid
from cartograd.apps.verbs.frames import frames, walk
from cartograd.apps.verbs.sheets import COLUMNS, PSIS, ROWS, Sheet, sheets
from cartograd.core.errors import UsageError
from cartograd.core.generative import NotSupported
from cartograd.data.dataset.own_targets import own_targets


def built(spec, task, **told):
    torch.manual_seed(0)
    return cg.build(spec, signature=own_targets(cg.dataset("digits"), task, **told).signature)


@pytest.fixture(scope="module")
def diffusion():
    """A diffusion model with classes that has learned nothing."""
    return built("v-diffusion:width=8,sampling_steps=3,chain=20", "generate", conditional=True)


def test_a_diffusion_model_shows_classes_a_walk_and_how_noise_goes(diffusion):
    found = sheets(diffusion)
    assert list(found) == ["classes", "walk", "denoising", "truncation"]
    assert found["truncation"] == "ddpm has no mean style to draw its examples to"
    assert found["classes"].x.shape == (10, COLUMNS, 1, 8, 8)
    asked = [row for row in range(10) for _ in range(COLUMNS)]
    torch.testing.assert_close(
        found["classes"].x.flatten(0, 1), cg.sample(diffusion, 90, condition=asked)
    )
    steps = found["denoising"].x
    assert found["denoising"].film
    assert steps.shape == (ROWS, COLUMNS, 1, 8, 8)
    last = cg.sample(diffusion, ROWS, sampler=f"ddim:steps={COLUMNS}")
    torch.testing.assert_close(steps[:, -1], last)


def test_a_walk_goes_through_drawn_examples_of_one_class(diffusion):
    for model in (diffusion, built("gan:width=4,latent=3", "generate", conditional=True, latent=3)):
        x = walk(model, 3, length=4, condition=7)
        torch.testing.assert_close(x[0], cg.sample(model, 3, condition=7))
        torch.testing.assert_close(x[-1], x[0].roll(-1, 0))
        assert not torch.allclose(x[1], x[0])
    with pytest.raises(UsageError, match="a walk is within one class; 3 were given"):
        walk(diffusion, 3, condition=[1, 2, 3])


def test_codes_are_walked_where_an_example_is_made_of_them():
    flow = built("real-nvp:depth=2", "density", conditional=True)
    x = walk(flow, 2, length=3, condition=4)
    torch.testing.assert_close(x[0], cg.sample(flow, 2, condition=4), atol=0.07, rtol=0)
    found = sheets(built("pixelcnn:depth=1,width=4", "density"))
    told = {name: one for name, one in found.items() if not isinstance(one, Sheet)}
    assert told == {
        "classes": "pixelcnn was trained without classes",
        "walk": "pixelcnn has no codes, so there is no way between its examples",
        "denoising": "pixelcnn takes no noise away: it is no diffusion model",
        "truncation": "pixelcnn has no mean style to draw its examples to",
    }
    with pytest.raises(NotSupported, match="nothing says how its codes are spread"):
        walk(built("autoencoder:latent=2", "reconstruct"))


def test_truncation_goes_from_the_usual_example_to_each_ones_own():
    model = built("stylegan2:width=4,latent=4", "generate", latent=4)
    x = sheets(model)["truncation"].x
    assert x.shape[1] == len(PSIS)
    torch.testing.assert_close(x[0, 0], x[1, 0])
    torch.testing.assert_close(x[:, -1], cg.sample(model, ROWS))


def test_what_is_no_picture_is_refused():
    with pytest.raises(UsageError, match="mlp makes no pictures, its task is 'classify'"):
        sheets(cg.build("mlp", signature=cg.dataset("moons").signature))
    with pytest.raises(UsageError, match=r"guidance=2\.0 is for diffusion models, and gan is none"):
        frames(built("gan:width=4,latent=3", "generate", latent=3), 2, guidance=2.0)


def test_a_sheet_has_so_many_pictures_in_a_row():
    tiles = [np.zeros((100, 100, 1), np.uint8)] * 6
    assert grid(tiles, across=3).shape == (202, 304, 1)
    assert grid(tiles, across=6).shape == (100, 610, 1)
