"""A program of torch's answers as the model, and says what it cannot be."""

import os

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.practice.deployment import torch_export as file
from cartograd.practice.deployment.torch_export import running, torch_export

# Tracing runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = pytest.mark.compile

PIXELS = Port("image", "image", (1, 6, 6), bounds=(0.0, 1.0), mean=(0.3,), std=(0.4,))
SIGNATURE = Signature((PIXELS,), (Port("digit", "label", (4,)),))

WAYS = [False, *([True] if os.environ.get("CARTOGRAD_ALL_EXPORTS") else [])]
"""A compiler takes half a minute; CARTOGRAD_ALL_EXPORTS=1 takes it."""


def model():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Dropout(), nn.Flatten(), nn.Linear(32, 4))
    return sign(net, SIGNATURE).train()


@pytest.mark.law("torch-export")
@pytest.mark.parametrize("compile", WAYS)
def test_a_program_that_is_read_again_answers_as_the_model(tmp_path, compile):
    signed = model()
    path = torch_export(signed, tmp_path / "net.pt2", compile=compile)
    assert signed.training
    run = running(path)
    with torch.inference_mode():
        for b in (1, 2, 7):
            x = torch.rand(b, 1, 6, 6)
            found = torch.from_numpy(run([x.numpy()]))
            torch.testing.assert_close(found, signed.eval()(x), rtol=1e-5, atol=1e-6)


def test_the_verb_compares_both_and_no_path_of_this_machine_is_within(tmp_path):
    path = tmp_path / "net.pt2"
    done = cg.export(model(), path, to="torch-export", check=torch.rand(3, 1, 6, 6))
    assert done.agree
    assert done.check.runtime == "the program"
    assert done.check.low <= done.check.ratio <= done.check.high
    for word in (b"site-packages", b".py", b"/cartograd/"):
        assert word not in path.read_bytes()


class Branching(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :4] if x.sum() > 0 else -x.flatten(1)[:, :4]


def test_what_cannot_be_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="Branching cannot be written down as a graph"):
        torch_export(sign(Branching(), SIGNATURE), tmp_path / "net.pt2")
    with pytest.raises(UsageError, match=r"does not end in \.pt2"):
        cg.export(model(), tmp_path / "net.onnx", to="torch-export")
    with pytest.raises(UsageError, match="a margin judges files that other verbs read"):
        cg.export(model(), tmp_path / "n.pt2", to="torch-export", data="digits",
                  margin="accuracy=1%")  # fmt: skip
    monkeypatch.setattr(file.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"compile=true needs a C\+\+ compiler, and there is no"):
        torch_export(model(), tmp_path / "net.pt2", compile=True)
    assert not list(tmp_path.iterdir())
    (tmp_path / "no.pt2").write_bytes(b"no program")
    with pytest.raises(UsageError, match="is no program of torch's"):
        running(tmp_path / "no.pt2")
