import base64
from io import BytesIO

import numpy as np
import torch
from PIL import Image

from cartograd.apps.report.pictures import image, signed
from cartograd.apps.report.theme import BLUE, RED
from cartograd.core.ports import Port


def pixels(picture) -> np.ndarray:
    head, _, data = picture.uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(base64.b64decode(data))))


def test_grey_pixels_are_stretched_over_the_bounds():
    port = Port("image", "image", (1, 2, 2), bounds=(-1.0, 1.0))
    x = torch.tensor([[[-1.0, 0.0], [1.0, 5.0]]])
    assert pixels(image(x, port, alt="x")).tolist() == [[0, 128], [255, 255]]


def test_colours_stay_in_their_channels():
    port = Port("image", "image", (3, 1, 1), bounds=(0.0, 1.0))
    assert pixels(image(torch.tensor([1.0, 0.0, 0.2])[:, None, None], port, alt="")).tolist() == [
        [[255, 0, 51]]
    ]


def test_signs_have_colours_and_zero_is_transparent():
    found = pixels(signed(torch.tensor([[[1.0, -1.0, 0.0]]]), alt=""))
    assert found[0, :2, 3].tolist() == [255, 255]
    for place, colour in ((0, RED), (1, BLUE)):
        assert "#" + bytes(found[0, place, :3]).hex() == colour
    assert found[0, 2, 3] == 0


def test_a_map_of_zeros_is_blank():
    assert not pixels(signed(torch.zeros(1, 3, 3), alt=""))[..., 3].any()


def test_large_pictures_are_made_small():
    port = Port("image", "image", (1, 900, 600), bounds=(0.0, 1.0))
    assert pixels(image(torch.zeros(1, 900, 600), port, alt="")).shape == (256, 171)
