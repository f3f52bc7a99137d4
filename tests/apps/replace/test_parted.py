"""Planted causes: the stage at which two forms part is named in each, and what it looks like."""

import copy
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cartograd as cg
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.data.text.tokenizer import Tokenizer

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
LABELS = ("dark", "light", "odd")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Colourful noise of one shape, in folders of three classes."""
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(24):
        file = root / LABELS[i % 3] / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        tint = rng.uniform(0.2, 1.0, 3)
        Image.fromarray((rng.uniform(0, 255, (20, 28, 3)) * tint).astype(np.uint8)).save(file)
    return root


def network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3)
        )
        net[1].running_mean.uniform_(-0.1, 0.1)
        net[4].weight.data.mul_(8)
    return net.eval()


def signed(net, **more):
    """The network for pictures of 12 x 12."""
    usual = {"bounds": (0.0, 1.0), "mean": MEAN, "std": STD}
    port = Port("image", "image", (3, 12, 12), **(usual | more))
    output = Port("kind", "label", (3,), labels=LABELS)
    return cg.sign(net, Signature((port,), (output,)))


def parted(a, b, data):
    """Where they part, after it was found that they do."""
    found = cg.replace(a, b, data, margin="accuracy=50%")
    assert found.parting is not None
    assert found.parting.said
    return found.parting


def graph(net, path, *, standardises=False):
    """The network as an ONNX file, as exporters write it: its normalisation folded into the layer
    before, and the standardisation within, if it is to be there."""
    from onnx import TensorProto, helper, numpy_helper, save

    scale = net[1].weight / (net[1].running_var + net[1].eps).sqrt()
    weights = {
        "0.weight": net[0].weight * scale[:, None, None, None],
        "0.bias": (net[0].bias - net[1].running_mean) * scale + net[1].bias,
        "4.weight": net[4].weight, "4.bias": net[4].bias,
        "mean0": torch.tensor(MEAN)[:, None, None], "std0": torch.tensor(STD)[:, None, None],
    }  # fmt: skip
    before = [
        helper.make_node("Sub", ["x", "mean0"], ["sub"]),
        helper.make_node("Div", ["sub", "std0"], ["div"]),
    ]
    nodes = [
        *(before if standardises else []),
        helper.make_node("Conv", ["div" if standardises else "x", "0.weight", "0.bias"], ["conv"]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("Flatten", ["relu"], ["flat"]),
        helper.make_node("Gemm", ["flat", "4.weight", "4.bias"], ["y"], transB=1),
        helper.make_node("Identity", ["y"], ["z"]),
    ]
    kept = [numpy_helper.from_array(w.detach().numpy(), name) for name, w in weights.items()]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["b", 3, 12, 12]), ("z", ["b", 3]))
    ]
    made = helper.make_graph(nodes, "net", ports[:1], ports[1:], kept)
    save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def lines(**words):
    usual = {"size": "[12, 12]", "mean": str(list(MEAN)), "std": str(list(STD))}
    said = "\n".join(f"{key} = {value}" for key, value in (usual | words).items())
    return f'[input]\n{said}\n[output]\nlabels = {list(LABELS)}\ngives = "logits"\n'


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The network without its standardisation as ONNX."""
    return graph(network(), tmp_path_factory.mktemp("onnx") / "bare.onnx")


def beside(bare, folder, text):
    """A copy of the file, with other lines."""
    path = folder / "b.onnx"
    path.write_bytes(bare.read_bytes())
    path.with_suffix(".toml").write_text(text)
    return path


def test_a_file_that_is_told_rightly_answers_alike(pictures, bare, tmp_path):
    found = cg.replace(signed(network()), beside(bare, tmp_path, lines()), pictures)
    assert (found.parting, found.changes) == (None, ())


@pytest.mark.parametrize(
    ("words", "stage", "cause"),
    [
        ({"resize": '"nearest"'}, "resize", "B's is nearest, crop"),
        ({"fit": '"stretch"'}, "resize", "B's is bilinear, stretch"),
        ({"order": '"BGR"'}, "decode", "red and blue are swapped"),
        ({"std": "[1.0, 1.0, 1.0]"}, "normalise", "division by the standard deviation is missing"),
        ({"mean": "[1.0, 0.8, 0.6]"}, "normalise", "the mean is subtracted twice"),
        ({"mean": "[0.0, 0.0, 0.0]"}, "normalise", "the mean is not subtracted"),
        ({"scale": "1"}, "normalise", "pixels from 0 to 255"),
    ],
)
def test_a_preparation_that_is_told_wrongly_is_named(pictures, bare, tmp_path, words, stage, cause):
    found = parted(signed(network()), beside(bare, tmp_path, lines(**words)), pictures)
    assert found.stage == stage
    assert cause in found.cause


def test_standardising_before_a_graph_that_does_so_itself_is_named(pictures, tmp_path):
    whole = graph(network(), tmp_path / "whole.onnx", standardises=True)
    whole.with_suffix(".toml").write_text(lines())
    found = parted(signed(network()), whole, pictures)
    assert (found.stage, found.cause) == ("normalise", "it is standardised twice")
    whole.with_suffix(".toml").write_text(lines(mean="[]", std="[]"))
    assert cg.replace(signed(network()), whole, pictures).parting is None


def test_a_layer_of_a_graph_is_found_behind_a_folded_one(pictures, bare, tmp_path):
    net = network()
    net[4].weight.data[1] *= 1.5
    found = parted(signed(net), beside(bare, tmp_path, lines()), pictures)
    assert found.stage == "layer 4, Linear"
    assert found.after == "layer 1", "the normalisation, beside the layer that it is folded into"


@pytest.mark.parametrize("other_way", [False, True])
def test_a_standardisation_that_only_one_does_is_named(pictures, other_way):
    pair = [signed(network()), signed(network(), mean=(), std=())]
    found = parted(*(pair[::-1] if other_way else pair), pictures)
    assert (found.stage, found.after) == ("normalise", "resize")
    told = "B standardises its inputs, and A does not"
    assert found.cause == (told if other_way else "it is not standardised at all")


def test_another_fit_of_a_bundle_is_named(pictures):
    found = parted(signed(network()), signed(network(), fit="pad"), pictures)
    assert found.stage == "resize"
    assert "A's is bilinear, crop, B's is bilinear, pad" in found.cause


def test_resizing_without_antialiasing_is_named(pictures):
    net, mean, std = network(), torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]

    def decode(files):
        return [np.asarray(Image.open(file).convert("RGB")) for file in files]

    def resize(arrays):
        x = torch.stack([torch.tensor(a).permute(2, 0, 1).float() / 255 for a in arrays])
        return nn.functional.interpolate(x, (12, 12), mode="bilinear", align_corners=False)

    def answer(logits):
        return [dict(zip(LABELS, row, strict=True)) for row in logits.softmax(1).tolist()]

    steps = [("decode", decode), ("resize", resize), ("normalise", lambda x: (x - mean) / std),
             ("model", net), ("answer", answer)]  # fmt: skip
    found = parted(signed(network()), steps, pictures)
    assert (found.stage, found.after) == ("resize", "decode")
    assert "bilinear without antialiasing, stretch" in found.cause


def test_a_label_order_that_is_permuted_is_named(pictures):
    a = signed(network())
    turned = replace(a.signature.output, labels=("odd", "dark", "light"))
    b = cg.sign(network(), Signature(a.signature.inputs, (turned,)))
    found = parted(a, b, pictures)
    assert (found.stage, found.after) == ("post-processing", "head")
    assert found.cause == "label order permuted: 3 of 3 names stand elsewhere in B"


def test_a_softmax_that_is_missing_is_named(pictures):
    a = signed(network())
    steps = [("resize", lambda files: torch.stack([_small(file) for file in files])),
             ("model", a)]  # fmt: skip
    found = parted(a, steps, pictures)
    assert found.stage == "post-processing"
    assert "softmax" in found.cause


def _small(file):
    from cartograd.data.decode.images import pixels

    return pixels(file, channels=3, height=12, width=12).float() / 255


def test_an_average_of_weights_that_was_dropped_is_named(pictures):
    later, rng = network(), torch.Generator().manual_seed(1)
    for weight in later.parameters():
        weight.data += (
            0.05 * weight.std().nan_to_num(0.1) * torch.randn(weight.shape, generator=rng)
        )
    found = parted(signed(network()), signed(later), pictures)
    assert (found.stage, found.after) == ("layer 0, Conv2d", "normalise")
    assert "EMA" in found.cause
    other = parted(signed(network()), signed(network(7)), pictures)
    assert "learned apart" in other.cause


def test_a_run_that_kept_an_average_says_so(tmp_path):
    """The run's own configuration tells of the average; the other run has none."""
    data = cg.dataset("moons")
    model = cg.build("mlp:widths=[8]", signature=data.signature)
    for name, words in (("a", 'average = "ema:decay=0.9"'), ("b", "epochs = 3")):
        cg.save(model, tmp_path / name / "bundle", examples=data.test.inputs)
        (tmp_path / name / "events.jsonl").write_text("")
        (tmp_path / name / "config.toml").write_text(words)
        for weight in model.parameters():
            weight.data = weight.data * 1.05 + 0.05
    found = parted(tmp_path / "a", tmp_path / "b", data)
    assert found.stage.startswith("layer hidden.0, Linear")
    assert "A kept an average of its weights (ema:decay=0.9), which B dropped" in found.cause


def test_an_overflow_of_float16_is_named():
    x = torch.linspace(1, 3, 120)[:, None].repeat(1, 2)
    signature = Signature(
        (Port("x", "vector", (2,)),), (Port("side", "label", (2,), labels=("low", "high")),)
    )
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    net[0].weight.data = torch.tensor([[3e4, 1e4], [0.0, 1.0]])
    net[2].weight.data = torch.tensor([[-1e-4, 0.0], [1e-4, 0.0]])
    for layer in (net[0], net[2]):
        layer.bias.data.zero_()
    net[2].bias.data = torch.tensor([8.0, -8.0])
    data = Split(x, (x[:, 0] > 2).long(), signature)
    a = cg.sign(net, signature)
    b = cg.sign(copy.deepcopy(net).half(), signature)
    found = parted(a, b, data)
    assert found.stage == "layer 0, Linear"
    assert "float16 overflow: A's numbers reach" in found.cause


def test_layers_of_other_names_are_matched_by_their_order(pictures):
    names = ("first", "norm", "act", "flat", "last")
    other = nn.Sequential(OrderedDict(zip(names, network(), strict=True)))
    other.last.weight.data.mul_(-1)
    found = parted(signed(network()), signed(other.eval()), pictures)
    assert (found.stage, found.after) == ("layer 4, Linear (last of B)", "layer 3")


class Branches(nn.Module):
    """Two ways side by side, of which the second never sees the input."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.own, self.place, self.head = nn.Linear(2, 4), nn.Embedding(1, 4), nn.Linear(4, 2)

    def forward(self, x):
        own = self.own(x)
        return self.head(own + self.place(torch.zeros(len(x), dtype=torch.int64)))


def test_a_branch_that_agrees_hides_nothing():
    signature = Signature(
        (Port("x", "vector", (2,)),), (Port("side", "label", (2,), labels=("low", "high")),)
    )
    a, b = (cg.sign(Branches(), signature) for _ in range(2))
    b.model.own.weight.data *= 3
    x = torch.linspace(-1, 1, 120)[:, None].repeat(1, 2)
    found = parted(a, b, Split(x, (x[:, 0] > 0).long(), signature))
    agree = {step.name: step.agrees for step in found.steps}
    assert (agree["layer own"], agree["layer place"], agree["layer head"]) == (False, True, False)
    assert found.stage == "layer own, Linear"


class Bag(nn.Module):
    """The mean of what tokens mean, the first ones more than the last."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.embed, self.head = nn.Embedding(260, 8), nn.Linear(8, 2)
            self.embed.weight.data.mul_(4)

    def forward(self, tokens):
        x = self.embed(tokens) * (1 + torch.arange(tokens.shape[1])).reciprocal()[None, :, None]
        return self.head(x.sum(1))


@pytest.fixture
def texts(tmp_path):
    """A table of texts, and a model that reads their bytes."""
    path = tmp_path / "texts.csv"
    rows = [
        f"the film number {i} is {('good', 'bad')[i % 2]}{' indeed' * (i % 5)}" for i in range(40)
    ]
    path.write_text("\n".join(["text,label", *(f"{t},{'+-'[i % 2]}" for i, t in enumerate(rows))]))
    tokenizer = Tokenizer.bytes(special=True)
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0, 258),
                padding_id=tokenizer.padding)  # fmt: skip
    output = Port("label", "label", (2,), labels=("+", "-"))
    return f"csv:{path},target=label,text=text", port, output, tokenizer


def _as_steps(tokenise, pad):
    """A pipeline of somebody's own around the same network."""

    def answer(logits):
        return [dict(zip("+-", row, strict=True)) for row in logits.softmax(1).tolist()]

    return [("tokenise", tokenise), ("pad", pad), ("model", Bag()), ("answer", answer)]


def _filled(rows, *, left):
    wide = max(map(len, rows))
    fill = [[256] * (wide - len(row)) for row in rows]
    pairs = zip(fill, rows, strict=True)
    return torch.tensor([f + row if left else row + f for f, row in pairs])


def test_padding_on_the_other_side_is_named(texts):
    data, port, output, tokenizer = texts
    a = cg.sign(Bag(), Signature((port,), (output,)), tokenizer=tokenizer)
    right, left = (
        _as_steps(tokenizer.encoded, lambda rows, side=side: _filled(rows, left=side))
        for side in (False, True)
    )
    found = parted(a, left, data)
    assert (found.stage, found.after) == ("pad", "tokenise")
    assert found.cause == "padding is on the other side: A fills up on the right, B on the left"
    alike = cg.replace(a, right, data, margin="accuracy=50%").parting
    assert alike is None or alike.role not in ("tokenise", "pad")


def test_another_tokenizer_is_named(texts):
    data, port, output, tokenizer = texts
    a = cg.sign(Bag(), Signature((port,), (output,)), tokenizer=tokenizer)

    def shouted(rows):
        return tokenizer.encoded([row.upper() for row in rows])

    found = parted(a, _as_steps(shouted, lambda rows: _filled(rows, left=False)), data)
    assert (found.stage, found.after) == ("tokenise", "")
    assert "another tokenizer" in found.cause

    def begun(rows):
        return [[257, *row, 258] for row in tokenizer.encoded(rows)]

    found = parted(a, _as_steps(begun, lambda rows: _filled(rows, left=False)), data)
    assert found.stage == "tokenise"
    assert "1 before, 1 after" in found.cause
