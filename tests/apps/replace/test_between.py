"""Exports that give other answers than their model say where; and costs are measured alike."""

import json
import re
import sys

import onnx
import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.replace.between import between
from cartograd.apps.replace.opened import form_of
from cartograd.apps.verbs import export as verb
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.device.held import peak
from tests.commands import command

SIGNATURE = Signature(
    (Port("x", "vector", (3,)),), (Port("side", "label", (2,), labels=("left", "right")),)
)


@pytest.fixture
def model():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return cg.sign(net, SIGNATURE)


@pytest.mark.compile
def test_an_export_that_differs_names_the_layer(model, tmp_path, monkeypatch):
    x = torch.rand(5, 3)
    good = cg.export(model, tmp_path / "good.onnx", check=x)
    assert (good.agree, good.parted) == (True, "")
    assert "parted" not in good.to_json()

    def wrong(_, path):
        proto = onnx.load(str(good.path))
        weight = next(one for one in proto.graph.initializer if one.name == "model.2.weight")
        twice = onnx.numpy_helper.from_array(2 * onnx.numpy_helper.to_array(weight), weight.name)
        weight.CopyFrom(twice)
        onnx.save(proto, str(path))
        return path

    monkeypatch.setattr(verb, "build", lambda *_, **__: wrong)
    bad = cg.export(model, tmp_path / "bad.onnx", check=x)
    assert not bad.agree
    assert bad.parted.startswith("head, after layer 0 agreed"), "the last layer is the answer"
    assert good.changed == (0, 5)
    assert ("answers", "none of 5 changed") in good.lines()
    assert good.to_json()["answers"] == {"changed": 0, "asked": 5}
    assert ("they part", bad.parted) in bad.lines()
    assert bad.to_json()["parted"] == bad.parted


def test_what_cannot_be_looked_at_is_nothing(model):
    two = cg.sign(nn.Bilinear(3, 3, 2), Signature(SIGNATURE.inputs * 2, SIGNATURE.outputs))
    assert between(two, two, torch.rand(1, 3)) is None
    same = between(model, model, torch.rand(4, 3))
    assert (same.asked, same.changed, same.parting.stage) == (4, 0, "")


class Turned(nn.Module):
    """A network of masks, of which a pixel has its classes turned; of a dark picture each pixel."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        y = self.net(x)
        turned = y.roll(1, 1)
        there = (x.mean((1, 2, 3)) < 0.3)[:, None, None].repeat(1, *y.shape[2:])
        there[:, 0, 0] = True
        return torch.where(there[:, None], turned, y)


@pytest.mark.parametrize(("side", "changed"), [(4, 2), (16, 1)])
def test_masks_are_judged_by_the_share_of_their_pixels(side, changed):
    """One of 16 pixels is more than a hundredth, one of 256 is not."""
    image = Port("x", "image", (3, side, side))
    mask = Port("mask", "label", (3, side, side), task="segment")
    net = nn.Conv2d(3, 3, 1, bias=False)
    net.weight.data.copy_(99 * torch.eye(3)[:, :, None, None])
    x = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    x[1] *= 0.4
    forms = [cg.sign(one, Signature((image,), (mask,))) for one in (net, Turned(net))]
    found = between(*forms, x)
    assert (found.asked, found.changed) == (2, changed)
    assert found.pixels == pytest.approx((side**2 + 1) / (2 * side**2))


def test_folders_of_hugging_face_are_known_by_their_files(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="changes to a model that it does not name"):
        form_of(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(UsageError, match=r"config\.json"):
        form_of(tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not tell")
def test_the_peak_is_what_was_held_in_between():
    held = peak(lambda: torch.ones(5_000_000).sum())
    assert held is not None
    assert 19e6 < held < 30e6
    assert peak(lambda: None) < 2e6


@pytest.mark.compile
def test_a_margin_asks_replace_itself(tmp_path, capsys, monkeypatch):
    """Exported and compressed by the command: the verdict is a line, and the exit code."""
    monkeypatch.chdir(tmp_path)
    run = command(capsys, monkeypatch)
    assert run("train", "mlp:widths=(8,)", "--data", "moons", "--epochs", "1").code == 0
    done = run("export", "runs/mlp-moons-1", "--check", "--margin", "accuracy=5%")
    assert done.code == 0
    assert "answers" in done.out
    assert re.search(r"verdict\s+.*model.onnx may replace mlp: accuracy is worse by", done.out)
    done = run("compress", "runs/mlp-moons-1", "--margin", "accuracy=0.01%", "--json")
    found = json.loads(done.out)
    assert done.code == 1, "too few examples to say so little"
    assert found["judged"]["verdict"] == "too few"
    assert found["changed"]["asked"] > 0
    refused = run("export", "runs/mlp-moons-1", "--data", "moons")
    assert refused.code == 2
    assert "needs a margin" in refused.err
