"""The grid pointing game: mosaics are what they should be, and the right cell has the share."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.explain.quality.localisation import localisation, mosaics

PORTS = (Port("x", "image", (1, 8, 8), bounds=(0.0, 1.0)),), (Port("y", "label", (4,)),)


def corners():
    """Pictures of four classes: which number a picture is bright by; and a model that sees it."""
    y = torch.arange(12) % 4
    x = (0.2 + 0.2 * y)[:, None, None, None] * torch.ones(12, 1, 8, 8)
    return x + 0.01 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0)), y


class Bands(nn.Module):
    """Answers by the mean over places of how near a pixel is to each class's brightness."""

    def forward(self, x):
        levels = 0.205 + 0.2 * torch.arange(4).reshape(1, 4, 1, 1).to(x)
        return 30 * (1 - (x - levels).abs() / 0.1).relu().mean((2, 3))


def test_mosaics_are_of_four_classes_each_picture_once():
    x, y = corners()
    sure = torch.linspace(0, 1, 12)
    made, classes = mosaics(x, y, sure, most=2)
    assert made.shape == (2, 1, 16, 16)
    assert classes[0].sort().values.tolist() == [0, 1, 2, 3]
    for one, kinds in zip(made, classes, strict=True):
        cells = [one[:, :8, :8], one[:, :8, 8:], one[:, 8:, :8], one[:, 8:, 8:]]
        assert [round((float(cell.mean()) - 0.205) / 0.2) for cell in cells] == kinds.tolist()
    first = {number for number in range(12) if (made[0] == x[number, 0, 0, 0]).any()}
    assert first == {8, 9, 10, 11}, "the surest"
    assert len(mosaics(x, y, sure)[0]) == 3, "each picture in one"
    with pytest.raises(UsageError, match="four classes, and these are of 2"):
        mosaics(x[:2], y[:2], sure[:2])


def test_the_share_is_all_a_quarter_or_nothing():
    x, y = corners()
    made, classes = mosaics(x, y, torch.ones(12))

    def right(pictures, aim):
        level = 0.205 + 0.2 * aim.reshape(-1, 1, 1, 1)
        return ((pictures - level).abs() < 0.05).float() - ((pictures - level).abs() > 0.05).float()

    assert localisation(right, made, classes).tolist() == [1.0] * 3
    assert localisation(lambda x, aim: -right(x, aim), made, classes).tolist() == [0.0] * 3
    silent = localisation(lambda x, aim: torch.zeros_like(x), made, classes)
    assert silent.isnan().all(), "nothing speaks for any cell"
    once = localisation(
        lambda x, aim: right(x, aim) * (aim > 0).reshape(-1, 1, 1, 1), made, classes
    )
    assert once.tolist() == [1.0] * 3, "the mean over the cells of which something is said"
    even = localisation(lambda x, aim: torch.ones_like(x), made, classes)
    torch.testing.assert_close(even, torch.full((3,), 0.25).double())


@pytest.mark.law("integrated_gradients", "occlusion")
def test_the_judge_localises_where_a_model_takes_mosaics_and_says_why_not_elsewhere(judge):
    x, _ = corners()
    model = cg.sign(Bands(), Signature(*PORTS))
    methods = ("occlusion:patch_size=2", "exact-shap:patch_size=8")
    found = cg.explanation_quality(model, x, methods)
    share = {name: row["localisation"][0] for name, row in found.figures.items()}
    assert share["occlusion:patch_size=2"] > 0.9
    assert share["exact-shap:patch_size=8"] > 0.9
    assert share["random"] == pytest.approx(0.25, abs=0.03)
    assert 0.1 < share["edges"] < 0.5
    assert found.no_better()["occlusion:patch_size=2"] == []
    assert "localisation" in found.columns
    some = cg.explanation_quality(model, x, ["exact-shap:patch_size=3"])
    assert any("localisation of exact-shap:patch_size=3 is left out" in one for one in some.notes)
    fixed = cg.explanation_quality(judge.model, judge.x[:12], ["saliency"])
    assert "localisation" not in fixed.columns
    assert any("takes pictures of 8 x 8 alone, and a mosaic of four is of 16 x 16" in one
               for one in fixed.notes)  # fmt: skip
    few = cg.explanation_quality(model, x[:2], ["saliency"])
    assert any("four classes, and these are of 2" in one for one in few.notes)
