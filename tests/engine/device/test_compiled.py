"""Compiling: the same training where it works, a warning and plain training where it does not."""

import os
import shutil

import pytest
import torch
from safetensors import safe_open
from torch import nn

from cartograd.engine.device.compiled import compile_in_place
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def test_without_a_compiler_there_is_a_warning(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    ends = []
    for compiled in (False, True):
        model = mlp(2, 4, 2)
        if compiled:
            with pytest.warns(UserWarning, match=r"goes on without compiling.*'no-such-compiler'"):
                fit(Supervised(model), Toy(*quadrants(8)), compile=True)
        else:
            fit(Supervised(model), Toy(*quadrants(8)))
        ends.append(model[0].weight)
    assert torch.equal(*ends)


class Refusing:
    """Stands for torch's compiled call of a graph that cannot be built."""

    def __init__(self):
        self.calls = 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        raise RuntimeError("inductor: no such kernel\nand a long trace")


def test_a_graph_that_fails_is_answered_by_the_plain_module(monkeypatch):
    monkeypatch.setattr("cartograd.engine.device.compiled.check_compiler", lambda: None)
    refusing = Refusing()

    def fake(module, *args, **kwargs):
        module._compiled_call_impl = refusing

    monkeypatch.setattr(nn.Module, "compile", fake)
    ends = []
    for compiled in (False, True):
        model = mlp(2, 4, 2, dropout=0.2)
        if compiled:
            with pytest.warns(UserWarning, match="cannot be compiled.*no such kernel") as told:
                fit(Supervised(model), Toy(*quadrants(80)), compile=True, epochs=2)
            assert len(told) == 1
        else:
            fit(Supervised(model), Toy(*quadrants(80)), epochs=2)
        ends.append(model[0].weight)
        assert model._compiled_call_impl is None
    assert refusing.calls == 1
    assert torch.equal(*ends)


def test_an_error_of_the_module_itself_is_its_own(monkeypatch):
    monkeypatch.setattr("cartograd.engine.device.compiled.check_compiler", lambda: None)
    monkeypatch.setattr(
        nn.Module, "compile", lambda self: setattr(self, "_compiled_call_impl", Refusing())
    )
    layer = nn.Linear(2, 2)
    undo = compile_in_place([layer])
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        layer(torch.zeros(1, 3))
    undo()
    assert layer._compiled_call_impl is None


@pytest.mark.compile
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler")
def test_compiled_training_equals_eager():
    ends = []
    for compiled in (False, True):
        model = mlp(2, 8, 2)
        fit(
            Supervised(model),
            Toy(*quadrants(32)),
            epochs=2,
            compile=compiled,
            optimizers="sgd:lr=0.1",
        )
        ends.append(model[0].weight.detach())
        assert list(model.state_dict()) == list(mlp(2, 8, 2).state_dict())
    torch.testing.assert_close(*ends, atol=1e-5, rtol=0)


@pytest.mark.compile
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_module_that_its_owner_compiled_keeps_plain_names(tmp_path):
    """Its checkpoint is that of the plain module, and each resumes the other's run."""
    data = Toy(*quadrants(32))
    names = {}
    for owner, other in (
        (torch.compile, lambda net, **_: net),
        (lambda net, **_: net, torch.compile),
    ):
        folder = tmp_path / str(len(names))
        wrapped = Supervised(owner(mlp(2, 4, 2), backend="eager"))
        fit(wrapped, data, epochs=1, folder=folder)
        (file,) = folder.glob("checkpoints/*/objective.safetensors")
        with safe_open(file, framework="pt") as tensors:
            names[owner] = sorted(tensors.keys())
        again = Supervised(other(mlp(2, 4, 2), backend="eager"))
        fit(again, data, epochs=2, folder=folder, resume=True)
    assert len({tuple(found) for found in names.values()}) == 1
    assert not any("_orig_mod" in name for name in names[torch.compile])


def _as_it_is(net, **_):
    return net
