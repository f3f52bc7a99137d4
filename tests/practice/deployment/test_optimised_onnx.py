"""Passes over a graph: what each finds, what it leaves, and that the answers stay."""

import numpy as np
import onnx as package
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.engine.files.onnx_layers import layers
from cartograd.engine.files.onnx_session import session
from cartograd.practice.deployment.graph.passes import passed
from cartograd.practice.deployment.onnx import signature_in
from cartograd.practice.deployment.optimised_onnx import listed, optimised_onnx
from tests.commands import command

# Tracing runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = pytest.mark.compile

PIXELS = Port("image", "image", (3, 16, 16), bounds=(0.0, 1.0), mean=(0.3,), std=(0.4,))
KIND = Port("kind", "label", (4,))
PICTURES = Signature((PIXELS,), (KIND,))
TOKENS = Port("text", "text", ("t",), dtype="int64", bounds=(0, 19))
TEXTS = Signature((TOKENS,), (Port("next", "label", ("t", 20), task="next-token"),))
SMALL = "depth=2,dim=16,heads=2"


def normalised():
    """A net with batch normalisation whose statistics are no longer 0 and 1."""
    norm = nn.BatchNorm2d(4)
    norm(torch.rand(8, 4, 3, 3))
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(784, 4))


@pytest.mark.oracle("optimised-onnx")
@pytest.mark.place("deploy/graph-optimisation")
@pytest.mark.parametrize(
    ("name", "signature", "gone", "most"),
    [
        ("normalised", PICTURES, ("BatchNormalization",), 1.0),
        (f"gpt:{SMALL},context=16", TEXTS, ("Softmax", "Slice"), 0.7),
        ("bert:depth=1,dim=16,heads=2,context=16", TEXTS, ("Softmax",), 0.85),
    ],
)
def test_graphs_of_architectures_are_smaller_and_equal(tmp_path, name, signature, gone, most):
    torch.manual_seed(0)
    model = build(normalised() if name == "normalised" else name, signature=signature).eval()
    path = optimised_onnx(model, tmp_path / "small.onnx")
    package.checker.check_model(package.load(path), full_check=True)
    assert signature_in(path) == model.signature
    found = listed(path)
    assert found.after.total() <= most * found.before.total()
    assert not any(found.after[one] for one in gone)
    run = session(path)
    with torch.inference_mode():
        for b, t in ((1, 5), (3, 16)):
            texts = torch.randint(1, 20, (b, t))
            x = texts if signature is TEXTS else torch.rand(b, 3, 16, 16)
            np.testing.assert_allclose(run([x.numpy()]), model(x), rtol=1e-5, atol=1e-5)


def graph(nodes, kept=None, *, given=("x",), shape=("b", 4), opset=20, answers=("y",), rank=0):
    """A model of nodes: inputs of one shape, answers of any."""
    inputs = [helper.make_tensor_value_info(one, TensorProto.FLOAT, shape) for one in given]
    free = [None] * (rank or len(shape))
    outputs = [helper.make_tensor_value_info(one, TensorProto.FLOAT, free) for one in answers]
    constants = [numpy_helper.from_array(np.asarray(v), k) for k, v in (kept or {}).items()]
    made = helper.make_graph(nodes, "net", inputs, outputs, constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def both(proto, *shapes):
    """What became of a model, and its answers before and after."""
    draw = np.random.default_rng(0)
    given = {
        one.name: draw.normal(size=shape).astype(np.float32)
        for one, shape in zip(proto.graph.input, shapes, strict=True)
    }
    answers = []
    for _ in range(2):
        package.checker.check_model(proto)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        run = onnxruntime.InferenceSession(proto.SerializeToString(), options)
        answers.append(run.run(None, given))
        if len(answers) == 1:
            proto, found = passed(proto)
    for before, after in zip(*answers, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5)
    return found.after, proto


def n(kind, takes, gives, **more):
    return helper.make_node(kind, takes.split(), gives.split(), **more)


F = np.float32
DRAW = np.random.default_rng(1)
W = DRAW.normal(size=(4, 4)).astype(F)


@pytest.mark.law("optimised-onnx")
def test_constants_are_computed_and_what_changes_nothing_is_gone():
    nodes = [
        n("Add", "a b", "c"), n("Mul", "c one", "d"), n("Identity", "x", "x1"),
        n("Dropout", "x1", "x2"), n("Mul", "x2 one", "x3"), n("Sub", "x3 nought", "x4"),
        n("Exp", "x", "unused"), n("Add", "x4 d", "y"),
    ]  # fmt: skip
    kept = {"a": W[0], "b": W[1], "one": F(1), "nought": F(0)}
    found, proto = both(graph(nodes, kept), (3, 4))
    assert found == {"Add": 1}
    assert len(proto.graph.initializer) == 1
    wide = [n("Add", "x nought", "z"), n("Relu", "z", "y")]  # it adds a dimension
    deeper = graph(wide, {"nought": np.zeros((1, 1, 4), F)}, rank=3)
    assert both(deeper, (3, 4))[0]["Add"] == 1


@pytest.mark.law("optimised-onnx")
def test_weights_in_whole_numbers_stay_whole_numbers():
    nodes = [n("DequantizeLinear", "q s", "w"), n("MatMul", "x w", "y")]
    kept = {"q": np.arange(-8, 8, dtype=np.int8).reshape(4, 4), "s": F(0.5)}
    found, proto = both(graph(nodes, kept), (3, 4))
    assert found == {"DequantizeLinear": 1, "MatMul": 1}
    assert {one.data_type for one in proto.graph.initializer} == {
        TensorProto.INT8,
        TensorProto.FLOAT,
    }


@pytest.mark.law("optimised-onnx")
def test_batch_normalisation_goes_into_the_weights():
    norm = {k: DRAW.uniform(0.5, 2, 5).astype(F) for k in ("g", "h", "m", "v")}
    kept = {"w": DRAW.normal(size=(5, 4, 3)).astype(F), "c": DRAW.normal(size=5).astype(F), **norm}
    conv, after = n("Conv", "x w c", "z", pads=[1, 1]), n("BatchNormalization", "z g h m v", "y")
    found, proto = both(graph([conv, after], kept, shape=("b", 4, 8)), (2, 4, 8))
    assert found == {"Conv": 1}
    assert {one.name for one in proto.graph.initializer} == {"w", "c"}  # layers keep their names
    free = both(graph([n("Conv", "x w", "z"), after], kept, shape=("b", 4, 8)), (2, 4, 8))[0]
    assert free == {"Conv": 1}
    twice = [conv, after, n("Relu", "z", "other")]
    held = graph(twice, kept, shape=("b", 4, 8), answers=("y", "other"))
    assert both(held, (2, 4, 8))[0]["BatchNormalization"] == 1


@pytest.mark.law("optimised-onnx")
def test_equal_values_are_one_and_draws_are_not():
    nodes = [
        n("MatMul", "x a", "p"), n("MatMul", "x b", "q"), n("Relu", "p", "r"), n("Relu", "q", "s"),
        n("Add", "r s", "y"),
    ]  # fmt: skip
    assert both(graph(nodes, {"a": W, "b": W.copy()}), (3, 4))[0].total() == 3
    other = both(graph(nodes, {"a": W, "b": W.T.copy()}), (3, 4))[0]
    assert other.total() == 5
    draws = [n("RandomUniformLike", "x", name) for name in "pq"] + [n("Sub", "p q", "y")]
    assert passed(graph(draws))[1].after["RandomUniformLike"] == 2


def gelu(half=0.5, cubic=0.044715):
    by_erf = [
        n("Div", "x root", "a"), n("Erf", "a", "b"), n("Add", "b one", "c"),
        n("Mul", "x c", "d"), n("Mul", "d half", "y"),
    ]  # fmt: skip
    by_tanh = [
        n("Mul", "x half", "h"), n("Pow", "x three", "a"), n("Mul", "cubic a", "b"),
        n("Add", "x b", "c"), n("Mul", "c share", "d"), n("Tanh", "d", "e"), n("Add", "one e", "f"),
        n("Mul", "h f", "y"),
    ]  # fmt: skip
    kept = {"root": F(2**0.5), "one": F(1), "half": F(half), "three": F(3), "cubic": F(cubic),
            "share": F((2 / np.pi) ** 0.5)}  # fmt: skip
    return by_erf, by_tanh, kept


@pytest.mark.law("optimised-onnx")
def test_a_gelu_that_was_spelled_out_is_named():
    by_erf, by_tanh, kept = gelu()
    for nodes in (by_erf, by_tanh):
        assert both(graph(nodes, kept), (3, 4))[0] == {"Gelu": 1}
        assert both(graph(nodes, kept, opset=17), (3, 4))[0]["Gelu"] == 0
    _, by_tanh, kept = gelu(cubic=0.05)
    assert both(graph(by_tanh, kept), (3, 4))[0]["Gelu"] == 0
    by_erf, _, kept = gelu(half=0.7)
    assert both(graph(by_erf, kept), (3, 4))[0]["Gelu"] == 0


@pytest.mark.law("optimised-onnx")
def test_attention_that_was_spelled_out_is_named():
    scaled = [
        n("Mul", "q half", "q2"), n("Transpose", "k", "t", perm=[0, 1, 3, 2]),
        n("MatMul", "q2 t", "s"), n("Softmax", "s", "p", axis=-1), n("MatMul", "p v", "y"),
    ]  # fmt: skip
    shape = (2, 3, 5, 4)
    ports = {"given": ("q", "k", "v"), "shape": ("b", 3, "t", 4)}
    found, proto = both(graph(scaled, {"half": F(0.5)}, **ports), *[shape] * 3)
    assert found == {"Attention": 1}
    assert [one.version for one in proto.opset_import] == [23]
    bent = [scaled[0], n("Transpose", "k", "t", perm=[0, 1, 3, 2]), n("MatMul", "q2 t", "s"),
            n("Softmax", "s", "p", axis=2), n("MatMul", "p v", "y")]  # fmt: skip
    assert both(graph(bent, {"half": F(0.5)}, **ports), *[shape] * 3)[0]["Softmax"] == 1


@pytest.mark.law("optimised-onnx")
def test_what_a_loop_takes_from_outside_stays():
    inner = helper.make_graph(
        [n("Add", "total e", "next"), n("Identity", "go", "on")], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, []),
         helper.make_tensor_value_info("total", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("next", TensorProto.FLOAT, [None, 4])],
    )  # fmt: skip
    loop = helper.make_node("Loop", ["times", "yes", "x"], ["y"], body=inner)
    nodes = [n("Exp", "x", "e0"), n("Identity", "e0", "e"), loop]
    found, _ = both(graph(nodes, {"times": np.int64(3), "yes": np.bool_(True)}), (3, 4))
    assert found == {"Exp": 1, "Loop": 1}


def test_layers_keep_their_names_and_a_file_is_a_target(tmp_path, capsys, monkeypatch):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(784, 4))
    model = sign(net, PICTURES)
    path = cg.export(model, tmp_path / "net.onnx").path
    call = command(capsys, monkeypatch)
    words = "export", path, "--to", "optimised-onnx", "--out", tmp_path / "small.onnx"
    done = call(*words, "--check", "--json")
    assert done.code == 0, done.err
    assert done.json["agree"]
    assert done.json["graph"]["before"]["Conv"] == done.json["graph"]["after"]["Conv"] == 1
    assert [one["fused"] for one in done.json["beside"]] == [False, True]
    small = package.load(tmp_path / "small.onnx")
    assert {*layers(small)} == {*layers(package.load(path))} > {"0", "3"}
    done = call(*words)
    assert "nodes became" in done.out
    assert done.out.split()[:3] == ["operation", "before", "after"]
