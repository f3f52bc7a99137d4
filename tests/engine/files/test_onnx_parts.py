"""ONNX files in two parts: written whole, read with care, and answered like one."""

import json

import numpy as np
import onnx as package
import pytest
import torch

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.apps.load.target import as_bundle, as_signed
from cartograd.apps.load.weight import size
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.files import onnx_parts
from cartograd.engine.files.onnx_parts import parts, whole_size, write_onnx
from cartograd.engine.files.onnx_session import session
from cartograd.practice.deployment import onnx as exporter
from cartograd.practice.deployment.onnx import onnx

# Tracing runs the model's own code, which the shape-checking hook would trace as well.
pytestmark = pytest.mark.compile

ROW = Port("row", "vector", (16,))
SIGNATURE = Signature((ROW,), (Port("class", "label", (3,), task="classify"),))


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """As if a file could hold no more than this."""
    monkeypatch.setattr(exporter, "LARGEST", 9000)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A model and its two files."""
    torch.manual_seed(0)
    model, folder = build("mlp", signature=SIGNATURE).eval(), tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "LARGEST", 9000)
        return model, onnx(model, folder / "model.onnx")


def changed(path, by=1.0):
    """The model with other numbers."""
    proto = package.load(path)
    for tensor in proto.graph.initializer:
        if tensor.data_type == package.TensorProto.FLOAT:
            numbers = np.frombuffer(tensor.raw_data, np.float32) + np.float32(by)
            tensor.raw_data = numbers.tobytes()
    return proto


def copied(two, folder):
    """The files in a folder of the test's own."""
    for file in two[1].parent.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder / two[1].name


@pytest.mark.oracle("onnx")
def test_onnxruntime_answers_by_two_files_as_by_one(two):
    model, path = two
    (beside,) = parts(path)
    assert {file.name for file in path.parent.iterdir()} == {path.name, beside.name}
    assert path.stat().st_size <= 9000 < whole_size(path)
    x = torch.rand(5, 16)
    np.testing.assert_allclose(session(path)([x.numpy()]), model(x).detach(), atol=1e-5)
    package.checker.check_model(str(path))
    read = as_signed(path)
    torch.testing.assert_close(read(x), model(x).detach(), rtol=0, atol=1e-5)
    assert size(read) == whole_size(path)


def test_other_numbers_are_another_file_and_the_old_one_goes(two, tmp_path):
    path = copied(two, tmp_path)
    (old,), digest = parts(path), as_bundle(path).digest
    write_onnx(changed(path), path, most=9000)
    (new,) = parts(path)
    assert new.name != old.name
    assert set(tmp_path.iterdir()) == {path, new}
    assert as_bundle(path).digest != digest
    write_onnx(changed(path, 0), path, most=9000)
    assert set(tmp_path.iterdir()) == {path, new}


def test_what_fails_leaves_the_old_files(two, tmp_path, monkeypatch):
    path = copied(two, tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(*args):
        raise UsageError("cannot write: No space left on device")

    monkeypatch.setattr(onnx_parts, "write_file", full)
    with pytest.raises(UsageError, match="No space left"):
        write_onnx(changed(path), path, most=9000)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


ELSEWHERE = {
    "../numbers.data": "by its name alone", "/etc/hostname": "by its name alone",
    "": "by its name alone", "inner/numbers.data": "by its name alone",
    "..\\numbers.data": "by its name alone", "..": "by its name alone|not beside it",
    "missing.data": "is not beside it", "link.data": "is not beside it",
    "short.data": "ends before the numbers",
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_numbers_from_elsewhere_are_refused(two, tmp_path, name, capsys):
    folder = tmp_path / "inner"
    folder.mkdir()
    path = copied(two, folder)
    (tmp_path / "numbers.data").write_bytes(bytes(100_000))
    (folder / "link.data").symlink_to(tmp_path / "numbers.data")
    (folder / "short.data").write_bytes(b"few")
    proto = package.load(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = name
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(UsageError, match=ELSEWHERE[name]):
        as_signed(path)
    assert main(["evaluate", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_offsets_that_are_no_numbers_are_refused(two, tmp_path):
    path = copied(two, tmp_path)
    proto = package.load(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "offset":
                entry.value = "-4"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(UsageError, match="is damaged: it takes"):
        parts(path)


def test_verbs_take_both_files_along(two, tmp_path, capsys):
    path = copied(two, tmp_path)
    assert main(["predict", str(path), str([0.5] * 16)]) == 0
    capsys.readouterr()
    out = tmp_path / "out" / "other.onnx"
    assert main(["export", str(path), "--check", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agree"]
    assert told["size"] == whole_size(out) > out.stat().st_size
    with pytest.raises(UsageError, match="takes numbers from another file"):
        cg.export(path, tmp_path / "small.onnx", to="optimised-onnx")


def test_a_graph_that_is_too_large_itself_is_refused(two, tmp_path):
    with pytest.raises(UsageError, match="graph alone is larger than the 2 GB"):
        write_onnx(package.load(two[1]), tmp_path / "m.onnx", most=500)
    assert not list(tmp_path.iterdir())
