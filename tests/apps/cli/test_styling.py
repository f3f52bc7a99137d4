"""A picture in the style of another by the command line, and the one line where it cannot be."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A network of convolutions, one without, and a classifier of points, all untrained."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundles")
    for name, spec, data in (("lenet", "lenet5", "digits"), ("dense", "mlp", "digits"),
                             ("points", "mlp", "moons")):  # fmt: skip
        cg.save(cg.build(spec, signature=cg.dataset(data).signature), folder / name)
    return folder


@pytest.fixture
def files(tmp_path):
    """Pictures of 8 x 8 pixels and one that is larger, in the present folder."""
    grey = np.arange(64).reshape(8, 8)
    for name, pixels in {"a": grey, "b": 255 - 2 * grey.T, "large": np.zeros((9, 9))}.items():
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")


def left(folder=Path()):
    return sorted(str(one) for one in folder.rglob("*") if one.is_file())


PAIR = ("--content", "a.png", "--style", "b.png")


def test_a_picture_is_made_in_its_own_size_and_told_beside_plain_ways(bundles, files, cli_run):
    words = ("generate", str(bundles / "lenet"), *PAIR, "--out")
    done = cli_run(*words, "x.png", "--json")
    assert done.code == 0
    assert list(done.json["style_loss"]) == ["content", "moments", "stylised"]
    assert done.json["style_loss"]["stylised"] < done.json["style_loss"]["content"]
    with Image.open("x.png") as made:
        assert made.size == (8, 8)
    same = cli_run(*words, "same.png", "--style-weight", "0")
    assert "content cosine" in same.out
    with Image.open("same.png") as made, Image.open("a.png") as given:
        assert (np.array(made) == np.array(given)).all()


MISTAKES = {
    "points": ("points", PAIR, "mlp is no classifier of pictures"),
    "no convolution": ("dense", PAIR, "no layer of mlp gives maps"),
    "another size": ("lenet", ("--content", "a.png", "--style", "large.png"), "has 9 x 9 pixels"),
    "missing file": ("lenet", ("--content", "gone.png", "--style", "b.png"), "gone.png is missing"),
    "no style": ("lenet", PAIR[:2], "--style PICTURE is missing"),
    "no content": ("lenet", ("--style-weight", "3"), "--content PICTURE is missing"),
    "a count": ("lenet", (*PAIR, "--count", "2"), "leave out the prompt, --count"),
    "a film": ("lenet", (*PAIR, "--out", "x.gif"), "expected a file in .png, .npy"),
    "a weight below 0": ("lenet", (*PAIR, "--style-weight", "-1"), "style_weight=-1"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(bundles, files, cli_run, case):
    name, words, message = MISTAKES[case]
    before = left(), left(bundles)
    done = cli_run("generate", str(bundles / name), *words)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert (left(), left(bundles)) == before
