"""Runs of modules without a name are targets of every command, by their ONNX file."""

import json
import shutil

import onnx
import pytest
import torch
from starlette.testclient import TestClient
from torch import nn

import cartograd as cg
from cartograd.apps.load.target import as_signed
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load as served
from cartograd.core.files import write_manifest
from cartograd.engine.files.program import Program
from tests.commands import command

# Tracing runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = [pytest.mark.compile, pytest.mark.program]


def net():
    torch.manual_seed(0)
    layers = nn.Linear(64, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 10)
    return nn.Sequential(nn.Flatten(), *layers)


class Looks(nn.Module):
    """Its code depends on the numbers that pass through it."""

    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, x):
        return self.net(x) if x.mean() > -9 else self.net(x).relu()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return cg.train(net(), "digits", epochs=1, folder=tmp_path_factory.mktemp("program") / "run")


@pytest.fixture
def x():
    return torch.rand(5, 1, 8, 8)


@pytest.fixture
def call(capsys, monkeypatch):
    return command(capsys, monkeypatch)


def copied(run, to):
    return shutil.copytree(run.folder / "bundle", to / "copy")


def test_it_answers_as_the_module(run, x):
    model = as_signed(run.folder)
    assert isinstance(model.model, Program)
    assert model.signature == run.model.signature
    with torch.no_grad():
        torch.testing.assert_close(model(x), run.model.eval()(x), rtol=0, atol=1e-5)


def test_evaluate_measures_what_the_run_did(run, call):
    done = call("evaluate", run.folder, "--json")
    kept = json.loads((run.folder / "bundle" / "metrics.json").read_text())["accuracy"]
    assert done.code == 0, done.err
    assert done.json["metrics"]["accuracy"] == {key: kept[key] for key in ("value", "low", "high")}
    assert done.json["parameters"] == sum(one.numel() for one in run.model.parameters())


def test_commands_and_the_server_answer(run, x, call, tmp_path):
    asked = json.dumps({"inputs": x.tolist()})
    done = call("predict", run.folder, "-", "--json", stdin=asked)
    said = [json.loads(line)["label"] for line in done.out.splitlines()]
    with torch.no_grad():
        assert said == [str(int(one)) for one in run.model.eval()(x).argmax(1)]
    with TestClient(application(served(run.folder))) as client:
        answer = client.post("/predict", json={"inputs": x.tolist()}).json()
    assert [one["label"] for one in answer["predictions"]] == said
    file = tmp_path / "copy.onnx"
    done = call("export", run.folder, "--out", file, "--check", "--json")
    assert done.code == 0, done.err
    assert file.read_bytes() == (run.folder / "bundle" / "model.onnx").read_bytes()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("explain",), "a gradient"),
        (("attack", "--method", "fgsm:eps=0.1"), "a gradient"),
        (("compress", "--out", "small"), "its weights"),
        (("diagnose", "--data", "digits"), "a training step"),
    ],
)
def test_what_needs_the_code_says_how_to_name_it(run, call, words, wanted):
    done = call(words[0], run.folder, *words[1:])
    assert done.code == 2
    assert f"this asks for {wanted}; name the code" in done.err
    assert "--model package.module:make" in done.err


def test_explanations_without_gradients_are_judged_but_for_weights(run, x):
    found = cg.explanation_quality(run.folder, x[:2], ["occlusion:patch_size=4"])
    assert "randomisation" not in found.columns
    assert found.figures["occlusion:patch_size=4"]["infidelity"][0] < 1
    assert any("ONNX file" in note for note in found.notes)


def test_with_the_code_it_is_the_module_again(run, x):
    model = cg.load(run.folder, model=net()).model
    assert isinstance(model.model, nn.Sequential)
    assert cg.explain(model, x).abs().sum() > 0


def test_a_copy_keeps_weights_and_file(run, x, tmp_path):
    cg.save(str(run.folder), tmp_path / "new")
    weights = cg.load(tmp_path / "new", model=net()).model.state_dict()
    torch.testing.assert_close(weights, run.model.state_dict())
    assert isinstance(as_signed(tmp_path / "new").model, Program)


def test_a_changed_file_is_refused(run, tmp_path):
    folder = copied(run, tmp_path)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(cg.UsageError, match=r"'model.onnx' was changed or damaged"):
        as_signed(folder)


def test_a_file_that_answers_otherwise_is_refused(run, tmp_path):
    folder = copied(run, tmp_path)
    model = onnx.load(folder / "model.onnx")
    weight = next(one for one in model.graph.initializer if one.name.endswith("5.bias"))
    weight.raw_data = (torch.arange(10) * 1.0).numpy().tobytes()
    onnx.save(model, folder / "model.onnx")
    write_manifest(folder)
    with pytest.raises(cg.UsageError, match="does not give its recorded answers"):
        as_signed(folder)


def test_a_file_that_reads_others_is_refused(run, tmp_path):
    folder = copied(run, tmp_path)
    model = onnx.load(folder / "model.onnx")
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, size_threshold=0)
    write_manifest(folder)
    with pytest.raises(cg.UsageError, match="takes numbers from another file"):
        as_signed(folder)


def test_no_graph_at_all_is_refused(run, tmp_path):
    folder = copied(run, tmp_path)
    (folder / "model.onnx").write_bytes(b"\x08\x07garbage")
    write_manifest(folder)
    with pytest.raises(cg.UsageError, match=r"model.onnx"):
        as_signed(folder)


def test_where_the_export_fails_the_run_says_why_and_stays(tmp_path):
    with pytest.warns(UserWarning, match="no ONNX file is kept beside the weights of Looks"):
        run = cg.train(Looks(), "digits", epochs=1, folder=tmp_path / "run")
    assert not (run.folder / "bundle" / "model.onnx").exists()
    with pytest.raises(cg.UsageError, match="no ONNX file beside them: Looks cannot be traced"):
        as_signed(run.folder)
    assert cg.load(run.folder, model=Looks()).metrics
