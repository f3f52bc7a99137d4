"""An ONNX file is a target: it answers as the module, says what it needs, and what it cannot do."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from starlette.testclient import TestClient
from torch import nn

import cartograd as cg
from cartograd.apps.load.target import as_bundle
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load as served
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.data.text.tokenizer import Tokenizer
from tests.commands import command

# Tracing runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = [pytest.mark.compile, pytest.mark.program]

PIXELS = Port("image", "image", (1, 8, 8), bounds=(0.0, 16.0), mean=(5.0,), std=(6.0,))
PICTURE = Path(__file__).parents[3] / "docs" / "pictures" / "digit.png"
DIGIT = Port("digit", "label", (10,), labels=tuple("0123456789"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A model and its file."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model = sign(net, Signature((PIXELS,), (DIGIT,)))
    path = tmp_path_factory.mktemp("ours") / "digits.onnx"
    return model, cg.export(model, path).path


@pytest.fixture
def call(capsys, monkeypatch):
    return command(capsys, monkeypatch)


@pytest.fixture
def x():
    return torch.rand(5, 1, 8, 8) * 16


def test_it_answers_every_verb_as_the_module_does(ours, x, call):
    model, path = ours
    said = [one["label"] for one in cg.predict(model, x)]
    assert [one["label"] for one in cg.predict(path, x)] == said
    asked = json.dumps({"inputs": x.tolist()})
    done = call("predict", path, "-", "--json", stdin=asked)
    assert [json.loads(line)["label"] for line in done.out.splitlines()] == said
    with TestClient(application(served(path))) as client:
        answer = client.post("/predict", json={"inputs": x.tolist()}).json()
    assert [one["label"] for one in answer["predictions"]] == said
    assert answer["model"]["name"] == "digits.onnx"
    data = cg.dataset("digits")
    here, there = (cg.evaluate(one, data) for one in (model, path))
    assert here.metrics == pytest.approx(there.metrics, abs=1e-5)
    assert there.parameters == here.parameters == 650
    assert there.size == path.stat().st_size


def test_a_text_file_has_its_tokenizer_within(tmp_path):
    torch.manual_seed(0)
    text = Port("text", "text", ("t",), dtype="int64", bounds=(0, 258), padding_id=256)
    tone = Port("tone", "label", (2,), labels=("low", "high"))
    tokenizer = Tokenizer.bytes(special=True)

    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows = nn.Embedding(259, 2)

        def forward(self, x):
            return self.rows(x).mean(1)

    model = sign(Bag(), Signature((text,), (tone,)), tokenizer=tokenizer)
    path = cg.export(model, tmp_path / "bag.onnx").path
    texts = ["a", "tall tree", "low"]
    here, there = cg.predict(model, texts), cg.predict(path, texts)
    for one, other in zip(here, there, strict=True):
        assert one["label"] == other["label"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)


WEIGHT = torch.linspace(-1, 1, 24).reshape(2, 12)


def anyones(path, *, rows="b", shape=(2, 2, 3), several=False, softmax=True):
    """A graph of somebody else's: rows of height, width, colours (BGR, from -1 to 1)."""
    given = [helper.make_tensor_value_info("data", TensorProto.FLOAT, [rows, *shape])]
    if several:
        given.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [rows, 1]))
    nodes = [
        helper.make_node("Flatten", ["data"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["scores"], transB=1),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["scores"], ["shares"]))
    answer = helper.make_tensor_value_info("shares" if softmax else "scores", 1, [rows, 2])
    weight = [numpy_helper.from_array(WEIGHT.numpy(), "w")]
    graph = helper.make_graph(nodes, "net", given, [answer], weight)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(proto, str(path))
    return path


LINES = """[input]
channels = 3
order = "BGR"
scale = 1
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
layout = "hwc"
[output]
labels = ["dark", "light"]
"""


@pytest.mark.parametrize("rows", ["b", 1])
@pytest.mark.parametrize("softmax", [True, False])
def test_a_file_of_anyone_answers_as_it_was_told(tmp_path, rows, softmax):
    path = anyones(tmp_path / "net.onnx", rows=rows, softmax=softmax)
    path.with_suffix(".toml").write_text(LINES.replace("scale = 1\n", "scale = 255\n"))
    x = torch.rand(4, 3, 2, 2)
    wanted = ((x.flip(1) - 0.5) / 0.5).permute(0, 2, 3, 1).flatten(1) @ WEIGHT.T
    found = cg.predict(path, x)
    for one, row in zip(found, wanted.softmax(1), strict=True):
        assert one["label"] == ("dark", "light")[int(row.argmax())]
        assert one["probability"] == pytest.approx(float(row.max()), abs=1e-5)


def test_pixels_are_scaled_as_told(tmp_path):
    path = anyones(tmp_path / "net.onnx", softmax=False)
    path.with_suffix(".toml").write_text('[input]\nscale = 1\nlayout = "hwc"\n'
                                         '[output]\ngives = "values"\n')  # fmt: skip
    x = torch.rand(1, 3, 2, 2)
    wanted = (255 * x).permute(0, 2, 3, 1).flatten(1) @ WEIGHT.T
    np.testing.assert_allclose(cg.predict(path, x)[0]["values"], wanted[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("lines", "made", "said"),
    [
        (None, {}, "nothing says how .* wants its examples; write net.toml"),
        (LINES.replace("[output]", 'resize = "nearest"\n[output]'), {}, 'by resize = "bilinear"'),
        (
            LINES.replace("channels = 3", "channels = 1"),
            {},
            "mean has 3 numbers, and pictures 1 ch",
        ),
        (LINES.replace('"dark", ', '"dark", "grey", '), {}, "do not fit"),
        (LINES, {"several": True}, r"takes 2 inputs \(data, mask\); expected one"),
        (LINES + 'name = "none"', {}, "has no output 'none'; expected shares"),
        ('[input]\nkind = "table"\n[output]\nlabels = ["a", "b"]', {}, r"needs columns = \["),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, lines, made, said):
    path = anyones(tmp_path / "net.onnx", **made)
    if lines is not None:
        path.with_suffix(".toml").write_text(lines)
    with pytest.raises(UsageError, match=said):
        as_bundle(path)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("explain", "{}", "{x}"), "a gradient"),
        (("attack", "{}", "--data", "digits", "--method", "fgsm:eps=0.1"), "a gradient"),
        (("compress", "{}", "--out", "small"), "its weights"),
        (("diagnose", "{}", "--data", "digits"), "a training step"),
        (("train", "{}", "--data", "digits"), "weights to train"),
        (("verify", "{}", "--data", "digits", "--eps", "0.1"), "its operations"),
        (("defend", "{}", "--data", "digits"), "its layers"),
        (("predict", "{}", "{x}", "--secure", "additive-shares"), "its weights"),
    ],
)
def test_what_needs_code_or_weights_says_so(ours, call, tmp_path, words, wanted):
    path = ours[1]
    places = {"{}": path, "{x}": PICTURE}
    done = call(*(places.get(word, word) for word in words))
    assert done.code == 2
    assert "digits.onnx is an ONNX file, which has no code of the model" in done.err
    assert f"this asks for {wanted}" in done.err
    assert "give the run or the bundle that it was written from" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_path_without_a_file_and_a_copy(ours, call, tmp_path):
    done = call("predict", tmp_path / "no.onnx", "x.png")
    assert (done.code, "no.onnx does not exist; expected an ONNX file" in done.err) == (2, True)
    with pytest.raises(UsageError, match="this asks for its weights"):
        cg.save(ours[1], tmp_path / "bundle")
    copy = cg.export(ours[1], tmp_path / "copy.onnx").path
    assert copy.read_bytes() == ours[1].read_bytes()
    done = call("evaluate", ours[1])
    assert (done.code, "does not say what it was trained on; give --data" in done.err) == (2, True)
