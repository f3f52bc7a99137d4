"""A generative model draws over HTTP what it draws on the command line."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.data.dataset.own_targets import own_targets
from tests.apps.server.test_app import error


@pytest.fixture(scope="module")
def generator():
    """A generator of digits with classes that has learned nothing."""
    torch.manual_seed(0)
    own = own_targets(cg.dataset("digits"), "generate", conditional=True, latent=3)
    return cg.build("gan:width=4,latent=3", signature=own.signature)


def test_a_seed_draws_what_it_draws_everywhere(client, generator):
    http = client(generator)
    assert http.get("/").json()["links"]["generate"] == "/generate"
    answer = http.post("/generate", json={"count": 3, "class": "7", "seed": 5}).json()
    drawn = cg.sample(generator, 3, condition=7, seed=5)
    torch.testing.assert_close(torch.tensor(answer["examples"]), drawn)
    assert answer["classes"] == ["7", "7", "7"]
    assert answer["seed"] == 5
    assert answer["model"]["name"] == "gan"
    usual = http.post("/generate").json()
    assert len(usual["examples"]) == 16
    assert usual["classes"][:11] == [*"0123456789", "0"]


def test_a_client_that_accepts_a_picture_gets_one(client, generator):
    http = client(generator)
    answer = http.post("/generate", json={"count": 4}, headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert shown.size == (2 * 96 + 2, 2 * 96 + 2)
        first = np.array(shown)[:96:12, :96:12]
    drawn = cg.sample(generator, 4)
    assert np.abs(first / 255 - drawn[0, 0].numpy()).max() < 0.51 / 255


MISTAKES = {
    "class out of range": ({"class": 11}, 422, "unknown class '11'"),
    "classes for others": ({"count": 2, "class": [1, 2, 3]}, 422, "3 classes for 2 examples"),
    "too many": ({"count": 257}, 422, "count=257 is out of range; expected 1 to 256"),
    "none": ({"count": 0}, 422, "count=0 is out of range"),
    "a key of another name": ({"n": 3}, 422, "unknown key 'n'"),
    "a seed that is none": ({"seed": "x"}, 422, "seed='x' is of the wrong type; expected int"),
    "a truth value": ({"count": True}, 422, "count=True is of the wrong type"),
    "a sampler of another family": ({"sampler": "ddim"}, 422, "is for diffusion models"),
    "endless steps": ({"sampler": "ddim:steps=10000"}, 422, "steps=10000 is out of range"),
    "a classifier on the disk": ({"guidance": "classifier:/x"}, 422, "of the wrong type"),
    "a list": ([1], 422, "the body is no object"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line(client, generator, case):
    body, status, message = MISTAKES[case]
    assert message in error(client(generator).post("/generate", json=body), status)


def test_who_draws_no_pictures_says_so(client, generator, digits):
    assert "unknown path '/generate'" in error(client(digits).post("/generate"), 404)
    points = own_targets(cg.dataset("moons:examples=60"), "density").signature
    http = client(cg.build("real-nvp:depth=2", signature=points))
    assert len(http.post("/generate", json={"count": 2}).json()["examples"]) == 2
    shown = http.post("/generate", headers={"Accept": "image/png"})
    assert "ask for application/json" in error(shown, 406)
    assert "is not JSON" in error(client(generator).post("/generate", content=b"{"), 400)
    body = {"inputs": [[0.0, 0.0, 0.0]]}
    assert "has 2 inputs" in error(client(generator).post("/predict", json=body), 422)
