"""A part of a picture in a file is made up, and the rest stays as it is."""

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.verbs.inpaint import inpaint
from cartograd.core.errors import UsageError
from cartograd.core.generative import NotSupported
from cartograd.data.dataset.own_targets import own_targets

SIZE = 8


def saved(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def models():
    """Two families that fill and one that does not, all untrained."""
    torch.manual_seed(0)
    own = {one: own_targets(cg.dataset("digits"), one).signature for one in ("generate", "density")}
    return {
        "ddpm": cg.build("v-diffusion:width=8,chain=50", signature=own["generate"]),
        "pixelcnn": cg.build("pixelcnn:width=6,depth=1", signature=own["density"]),
        "nice": cg.build("nice:depth=2", signature=own["density"]),
    }


@pytest.fixture
def picture(tmp_path):
    """A picture of greys that no model of 17 levels could draw."""
    grey = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    return saved(tmp_path / "picture.png", grey)


def mask(path, first=5):
    """White from a row on."""
    white = np.zeros((SIZE, SIZE), np.uint8)
    white[first:] = 255
    return saved(path, white)


@pytest.mark.parametrize("name", ["ddpm", "pixelcnn"])
def test_what_is_known_is_equal_to_the_bit(models, picture, tmp_path, name):
    with Image.open(picture) as given:
        known = torch.tensor(np.array(given)) / 255
    x = inpaint(models[name], picture, mask(tmp_path / "mask.png"), count=3, seed=1)
    assert x.shape == (3, 1, SIZE, SIZE)
    assert torch.equal(x[:, 0, :5], known[:5].expand(3, 5, SIZE))
    assert not torch.allclose(x[0, 0, 5:], x[1, 0, 5:])


def test_what_is_unknown_does_not_count(models, picture, tmp_path):
    with Image.open(picture) as given:
        other = np.array(given)
    other[5:] = 0
    other = saved(tmp_path / "other.png", other)
    where = mask(tmp_path / "mask.png")
    one, two = (inpaint(models["pixelcnn"], file, where) for file in (picture, other))
    assert torch.equal(one, two)


def test_a_family_that_cannot_says_so(models, picture, tmp_path):
    with pytest.raises(NotSupported, match="cannot inpaint"):
        inpaint(models["nice"], picture, mask(tmp_path / "mask.png"))
    upper = np.full((SIZE, SIZE), 255, np.uint8)
    upper[5:] = 0
    with pytest.raises(NotSupported, match="something known after something unknown"):
        inpaint(models["pixelcnn"], picture, saved(tmp_path / "upper.png", upper))


GREY, COLOUR = np.zeros((SIZE, SIZE), np.uint8), np.zeros((SIZE, SIZE, 3), np.uint8)
COLOUR[..., 0] = 200
MISTAKES = {
    "another size": (np.zeros((9, SIZE), np.uint8), None, "has 8 x 9 pixels; the model's pictures"),
    "colours": (COLOUR, None, "has colours, and the model draws greys"),
    "transparent": (np.zeros((SIZE, SIZE, 4), np.uint8), None, "has transparent parts"),
    "covers nothing": (GREY, GREY, "is black all over: nothing is to be made up"),
    "covers everything": (GREY, GREY + 255, "is white all over: nothing of the picture would stay"),
    "mask of another size": (GREY, np.zeros((SIZE, 4), np.uint8), "has 4 x 8 pixels"),
    "mask with colours": (GREY, COLOUR, "has colours; a mask is white"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_file_that_does_not_fit_is_refused(models, tmp_path, case):
    picture, hole, message = MISTAKES[case]
    hole = mask(tmp_path / "mask.png") if hole is None else saved(tmp_path / "mask.png", hole)
    with pytest.raises(UsageError, match=message):
        inpaint(models["ddpm"], saved(tmp_path / "picture.png", picture), hole)


def test_what_is_no_file_or_no_number_is_refused(models, picture, tmp_path):
    where = mask(tmp_path / "mask.png")
    with pytest.raises(UsageError, match=r"gone\.png is missing"):
        inpaint(models["ddpm"], tmp_path / "gone.png", where)
    with pytest.raises(UsageError, match="count=0 ways"):
        inpaint(models["ddpm"], picture, where, count=0)
    filling = cg.generative_model(models["ddpm"])
    with pytest.raises(UsageError, match="the mask has a number that is not finite"):
        filling.inpaint(torch.zeros(1, 1, SIZE, SIZE), torch.full((1, SIZE, SIZE), torch.nan))
    with pytest.raises(UsageError, match="marks nothing as known"):
        filling.inpaint(torch.zeros(1, 1, SIZE, SIZE), torch.zeros(1, SIZE, SIZE))
