"""What generative models draw on the command line, and the one line where something is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.data.dataset.own_targets import own_targets

DIFFUSION = "v-diffusion:width=8,sampling_steps=2,chain=50"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A diffusion model with classes, a flow and a generator of digits, all untrained."""
    torch.manual_seed(0)
    data, folder = cg.dataset("digits"), tmp_path_factory.mktemp("bundles")
    told = {"ddpm": (DIFFUSION, "generate", {"conditional": True}),
            "flow": ("nice:depth=1", "density", {}),
            "gan": ("gan:width=4,latent=3", "generate", {"latent": 3}),
            "styles": ("stylegan2:width=4,max_width=8,latent=3", "generate", {"latent": 3}),
            }  # fmt: skip
    for name, (spec, task, more) in told.items():
        cg.save(cg.build(spec, signature=own_targets(data, task, **more).signature), folder / name)
    return folder


@pytest.fixture
def files(tmp_path):
    """A picture and masks of 8 x 8 pixels, and some that do not fit, in the present folder."""
    made = {"picture": np.arange(64).reshape(8, 8), "mask": np.zeros((8, 8)),
            "empty": np.zeros((8, 8)), "full": np.full((8, 8), 255), "large": np.zeros((9, 9)),
            "colours": np.arange(192).reshape(8, 8, 3)}  # fmt: skip
    made["mask"][2:4, 2:4] = 255
    for name, pixels in made.items():
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")


def left(folder=Path()):
    return sorted(str(one) for one in folder.rglob("*") if one.is_file())


def test_a_part_of_a_picture_is_made_up_in_its_own_size(bundles, files, cli_run):
    words = ("generate", str(bundles / "ddpm"), "--inpaint", "picture.png", "--mask", "mask.png")
    done = cli_run(*words, "--out", "whole.png", "--class", "3")
    assert done.code == 0
    assert "completed  picture.png, 1 time, seed 0" in done.out
    with Image.open("whole.png") as whole, Image.open("picture.png") as before:
        made, given = np.array(whole), np.array(before)
    hole = np.zeros((8, 8), bool)
    hole[2:4, 2:4] = True
    assert made.shape == given.shape
    assert (made[~hole] == given[~hole]).all()
    assert (made[hole] != given[hole]).any()


def test_what_is_written_is_told_as_an_object(bundles, files, cli_run):
    words = ("generate", str(bundles / "ddpm"), "--json", "--seed", "2", "--class", "3")
    drawn = cli_run(*words, "--count", "2", "--out", "two.npy").json
    assert (drawn["written"], drawn["examples"], drawn["dims"]) == ("two.npy", 2, [1, 8, 8])
    assert (drawn["seed"], drawn["condition"]) == (2, "3")
    filled = cli_run(*words, *FILL, "--out", "whole.png").json
    assert (filled["written"], filled["examples"], filled["seed"]) == ("whole.png", 1, 2)


def test_what_a_model_has_learned_is_shown_in_files(bundles, cli_run):
    done = cli_run("show", "generate", str(bundles / "ddpm"), "--out", "shown", "--json")
    assert done.code == 0
    names = ["classes.png", "denoising.gif", "denoising.png", "walk.gif", "walk.png"]
    assert left() == [f"shown/{name}" for name in names]
    assert list(done.json["cannot"]) == ["truncation"]
    with Image.open("shown/denoising.png") as sheet:
        assert sheet.size == (9 * 98 - 2, 4 * 98 - 2)
    told = cli_run("show", "generate", str(bundles / "gan"), "--out", "gan")
    assert "gan takes no noise away: it is no diffusion model" in told.out
    assert left(Path("gan")) == ["gan/walk.gif", "gan/walk.png"]


FILL = ("--inpaint", "picture.png", "--mask", "mask.png")
MISTAKES = {
    "class out of range": ("ddpm", ("--class", "11"), "unknown class '11'"),
    "class of a model without": ("gan", ("--class", "1"), "gan was trained without classes"),
    "steps beyond the schedule": (
        "ddpm", ("--sampler", "ddim:steps=51"), "the chain of this model has 50: expected 1 to 50"
    ),
    "no steps": ("ddpm", ("--sampler", "ddim:steps=0"), "steps=0"),
    "no such sampler": ("ddpm", ("--sampler", "dim"), "unknown sampler 'dim'"),
    "guidance that is not finite": ("ddpm", ("--guidance", "nan"), "guidance=nan is no finite"),
    "endless guidance": ("ddpm", ("--guidance", "inf"), "guidance=inf is no finite number"),
    "endless temperature": ("ddpm", ("--temperature", "inf"), "temperature=inf is out of range"),
    "truncation that is no number": ("styles", ("--truncation", "nan"), "truncation=nan is no"),
    "a sampler beside truncation": (
        "styles", ("--truncation", "0.5", "--sampler", "ddim"), "sampler=ddim is for diffusion"
    ),
    "guidance beside truncation": (
        "styles", ("--truncation", "0.5", "--guidance", "3"), "guidance is for diffusion models"
    ),
    "a seed below nought": ("ddpm", ("--seed", "-1"), "seed=-1 is out of range"),
    "a seed beyond all bits": ("gan", ("--seed", "9" * 30), "a number of 64 bits"),
    "a sound of pictures": ("ddpm", ("--out", "x.wav"), "write .png, .gif, .html, .csv or .npy"),
    "no examples": ("ddpm", ("--count", "0"), "count=0 examples cannot be drawn"),
    "guidance by no number": ("ddpm", ("--guidance", "much"), "neither a number nor a classifier"),
    "picture of another size": (
        "ddpm", ("--inpaint", "large.png", "--mask", "mask.png"), "large.png has 9 x 9 pixels"
    ),
    "mask of another size": (
        "ddpm", ("--inpaint", "picture.png", "--mask", "large.png"), "large.png has 9 x 9 pixels"
    ),
    "mask that covers nothing": (
        "ddpm", ("--inpaint", "picture.png", "--mask", "empty.png"), "empty.png is black all over"
    ),
    "mask that covers all": (
        "ddpm", ("--inpaint", "picture.png", "--mask", "full.png"), "full.png is white all over"
    ),
    "picture with colours": (
        "ddpm", ("--inpaint", "colours.png", "--mask", "mask.png"), "colours.png has colours"
    ),
    "picture that is missing": (
        "ddpm", ("--inpaint", "gone.png", "--mask", "mask.png"), "gone.png is missing"
    ),
    "no mask": ("ddpm", ("--inpaint", "picture.png"), "--mask MASK is missing"),
    "no picture": ("ddpm", ("--mask", "mask.png"), "--inpaint PICTURE is missing"),
    "a sampler beside a mask": ("ddpm", (*FILL, "--sampler", "ddim"), "leave out the prompt"),
    "a film of a picture": ("ddpm", (*FILL, "--out", "x.gif"), "expected a file in .png, .npy"),
    "a flag of texts": ("ddpm", ("--top-k", "5"), "--top-k is for models that write texts"),
    "flags of texts": (
        "gan", (*FILL, "--beams", "2", "--plain"), "--beams, --plain are for models that write"
    ),
    "a family that fills nothing": ("flow", FILL, "nice cannot inpaint"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(bundles, files, cli_run, case):
    name, words, message = MISTAKES[case]
    before = left(), left(bundles)
    done = cli_run("generate", str(bundles / name), *words)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert (left(), left(bundles)) == before


def test_examples_with_a_hole_are_refused_by_name(tmp_path):
    x = torch.rand(40, 1, 8, 8)
    x[3, 0, 2, 2] = torch.nan
    for model in ("ddpm", "pixelcnn", "gan"):
        with pytest.raises(cg.UsageError, match="train row 4: the input nan is not a finite"):
            cg.train(model, cg.tensors(x, torch.arange(40) % 2, kind="image", bounds=(0.0, 1.0)),
                     folder=tmp_path / "run")  # fmt: skip
    assert not (tmp_path / "run").exists()


def test_numbers_that_are_not_finite_are_not_written(bundles, cli_run, tmp_path):
    broken = cg.load(bundles / "gan").model
    with torch.no_grad():
        next(broken.parameters()).fill_(torch.nan)
    cg.save(broken, tmp_path / "broken")
    for out in ("x.png", "x.csv", "x.html", "x.gif"):
        done = cli_run("generate", str(tmp_path / "broken"), "--count", "2", "--out", out)
        assert done.code == 2
        assert "numbers that were drawn are not finite" in done.err
        assert not Path(out).exists()
