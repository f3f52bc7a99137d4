"""Forms that are no runs of ours: addresses, ONNX files of anyone, functions."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cartograd as cg
from cartograd.apps.replace.opened import form_of
from cartograd.apps.server.run import running
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from tests.commands import command

LABELS = ("dark", "light")
ENDPOINT = import_module("cartograd.apps.replace.forms.endpoint")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(24):
        file = root / LABELS[i % 2] / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        low = 110 * (i % 2)
        Image.fromarray(rng.integers(low, low + 140, (10, 10), dtype=np.uint8)).save(file)
    return root


@pytest.fixture
def model():
    """Light where the mean is above a half."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    net[1].weight.data = torch.tensor([[-4.0], [4.0]]).expand(2, 64) / 64
    net[1].bias.data = torch.tensor([2.0, -2.0])
    port = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))
    return cg.sign(net, Signature((port,), (Port("kind", "label", (2,), labels=LABELS),)))


@contextmanager
def serving(reply):
    """A server of somebody's own: `reply` gives status and JSON for the bytes of a request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._say(404, {})

        def do_POST(self):
            self._say(*reply(self.rfile.read(int(self.headers["Content-Length"]))))

        def _say(self, status, said):
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ask"
    finally:
        server.shutdown()
        server.server_close()


def by_mean(body):
    """What a foreign server might do with the bytes of a picture."""
    import io

    light = float(np.asarray(Image.open(io.BytesIO(body))).mean() > 127)
    return 200, {"probabilities": {"light": light, "dark": 1 - light}}


def test_our_own_server_is_asked_by_its_signature(model, pictures):
    with running(model) as url:
        found = cg.replace(model, f"{url}/predict", pictures, margin="accuracy=30%")
    assert (found.word, found.changes, found.parting) == ("may", (), None)
    assert found.b.kind == "endpoint"
    assert found.costs[1].memory is None
    assert (found.answers[0] - found.answers[1]).abs().max() < 1e-6


def test_any_server_gets_the_bytes_and_gives_probabilities(model, pictures):
    with serving(by_mean) as url:
        found = cg.replace(model, url, pictures, margin="accuracy=30%")
    assert found.b.labels == ("light", "dark")
    assert found.word == "may"
    assert found.parting.stage == "answer", "it tells no stages"
    assert found.parting.cause == f"{url} shows no stages before it"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (lambda _: (500, {"error": "out of memory"}), r"answered 500 \(out of memory\)"),
        (lambda _: (200, b"<html>"), "answered null; expected"),
        (lambda _: (200, {"probabilities": {"up": 0.1, "down": 0.9}}), "other classes apart"),
        (lambda _: (200, {"score": 1}), "expected probabilities by the names"),
    ],
)
def test_a_server_that_answers_otherwise_is_refused_in_a_line(model, pictures, reply, said):
    with serving(reply) as url, pytest.raises(UsageError, match=said):
        cg.replace(model, url, pictures)


def test_a_server_that_hangs_is_refused(model, pictures, monkeypatch):
    monkeypatch.setattr(ENDPOINT, "PATIENCE", 0.2)
    stop = threading.Event()
    with serving(lambda _: (stop.wait(5), (200, {}))[1]) as url:
        with pytest.raises(UsageError, match=r"did not answer within 0.2 s"):
            cg.replace(model, url, pictures)
        stop.set()


def test_a_server_that_is_not_there_is_refused(model, pictures):
    with pytest.raises(UsageError, match="cannot be asked"):
        cg.replace(model, "http://127.0.0.1:9/predict", pictures)


def test_a_function_gets_the_raw_files(model, pictures):
    seen = []

    def light(files):
        seen.extend(files)
        return [
            {"light": share, "dark": 1 - share}
            for share in (float(np.asarray(Image.open(file)).mean() > 127) for file in files)
        ]

    found = cg.replace(model, light, pictures, margin="accuracy=30%")
    assert found.b.name == "light"
    assert found.word == "may"
    assert all(file.suffix == ".png" for file in seen)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda files: [[0.5, 0.5]], "shape .* expected a row for each"),
        (lambda files: ["cat"] * len(files), "returned no numbers"),
        (lambda files: 1 / 0, "function failed: ZeroDivisionError"),
    ],
)
def test_a_function_that_fails_is_named(model, pictures, function, said):
    with pytest.raises(UsageError, match=said):
        cg.replace(model, function, pictures)


def test_functions_may_know_more_classes_than_the_data_have(pictures):
    def always(label):
        return lambda files: [
            {name: float(name == label) for name in ("odd", "light", "dark")} for _ in files
        ]

    found = cg.replace(always("light"), always("odd"), pictures, margin="accuracy=5%")
    assert found.word == "may not"
    assert found.questions.labels == ("odd", "light", "dark")
    assert found.metrics[0].values == (0.5, 0.0)
    assert {(one.truth, one.b) for one in found.changes} == {("light", "odd"), ("dark", "odd")}


def test_functions_that_give_fewer_numbers_than_there_are_classes_are_refused(tmp_path):
    for i in range(30):
        file = tmp_path / "abc"[i % 3] / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), 5 * i).save(file)
    function = lambda files: [[0.5, 0.5]] * len(files)  # noqa: E731
    with pytest.raises(UsageError, match="gives 2 numbers, and the data have 3 classes"):
        cg.replace(function, function, tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"Dark": 0.5, "Light": 0.5}, "the data have the class 'dark', and <lambda> knows 'Dark'"),
        (0.5, "gives a value, and the data have classes"),
    ],
)
def test_functions_of_other_answers_than_the_data_have_are_refused(pictures, answer, said):
    function = lambda files: [answer] * len(files)  # noqa: E731
    with pytest.raises(UsageError, match=said):
        cg.replace(function, function, pictures)


@pytest.mark.untyped
def test_what_is_no_form_is_named(pictures):
    for thing in (3, [("a", 1)], []):
        with pytest.raises(UsageError, match="is no form of a model; expected a run, a bundle"):
            form_of(thing)


def written(model, path, **metadata):
    """The linear model as a graph."""
    from onnx import TensorProto, helper, numpy_helper, save

    flatten = helper.make_node("Flatten", ["image"], ["flat"])
    layer = helper.make_node("Gemm", ["flat", "1.weight", "1.bias"], ["kind"], transB=1)
    kept = [
        numpy_helper.from_array(getattr(model.model[1], name).detach().numpy(), f"1.{name}")
        for name in ("weight", "bias")
    ]
    given, answer = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("image", ["b", 1, 8, 8]), ("kind", ["b", 2]))
    )
    made = helper.make_graph([flatten, layer], "net", [given], [answer], kept)
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(proto, metadata)
    save(proto, str(path))


def test_a_file_of_anyone_needs_to_be_told(model, pictures, tmp_path, capsys, monkeypatch):
    path = tmp_path / "net.onnx"
    written(model, path, signature=json.dumps(model.signature.to_json()))
    ours = cg.replace(model, path, pictures, margin="accuracy=30%")
    assert (ours.word, ours.parting) == ("may", None)
    assert (ours.b.kind, ours.b.size) == ("ONNX file", path.stat().st_size)
    written(model, path)
    with pytest.raises(UsageError, match=r"nothing says how .* wants its examples; write net.toml"):
        form_of(path)
    beside = path.with_suffix(".toml")
    for text, said in (
        ("[input]\nchanels = 1", "did you mean 'channels'"),
        ('[input]\nresize = "bicubc"', "did you mean 'bicubic'"),
        ("[input]\nchannels = true", "expected a whole number"),
        ("[input", "is not TOML"),
        ("[input]\nchannels = 1", r"\[output\] needs labels"),
    ):
        beside.write_text(text)
        with pytest.raises(UsageError, match=said):
            form_of(path)
    beside.write_text('[input]\nchannels = 1\n[output]\nlabels = ["dark", "light"]')
    assert cg.replace(model, path, pictures, margin="accuracy=30%").changes == ()
    monkeypatch.chdir(tmp_path)
    run = command(capsys, monkeypatch)
    done = run("replace", "net.onnx", "net.onnx", "--data", pictures, "--margin", "accuracy=30%")
    assert done.code == 0
    assert "net.onnx may replace net.onnx" in done.out
    assert run("replace", "net.onnx", "no.onnx", "--data", pictures).code == 2


def test_what_is_told_may_stand_within_the_file(model, pictures, tmp_path):
    path, lines = (
        tmp_path / "net.onnx",
        '[input]\nchannels = 1\n[output]\nlabels = ["dark", "light"]',
    )
    written(model, path, preprocessing=lines)
    assert cg.replace(model, path, pictures, margin="accuracy=30%").changes == ()
    written(model, path, preprocessing=lines + '\nname = "scores"')
    with pytest.raises(UsageError, match="has no output 'scores'; expected kind"):
        cg.replace(model, path, pictures)


def test_no_answer_is_waited_for_twice(model, pictures):
    """Each form is asked in turns, and its time is its own."""
    slow = [("slow", lambda files: (time.sleep(0.002), [[0.5, 0.5]] * len(files))[1])]
    found = cg.replace(model, slow, pictures, margin="accuracy=30%", max="latency=1ms")
    assert found.costs[1].latency >= 0.002
    assert [one.kept for one in found.limits] == [False]
