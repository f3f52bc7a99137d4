import dataclasses
import logging

import numpy as np
import onnx as package
import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, sign
from cartograd.engine.files import onnx_parts, onnx_session
from cartograd.engine.files.onnx_session import session
from cartograd.practice.deployment import onnx as file
from cartograd.practice.deployment.onnx import onnx, signature_in
from cartograd.practice.deployment.parity import check

# Tracing runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = pytest.mark.compile

PIXELS = Port("image", "image", (1, 12, 12), bounds=(0.0, 1.0), mean=(0.3,), std=(0.4,))
DIGIT = Port("digit", "label", (4,), labels=("nought", "one", "two", "three"))


class Odd(nn.Module):
    """A model of somebody else's, with a branch, a constant and a normalisation."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("shift", torch.tensor(0.1))
        self.last = nn.Linear(4, 4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.norm(self.first(x + self.shift))
        x = nn.functional.gelu(x) + x.relu()
        return self.last(self.drop(x.mean((2, 3))))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Each model once, as it is and as a file."""
    kept = {}

    def of(name):
        if name not in kept:
            torch.manual_seed(0)
            signature = Signature((PIXELS,), (DIGIT,))
            model = build(Odd() if name == "odd" else name, signature=signature)
            path = onnx(model, tmp_path_factory.mktemp("onnx") / "model.onnx")
            kept[name] = model, path
        return kept[name]

    return of


@pytest.mark.oracle("onnx")
@pytest.mark.parametrize("name", ["mlp", "lenet5", "resnet:depth=8,width=4", "odd"])
def test_onnxruntime_gives_the_same_for_any_batch(exported, name):
    model, path = exported(name)
    run = session(path)
    with torch.inference_mode():
        for b in (1, 2, 7):
            x = torch.rand(b, 1, 12, 12)
            expected = model.eval()(x)
            np.testing.assert_allclose(run([x.numpy()]), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.law("onnx")
def test_the_file_is_whole_and_says_what_it_takes(exported):
    model, path = exported("lenet5")
    assert [entry.name for entry in path.parent.iterdir()] == ["model.onnx"]
    proto = package.load(path)
    package.checker.check_model(proto, full_check=True)
    (given,), (answer,) = proto.graph.input, proto.graph.output
    assert (given.name, answer.name) == ("image", "digit")
    sizes = [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim]
    assert sizes == ["batch", 1, 12, 12]
    assert signature_in(path) == model.signature
    about = {item.key: item.value for item in proto.metadata_props}
    assert about["labels"] == '["nought", "one", "two", "three"]'
    assert about["spec"] == str(model.spec)


@pytest.mark.law("onnx")
def test_the_standardisation_is_in_the_file(exported):
    model, path = exported("mlp")
    x = torch.rand(3, 1, 12, 12)
    with torch.inference_mode():
        raw = model.model.eval()((x - 0.3) / 0.4)
    np.testing.assert_allclose(session(path)([x.numpy()]), raw, atol=1e-5)


def test_no_word_of_where_it_was_made(exported):
    _, path = exported("lenet5")
    content = path.read_bytes()
    for word in (b"site-packages", b".py", b"/cartograd/", b"forward"):
        assert word not in content


def test_check_reports_both_sides(exported):
    model, path = exported("lenet5")
    found = check(model, path, torch.rand(5, 1, 12, 12))
    assert found.agree
    assert found.difference <= 1e-5 < found.tolerance
    assert found.size == path.stat().st_size
    assert found.low <= found.ratio <= found.high
    assert min(found.torch_ms, found.file_ms) > 0
    for (low, high), median in (
        (found.torch_half, found.torch_ms),
        (found.file_half, found.file_ms),
    ):
        assert 0 < low <= median <= high
    told = dataclasses.asdict(found)
    assert all(isinstance(v, int | float | str | tuple) for v in told.values())


def test_check_notices_another_model(exported):
    model, path = exported("lenet5")
    torch.manual_seed(1)
    other = build(model.spec, signature=model.signature)
    found = check(other, path, torch.rand(5, 1, 12, 12))
    assert not found.agree
    assert found.difference > found.tolerance


def test_the_model_is_left_as_it_is(tmp_path, capfd, caplog):
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(144), nn.Linear(144, 4), nn.Dropout())
    model = sign(net, Signature((PIXELS,), (DIGIT,))).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with caplog.at_level(logging.WARNING):
        path = onnx(model, tmp_path / "new" / "model.onnx")
        check(model, path, torch.rand(3, 1, 12, 12))
    assert all(module.training for module in model.modules())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_values_come_out_in_their_own_unit_and_names_are_kept(tmp_path):
    row = Port("row", "table", (3,), mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 3.0))
    price = Port("price (€)", "value", (1,), mean=(200_000.0,), std=(70_000.0,))
    model = sign(nn.Linear(3, 1), Signature((row,), (price,)))
    found = check(model, onnx(model, tmp_path / "m.onnx"), torch.randn(9, 3))
    assert found.agree
    assert found.tolerance > 1
    assert package.load(tmp_path / "m.onnx").graph.output[0].name == "price (€)"


class Sum(nn.Module):
    def forward(self, x, y):
        return x.mean((2, 3)) + y


def test_several_inputs_and_free_sizes(tmp_path):
    ports = (Port("picture", "image", (3, "y", "x")), Port("extra", "vector", (3,)))
    model = sign(Sum(), Signature(ports, (Port("sum", "value", (3,)),)))
    path = onnx(model, tmp_path / "m.onnx")
    for y, x in ((5, 9), (40, 3)):
        assert check(model, path, (torch.rand(4, 3, y, x), torch.rand(4, 3))).agree


def test_a_file_is_replaced_whole(tmp_path, monkeypatch):
    model = sign(
        nn.Linear(3, 2), Signature((Port("x", "vector", (3,)),), (Port("y", "label", (2,)),))
    )
    path = tmp_path / "m.onnx"
    path.write_text("old")

    def full(*args):
        raise UsageError("cannot write: No space left on device")

    monkeypatch.setattr(onnx_parts, "write_file", full)
    with pytest.raises(UsageError, match="No space left"):
        onnx(model, path)
    assert path.read_text() == "old"
    monkeypatch.undo()
    assert check(model, onnx(model, path), torch.rand(1, 3)).agree


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_what_cannot_be_exported_is_refused(tmp_path, monkeypatch):
    vector = Signature((Port("x", "vector", (3,)),), (Port("y", "label", (3,)),))
    with pytest.raises(UsageError, match="Branching cannot be traced"):
        onnx(sign(Branching(), vector), tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="has no signature"):
        onnx(nn.Linear(3, 3), tmp_path / "m.onnx")
    monkeypatch.setattr(file, "LARGEST", 100)
    with pytest.raises(UsageError, match="graph alone is larger than the 2 GB"):
        onnx(sign(nn.Linear(3, 3), vector), tmp_path / "m.onnx")
    same = Signature((Port("x", "vector", (3,)), Port("x", "vector", (3,))), vector.outputs)
    with pytest.raises(UsageError, match="a different name for each"):
        onnx(Signed(nn.Linear(3, 3), same), tmp_path / "m.onnx")
    monkeypatch.setattr(onnx_session, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"need onnx and onnxscript: pip install 'cartograd\[exp"):
        onnx(sign(nn.Linear(3, 3), vector), tmp_path / "m.onnx")
    with pytest.raises(UsageError, match="need onnxruntime"):
        check(nn.Linear(3, 3), tmp_path / "m.onnx", torch.rand(1, 3))
    assert not list(tmp_path.iterdir())


def test_a_broken_file_is_refused(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"not an onnx file")
    with pytest.raises(UsageError, match="onnxruntime cannot run"):
        check(nn.Linear(3, 3), path, torch.rand(1, 3))
    for name in ("m.onnx", "missing.onnx"):
        with pytest.raises(UsageError, match="is not an ONNX file with a signature"):
            signature_in(tmp_path / name)
