"""A file for phones: what is handed to ExecuTorch, and what is asked of its runtime.

The suite does without the package, of 160 MB; `tests/stand_ins` has its calls, and the row
`phones` of the acceptance is the package itself on every architecture.
"""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.practice.deployment import outside
from cartograd.practice.deployment.executorch import executorch, running, signature_in
from tests.stand_ins import standing_in

# Tracing runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = pytest.mark.compile

PIXELS = Port("image", "image", (1, 6, 6), bounds=(0.0, 1.0), mean=(0.3,), std=(0.4,))
SIGNATURE = Signature((PIXELS,), (Port("digit", "label", (3,), labels=("零", "one", "two")),))
TEXT = Port("text", "text", ("t",), "int64", (0, 11))


@pytest.fixture(autouse=True)
def packages():
    with standing_in() as absent:
        yield absent


def model():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Dropout(), nn.Flatten(), nn.Linear(32, 3))
    return sign(net, SIGNATURE).train()


@pytest.mark.law("executorch")
@pytest.mark.parametrize("most", [1, 4])
def test_it_answers_as_the_model_for_batches_up_to_the_bound_and_above(tmp_path, most):
    signed = model()
    path = executorch(signed, tmp_path / "net.pte", batch_size=most)
    assert signed.training
    assert [file.name for file in tmp_path.iterdir()] == ["net.pte"]
    assert signature_in(path) == signed.signature
    run = running(path)
    for b in (1, 2, 4, 9):
        x = torch.rand(b, 1, 6, 6)
        with torch.inference_mode():
            expected = signed.eval()(x)
        found = torch.from_numpy(run([x.numpy()]))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.law("executorch")
def test_texts_of_any_length_up_to_the_context(tmp_path):
    told = Signature((TEXT,), (Port("next", "label", ("t", 12), task="next-token"),))
    signed = build("llama:dim=8,depth=1,heads=2,ffn_dim=8,context=32", signature=told).eval()
    run = running(executorch(signed, tmp_path / "net.pte"))
    for b, t in ((1, 1), (3, 32), (9, 7)):
        x = torch.randint(0, 12, (b, t))
        with torch.inference_mode():
            found = torch.from_numpy(run([x.numpy()]))
            torch.testing.assert_close(found, signed(x), rtol=1e-5, atol=1e-6)
    with pytest.raises(UsageError, match=r"on inputs of \[1, 33\]; it was made for batches of up"):
        run([torch.zeros(1, 33, dtype=torch.int64).numpy()])


def test_the_verb_checks_both_and_names_the_runtime(tmp_path):
    done = cg.export(model(), tmp_path / "n.pte", to="executorch", check=torch.rand(9, 1, 6, 6))
    assert done.agree
    assert done.check.runtime == "ExecuTorch"
    assert done.size == (tmp_path / "n.pte").stat().st_size


class Branching(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :3] if x.sum() > 0 else -x.flatten(1)[:, :3]


def test_what_cannot_be_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="Branching cannot be written down as a graph"):
        executorch(sign(Branching(), SIGNATURE), tmp_path / "net.pte")
    recurrent = Signature((TEXT,), (Port("kind", "label", (3,)),))
    with pytest.raises(UsageError, match="GRU cannot be written down as a graph: it takes one siz"):
        executorch(build("gru", signature=recurrent), tmp_path / "net.pte", context=4)
    with pytest.raises(UsageError, match=r"does not end in \.pte, by which its"):
        cg.export(model(), tmp_path / "net.onnx", to="executorch")
    with pytest.raises(UsageError, match="a margin judges files that other verbs read"):
        cg.export(model(), tmp_path / "n.pte", to="executorch", data="digits",
                  margin="accuracy=1%")  # fmt: skip
    with pytest.raises(UsageError, match="batch_size=0 is out of range"):
        cg.export(model(), tmp_path / "n.pte", to="executorch:batch_size=0")
    monkeypatch.setattr(outside, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="need executorch, which is not installed: pip install ex"):
        executorch(model(), tmp_path / "net.pte")
    with pytest.raises(UsageError, match="pip install executorch; or export --to torch-export"):
        running(tmp_path / "net.pte")
    assert not list(tmp_path.iterdir())


def test_a_broken_file_is_refused(tmp_path):
    (tmp_path / "no.pte").write_bytes(b"no program")
    for read in (running, signature_in):
        with pytest.raises(UsageError, match=r"no\.pte is no program"):
            read(tmp_path / "no.pte")
