"""A package for iPhones and Macs: what is handed to coremltools, and what is asked of its model.

The suite does without the package; `tests/stand_ins` has its calls. Nothing but macOS runs what
the real one writes.
"""

import sys

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.practice.deployment import outside
from cartograd.practice.deployment.coreml import coreml, running, signature_in
from tests.stand_ins import standing_in

# Tracing runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = pytest.mark.compile

PIXELS = Port("image (raw)", "image", (1, 6, 6), bounds=(0.0, 1.0), mean=(0.3,), std=(0.4,))
SIGNATURE = Signature((PIXELS,), (Port("digit", "label", (3,), labels=("零", "one", "two")),))


@pytest.fixture(autouse=True)
def packages():
    with standing_in() as absent:
        yield absent


def model():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Dropout(), nn.Flatten(), nn.Linear(32, 3))
    return sign(net, SIGNATURE).train()


@pytest.mark.law("coreml")
def test_it_answers_as_the_model_and_carries_names_bounds_and_signature(tmp_path, monkeypatch):
    import coremltools

    signed = model()
    path = coreml(signed, tmp_path / "net.mlpackage", batch_size=4)
    assert signed.training
    assert [file.name for file in tmp_path.iterdir()] == ["net.mlpackage"]
    assert signature_in(path) == signed.signature
    told = coremltools.models.MLModel(str(path), skip_model_load=True).get_spec().description
    assert [one.name for one in told.input] == ["image__raw_"]
    assert list(told.input[0].type.multiArrayType.shape) == [1, 1, 6, 6]
    assert [one.name for one in told.output] == ["digit"]
    monkeypatch.setattr(sys, "platform", "darwin")
    run = running(path)
    for b in (1, 2, 4):
        x = torch.rand(b, 1, 6, 6)
        with torch.inference_mode():
            expected = signed.eval()(x)
        found = torch.from_numpy(run([x.numpy()]))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_what_cannot_be_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"does not end in \.mlpackage"):
        cg.export(model(), tmp_path / "net.onnx", to="coreml")
    with pytest.raises(UsageError, match="run by macOS alone: leave --check out here"):
        cg.export(model(), tmp_path / "n.mlpackage", to="coreml", check=torch.rand(2, 1, 6, 6))
    monkeypatch.setattr(outside, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="need coremltools, which is not installed: pip install c"):
        coreml(model(), tmp_path / "net.mlpackage")
    assert not list(tmp_path.iterdir())
