import errno
import json
import os
import resource
import signal
import sys
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from cartograd.core import direct, files
from cartograd.core.errors import UsageError
from cartograd.core.files import write_manifest
from cartograd.engine.checkpoint import storage
from cartograd.engine.files import tensor_files
from cartograd.engine.files.tensor_files import load_into, pack, read_tensors, unpack, write_tensors
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

FILES = ("objective.safetensors", "state.json", "manifest.json")


def parts(step):
    return {"objective": {"weight": torch.full((300,), float(step))}, "state": {"lr": 0.1 * step}}


def three(folder):
    for step in (10, 20, 30):
        storage.save(folder, step, parts(step))
    return folder


def damage(path, how):
    data = bytearray(path.read_bytes())
    if how == "removed":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def test_what_was_saved_comes_back(tmp_path):
    found = storage.load(three(tmp_path))
    assert (found.step, found.path.name) == (30, "step-000000030")
    assert torch.equal(found.parts["objective"]["weight"], torch.full((300,), 30.0))
    assert found.parts["state"] == {"lr": 0.1 * 30}
    assert sorted(path.name for path in found.path.iterdir()) == sorted(FILES)
    assert storage.load(tmp_path / "none") is None


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", ["truncated", "flipped", "empty", "removed"])
def test_a_damaged_newest_is_told_and_the_older_one_used(file, how, tmp_path):
    damage(three(tmp_path) / "step-000000030" / file, how)
    with pytest.warns(UserWarning, match="step-000000030 is not used"):
        assert storage.load(tmp_path).step == 20


@pytest.mark.parametrize("how", ["empty folder", "no manifest entries", "not JSON", "no format"])
def test_a_newest_that_is_none_is_told_too(how, tmp_path):
    newest = three(tmp_path) / "step-000000030"
    if how == "empty folder":
        for path in newest.iterdir():
            path.unlink()
    elif how == "no manifest entries":
        (newest / "manifest.json").write_text('{"format": 1, "files": {}}')
        (newest / "state.json").unlink()
    else:
        (newest / "state.json").write_text("[1" if how == "not JSON" else "{}")
        write_manifest(newest)
    with pytest.warns(UserWarning, match="step-000000030 is not used"):
        assert storage.load(tmp_path).step == 20


def killed_after(operations, folder):
    """Save step 2 in a process that is killed at its n-th file operation; whether it was.

    Where that is the writing of a file's content, half of it has been written.
    """
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == signal.SIGKILL
    left, write = [operations], files.write_hashed

    def count(event="", *_):
        if event == "os.kill" or not event.startswith(("os.", "shutil.", "open", "content")):
            return
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def half(path, parts, *, once=False):
        if left[0] == 0:
            path.write_bytes(b"".join(parts)[: sum(map(len, parts)) // 2])
        count("content")
        return write(path, parts, once=once)

    sync = os.fsync
    os.fsync = lambda handle: (count("os.fsync"), sync(handle))
    tensor_files.write_hashed = storage.write_hashed = half
    try:
        sys.addaudithook(count)
        storage.save(folder, 2, parts(2))
        storage.prune(folder, keep=1)
        os._exit(0)
    finally:  # an error must not come back into the tests
        os._exit(1)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("straight", [False, True])
def test_killed_at_each_file_operation_of_a_write(straight, tmp_path, monkeypatch):
    """One checkpoint is whole at any moment, and the next write clears away what was left."""
    if straight:  # to the disk, as large files are
        monkeypatch.setattr(direct, "LARGE", 0)
    for operations in range(200):
        folder = tmp_path / str(operations)
        storage.save(folder, 1, parts(1))
        killed = killed_after(operations, folder)
        found = storage.load(folder)
        assert torch.equal(
            found.parts["objective"]["weight"], parts(found.step)["objective"]["weight"]
        )
        storage.save(folder, 3, parts(3))
        storage.prune(folder, keep=1)
        assert [path.name for path in folder.iterdir()] == ["step-000000003"]
        if not killed:
            break
    assert not killed
    assert found.step == 2
    assert operations > 25


def test_two_damaged_then_all(tmp_path):
    three(tmp_path)
    damage(tmp_path / "step-000000030" / "state.json", "flipped")
    damage(tmp_path / "step-000000020" / "manifest.json", "empty")
    with pytest.warns(UserWarning, match="is not used"):
        assert storage.load(tmp_path).step == 10
    damage(tmp_path / "step-000000010" / "state.json", "removed")
    with (
        pytest.warns(UserWarning, match="is not used"),
        pytest.raises(UsageError, match=r"every checkpoint in .* is damaged"),
    ):
        storage.load(tmp_path)


def test_a_half_written_one_does_not_count_and_is_cleared_away(tmp_path):
    three(tmp_path)
    left = tmp_path / ".step-000000040.x7"
    left.mkdir()
    (left / "objective.safetensors").write_bytes(b"half")
    assert storage.load(tmp_path).step == 30
    storage.prune(tmp_path, keep=5)
    assert not left.exists()


def test_retention_keeps_the_newest_and_the_protected(tmp_path):
    for step in range(1, 8):
        storage.save(tmp_path, step, parts(step))
        storage.prune(tmp_path, keep=2, protect=[3])
    assert storage.steps(tmp_path) == [3, 6, 7]


@contextmanager
def small_disk(size):
    """No file of this process can grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_disk_that_ends_leaves_the_last_good_one(tmp_path):
    three(tmp_path)
    before = snapshot(tmp_path)
    big = {"objective": {"weight": torch.zeros(100_000)}}
    with small_disk(50_000), pytest.raises(UsageError, match=r"cannot write .*step-000000040"):
        storage.save(tmp_path, 40, big)
    with small_disk(50_000), pytest.raises(UsageError, match="cannot write"):
        storage.save(tmp_path, 30, big)
    assert snapshot(tmp_path) == before
    assert storage.load(tmp_path).step == 30


@pytest.mark.parametrize(
    "call", ["os.fsync", "os.replace", "cartograd.engine.files.tensor_files.write_hashed"]
)
def test_a_full_disk_is_one_clear_line(call, tmp_path, monkeypatch):
    three(tmp_path)
    before = snapshot(tmp_path)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(call, full)
        with pytest.raises(UsageError, match=r"cannot write .*: No space left on device"):
            storage.save(tmp_path, 40, parts(40))
    assert snapshot(tmp_path) == before


def test_a_full_disk_in_a_run(tmp_path, monkeypatch):
    """The run ends with the line; what it had saved is whole and it can go on from there."""
    x, y = quadrants(80)
    calls = []
    write = storage.write_manifest

    def full_at_the_third(folder, known):
        calls.append(folder)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(folder, known)

    options = {"epochs": 2, "folder": tmp_path / "run", "save_every": 2}
    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_manifest", full_at_the_third)
        with pytest.raises(UsageError, match="No space left on device"):
            fit(Supervised(mlp(2, 8, 2)), Toy(x, y, batch_size=10), **options)
    assert storage.steps(tmp_path / "run" / "checkpoints") == [2, 4]
    model, whole = mlp(2, 8, 2), mlp(2, 8, 2)
    fit(Supervised(model), Toy(x, y, batch_size=10), resume=True, **options)
    fit(Supervised(whole), Toy(x, y, batch_size=10), epochs=2)
    assert torch.equal(model[0].weight, whole[0].weight)


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty", "removed"])
def test_a_run_goes_on_from_the_older_one_to_the_same_end(how, tmp_path):
    x, y = quadrants(80)
    data, options = Toy(x, y, batch_size=10), {"optimizers": "adam", "save_every": 3, "seed": 1}
    whole, model = mlp(2, 8, 2), mlp(2, 8, 2)
    fit(Supervised(whole), data, epochs=2, folder=tmp_path / "whole", **options)
    fit(Supervised(model), data, epochs=1, folder=tmp_path / "run", **options)
    damage(tmp_path / "run" / "checkpoints" / "step-000000008" / "optimizer.safetensors", how)
    other = mlp(2, 8, 2)
    with pytest.warns(UserWarning, match="step-000000008 is not used"):
        fit(Supervised(other), data, epochs=2, folder=tmp_path / "run", resume=True, **options)
    assert torch.equal(other[0].weight, whole[0].weight)
    texts = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "run")]
    assert texts[0] == texts[1]


def test_a_later_format_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(storage, "FORMAT", 3)
        storage.save(tmp_path, 1, parts(1))
    with pytest.raises(UsageError, match="format 3 and this Cartograd reads 2"):
        storage.load(tmp_path)


def test_another_torch_is_refused_unless_told(tmp_path, monkeypatch):
    """Its kernels and random numbers may differ, and a resumed run promises the same bits."""
    data = Toy(*quadrants(64))
    options = {"epochs": 2, "folder": tmp_path}
    fit(Supervised(mlp(2, 8, 2)), data, **options)
    before = snapshot(tmp_path)
    monkeypatch.setattr(torch, "__version__", "2.99.1+cpu")
    with pytest.raises(UsageError, match=r"written under torch .* and this is 2.99.1.*exact=False"):
        fit(Supervised(mlp(2, 8, 2)), data, resume=True, **options)
    assert snapshot(tmp_path) == before
    with pytest.warns(UserWarning, match="does not go on bit for bit"):
        fit(Supervised(mlp(2, 8, 2)), data, resume=True, exact=False, **options)


def test_state_that_would_need_pickle_is_refused(tmp_path):
    class Odd(Supervised):
        def get_extra_state(self):
            return {"queue": {1, 2}}

    with pytest.raises(UsageError, match=r"cannot keep .*_extra_state.queue, a set, without pick"):
        fit(Odd(mlp(2, 8, 2)), Toy(*quadrants(64)), epochs=1, folder=tmp_path)


def test_nothing_is_pickled(tmp_path):
    x, y = quadrants(40)
    fit(Supervised(mlp(2, 8, 2)), Toy(x, y), epochs=1, folder=tmp_path, validate=Toy(x, y))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert path.suffix in (".safetensors", ".json", ".jsonl", ".toml")
            assert b"torch._utils" not in path.read_bytes()


def test_packing_keeps_values_and_types():
    value = {
        "a": torch.arange(3), 0: {"betas": (0.9, 0.999), "list": [1, None, True, "x"]},
        "inf": float("inf"), "third": 1 / 3, "nested": {1: [torch.ones(2), (torch.zeros(()),)]},
    }  # fmt: skip
    tensor_files = {}
    text = json.dumps(pack(value, "part", tensor_files))
    back = unpack(json.loads(text), tensor_files)
    assert list(back) == list(value)
    assert back[0] == value[0]
    assert (back["inf"], back["third"]) == (float("inf"), 1 / 3)
    assert torch.equal(back["nested"][1][1][0], torch.zeros(()))
    with pytest.raises(UsageError, match=r"cannot keep part.f, a function, without pickle"):
        pack({"f": full_name}, "part", {})


def full_name():
    """Only to be refused."""


@pytest.mark.parametrize("dtype", list(tensor_files._DTYPES))
def test_tensors_of_any_kind_come_back(dtype, tmp_path):
    base = torch.arange(12).to(dtype)
    kept = {
        "plain": base, "same": base, "transposed": base.view(3, 4).T, "part": base[3:7],
        "scalar": base[5], "empty": base[:0], "image": torch.zeros(1, 2, 3, 3).to(dtype).contiguous(
            memory_format=torch.channels_last
        ),
    }  # fmt: skip
    write_tensors(tmp_path / "x.safetensors", kept)
    found = read_tensors(tmp_path / "x.safetensors")
    assert set(found) == set(kept)
    for name, tensor in kept.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == dtype


def test_tied_weights_are_written_once_and_stay_tied(tmp_path):
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    write_tensors(tmp_path / "x.safetensors", model.state_dict())
    assert (tmp_path / "x.safetensors").stat().st_size < 300
    other = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    other[1].weight = other[0].weight
    load_into(other, read_tensors(tmp_path / "x.safetensors"), "x")
    assert torch.equal(other[1].weight, model[0].weight)
    with pytest.raises(UsageError, match="cannot be read"):
        read_tensors(tmp_path / "absent.safetensors")
