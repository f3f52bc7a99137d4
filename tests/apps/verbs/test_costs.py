"""What models cost: counted by formulas, ranked, priced, drawn, refused in a line."""

import re

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs import costs as verb
from cartograd.core import onednn_linear
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.engine.device.roofline import Level, Roofline, Work
from cartograd.engine.loop.flops import flop_counter
from tests.commands import command

# Exporting runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = [pytest.mark.compile, pytest.mark.program]

ROW = Signature((Port("x", "vector", (32,)),), (Port("y", "label", (4,)),))
ROOF = Roofline(1e9, (Level(1 << 20, 1e9),), (Work("convolution", 4.0, 2.0, 1.0),))


def net(width):
    torch.manual_seed(0)
    layers = nn.Linear(32, width), nn.ReLU(), nn.Linear(width, 4)
    return sign(nn.Sequential(*layers), ROW)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three models as files, the last of other inputs."""
    folder = tmp_path_factory.mktemp("costs")
    wide = sign(nn.Linear(5, 4), Signature((Port("x", "vector", (5,)),), ROW.outputs))
    models = {"a": net(8), "b": net(6), "wide": wide}
    return {name: cg.export(one, folder / f"{name}.onnx").path for name, one in models.items()}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(verb, "roofline", lambda: ROOF)


@pytest.mark.place("deploy/cost")
def test_work_and_predictions_are_those_of_the_formulas(files):
    small, large, file = net(8), net(512), files["a"]
    found = cg.costs([large, small, file], batches=(64, 1, 1), rate=3.6)
    by = {one.parameters: one for one in found.models if one.multiply_adds}
    assert {n: one.multiply_adds for n, one in by.items()} == {
        300: 32 * 8 + 8 * 4, 18948: 32 * 512 + 512 * 4,
    }  # fmt: skip
    small_one = by[300]
    assert [one.batch for one in small_one.timed] == [1, 64]
    moved = [4 * (300 + n * 36) for n in (1, 64)]
    assert list(small_one.moved) == moved
    work = (2 * 288 / 1e9, 64 * 2 * 288 / 1e9)
    wanted = [max(a, b / 1e9) for a, b in zip(work, moved, strict=True)]
    assert list(small_one.predicted) == pytest.approx(wanted)
    through = [one.best.throughput for one in found.models]
    assert through == sorted(through, reverse=True)
    for one in found.models:  # 3.6 an hour is a thousandth a second
        assert one.price == pytest.approx(1000 / one.best.throughput)
    (of_file,) = (one for one in found.models if one.multiply_adds is None)
    assert (of_file.predicted, of_file.size) == ((), file.stat().st_size)
    assert of_file.parameters == 300
    assert found.energy


@pytest.mark.parametrize("method", ["int8-weights", "group-weights", "half-weights"])
def test_rounded_weights_do_the_same_work(method):
    """A kernel of integers is opaque to the counter; what it computes is not."""
    whole = net(64)
    rounded = build(method, kind="compressor")(whole)
    counts = {one.multiply_adds for one in cg.costs([whole, rounded], batches=(1,)).models}
    assert counts == {32 * 64 + 64 * 4}


@pytest.mark.parametrize("method", ["quantize-static", "quantize-static:bits=4", "quantize-aware"])
def test_rounded_convolutions_and_inputs_do_the_same_work(method):
    data = cg.dataset("digits")
    whole = cg.build("lenet5", signature=data.signature)
    rounded = cg.compress(whole, data, method=method)
    counts = [one.multiply_adds for one in cg.costs([whole, rounded], batches=(1,)).models]
    # Two convolutions of five pixels a side on 28 and 10, three products.
    by_hand = 25 * (6 * 28**2 + 6 * 16 * 10**2) + 400 * 120 + 120 * 84 + 84 * 10
    assert counts == [by_hand, by_hand]


def test_products_of_onednn_are_counted_in_inference_and_in_training():
    x, weight = torch.rand(2, 3, 5, requires_grad=True), torch.rand(4, 5, requires_grad=True)
    with flop_counter() as counted:
        y = onednn_linear._Learned.apply(x, weight, None)
    assert counted.get_total_flops() == 2 * 6 * 5 * 4
    with flop_counter() as counted:
        y.sum().backward()
    assert counted.get_total_flops() == 2 * 2 * 6 * 5 * 4


@pytest.mark.place("deploy/cost")
def test_the_command_ranks_draws_and_tells(files, tmp_path, capsys, monkeypatch):
    a, b = files["a"], files["b"]
    call = command(capsys, monkeypatch)
    for name, start in (("roof.svg", b"<?xml"), ("roof.png", b"\x89PNG")):
        done = call("cost", a, b, "--batches", "1,2", "--out", tmp_path / name, "--json")
        assert done.code == 0, done.err
        assert (tmp_path / name).read_bytes().startswith(start)
    assert [one["timed"][1]["batch"] for one in done.json["models"]] == [2, 2]
    assert done.json["roofline"]["works"][0]["share"] == 4 / 1e9
    done = call("cost", a, "--batches", "1", "--rate", "2")
    assert "a million answers" in done.out
    assert "not known" in done.out
    assert "an hour costs 2" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batches", "1,x"), "--batches '1,x' are no numbers; expected some like 1,8,64"),
        (("--batches", "0"), "a batch of 0 is out of range; expected 1 to 4096"),
        (("--rate", "0"), "rate=0 is out of range; expected more than 0"),
        (("--out", "roof.pdf"), "expected a .svg or .png file"),
        (("{wide}",), "takes vector 5, and .* vector 32; models that are ranked take the same"),
    ],
)
def test_what_cannot_be_is_refused(files, capsys, monkeypatch, words, said):
    words = [files["wide"] if word == "{wide}" else word for word in words]
    done = command(capsys, monkeypatch)("cost", files["a"], *words)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert re.search(said, done.err)


def test_no_model_at_all_is_refused():
    with pytest.raises(UsageError, match="there is no model"):
        cg.costs([])
