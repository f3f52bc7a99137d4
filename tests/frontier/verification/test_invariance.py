"""Groups and ranges of transformations: proved where they hold, refuted by a picture."""

import re

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.frontier.verification.moves import Pictures, moved, turned
from tests.frontier.verification.nets import signed, trained


def proved(model, x, y, **settings):
    return build("invariance", kind="verifier", **settings)(model, x, y)


def circular():
    torch.manual_seed(0)
    return signed(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
        )
    )  # fmt: skip


@pytest.mark.law("invariance")
def test_shifts_of_a_network_that_knows_no_places():
    model = circular().eval()
    x = torch.rand(5, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    y = model(x).argmax(1)
    found = proved(model, x, y, transformation="shift", pixels=2)
    assert found.proved.all()
    change = float(re.search(r"25 elements .* by (\S+) most", found.notes[0])[1])
    assert change <= 1e-5
    places = signed(nn.Sequential(nn.Flatten(), nn.Linear(72, 3))).eval()
    y = places(x).argmax(1)
    found = proved(places, x, y, transformation="shift", pixels=2)
    assert found.refuted.any()
    for row in found.refuted.nonzero()[:, 0].tolist():
        moves = [x[row].roll((a, b), (-2, -1)) for a in range(-2, 3) for b in range(-2, 3)]
        assert any(torch.equal(found.found[row], one) for one in moves)
        assert places(found.found[row : row + 1]).argmax(1) != y[row]


def test_flips_and_orders():
    mirror = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    mirror[1].weight.data = torch.tensor([[1.0, 1, 0, 0], [0.0, 0, 1, 1]])
    x = torch.tensor([[[[1.0, 0.5], [0.0, 0.25]]]])
    model = signed(mirror, 2, (1, 2, 2))
    assert proved(model, x, torch.tensor([0])).proved.all()
    port = Port("sensor", "vector", (4, 2), bounds=(-1.0, 1.0))
    out = Port("side", "label", (2,))
    last = nn.Sequential(nn.Flatten(), nn.Linear(8, 2, bias=False))
    last[1].weight.data = torch.zeros(2, 8)
    last[1].weight.data[1, -1] = 1.0
    series = torch.tensor([[[0.0, 0.5], [0, 0.5], [0, 0.5], [0, 0.5]],
                           [[0.0, -0.5], [0, 0.5], [0, 0.5], [0, 0.5]]])  # fmt: skip
    found = proved(Signed(last, Signature((port,), (out,))), series, torch.tensor([1, 1]),
                   transformation="order")  # fmt: skip
    assert found.proved.tolist() == [True, False]
    assert found.refuted.tolist() == [False, True]
    assert found.found[1, -1].tolist() == [0.0, -0.5]


@pytest.mark.law("invariance")
@pytest.mark.parametrize("way", [turned(4.0), moved(0.4)])
def test_no_moved_picture_leaves_its_box(way):
    """Amounts drawn from each interval, on a picture of hard edges."""
    draw = torch.Generator().manual_seed(1)
    picture = torch.rand(2, 9, 7, generator=draw).double().round()
    pictures = Pictures(picture, -0.5, way)
    ends = torch.tensor(way.range).double()
    middle = ends[:, 0] + torch.rand(12, len(ends), generator=draw).double() * (
        ends[:, 1] - ends[:, 0]
    )
    half = torch.full_like(middle, 0.01)
    assert pictures.fine(half).all()
    box = pictures.box(middle, half)
    for _ in range(40):
        share = 2 * torch.rand(middle.shape, generator=draw).double() - 1
        at = pictures.at(middle + share.sign() * half if _ % 2 else middle + share * half)
        assert ((box.low <= at) & (at <= box.high)).all()
    assert (box.high - box.low).mean() < 0.2
    whole = pictures.at(torch.zeros(1, len(ends)).double())[0]
    torch.testing.assert_close(whole, picture, rtol=0, atol=1e-12)
    one = Pictures(picture, 0.0, moved(1.0)).at(torch.tensor([[0.0, 1.0]]).double())[0]
    torch.testing.assert_close(one[:, :, 1:], picture[:, :, :-1], rtol=0, atol=1e-12)
    quarter = Pictures(picture[:, :7], 0.0, turned(90)).at(
        torch.tensor([[torch.pi / 2]], dtype=torch.float64)
    )
    torch.testing.assert_close(quarter[0], picture[:, :7].rot90(-1, (1, 2)), rtol=0, atol=1e-9)


@pytest.mark.law("invariance")
@pytest.mark.parametrize(
    "settings",
    [
        {"transformation": "rotation", "degrees": 3.0},
        {"transformation": "translation", "pixels": 0.1},
    ],
)
def test_ranges_of_angles_and_pixels_are_proved_or_refuted(settings):
    model, x, y = trained()
    x, y = x[:6], y[:6]
    found = proved(model, x, y, branches=3000, **settings)
    assert found.proved.any()
    assert (found.proved | found.refuted).all()
    rotation = settings["transformation"] == "rotation"
    way = turned(settings["degrees"]) if rotation else moved(settings["pixels"])
    low, high = torch.tensor(way.range).double().T
    grid = torch.rand(300, len(low), generator=torch.Generator().manual_seed(0)).double()
    for row in found.proved.nonzero()[:, 0].tolist():
        shown = Pictures(x[row].double(), 0.0, way).at(low + grid * (high - low)).float()
        assert (model(shown).argmax(1) == y[row]).all()
    wide = proved(model, x, y, transformation="rotation", degrees=60.0, branches=3000)
    assert wide.refuted.sum() > found.refuted.sum()
    assert (model(wide.found).argmax(1) != y)[wide.refuted].all()
    few = proved(model, x, y, branches=1, **settings)
    assert (~few.proved & ~few.refuted).any()
    assert "intervals" in few.notes[0]


@pytest.mark.untyped
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"transformation": "flop"}, "Expected one of: flip, shift, order"),
        ({"transformation": "shift", "pixels": 0.5}, "expected a whole number"),
        ({"transformation": "shift", "pixels": 99}, "more than 5040 elements"),
        ({"transformation": "order"}, "order is of series"),
    ],
)
def test_what_does_not_fit_is_refused(settings, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        proved(circular(), torch.rand(2, 2, 6, 6), torch.tensor([0, 1]), **settings)
    if settings["transformation"] == "flop":
        port = Port("row", "vector", (12, 3), bounds=(0.0, 1.0))
        rows = Signed(nn.Sequential(nn.Flatten(), nn.Linear(36, 2)),
                      Signature((port,), (Port("c", "label", (2,)),)))  # fmt: skip
        with pytest.raises(UsageError, match="order of 12 moments has more than 5040"):
            proved(rows, torch.rand(2, 12, 3), torch.tensor([0, 1]), transformation="order")
        with pytest.raises(UsageError, match="rotation is of pictures"):
            proved(rows, torch.rand(2, 12, 3), torch.tensor([0, 1]), transformation="rotation")
