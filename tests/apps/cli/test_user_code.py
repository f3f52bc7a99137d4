"""`--model MODULE:NAME`: a module of the user's own from training to answers, and only if named."""

import sys

import pytest
from onnxruntime import InferenceSession  # noqa: F401  what --check needs

CODE = """
from torch import nn

def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

net = make()
three = 3

def asks(width):
    return nn.Linear(64, width)
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    yield "my_nets:make"
    sys.modules.pop("my_nets", None)


@pytest.mark.compile
def test_the_whole_life_on_the_command_line(cli_run, code, tmp_path):
    words = ("--data", "digits", "--epochs", "1", "--folder", "run")
    done = cli_run("train", "--model", code, *words)
    assert done.code == 0, done.err
    assert 'model = "my_nets:make"' in (tmp_path / "run/config.toml").read_text()
    numbers = ",".join(["0.5"] * 64)
    for verb in (("evaluate", "run"), ("export", "run", "--check")):
        sys.modules.pop("my_nets", None)
        refused = cli_run(*verb)
        assert refused.code == 2
        assert "give the module to fill" in refused.err
        assert f"--model {code} if you trust that code" in refused.err
        assert "my_nets" not in sys.modules  # no file makes Cartograd import code
        assert cli_run(*verb, f"--model={code}", "--json").code == 0
    found = cli_run("predict", "run", numbers, "--model", code)
    assert found.code == 2  # numbers are no picture of 8 x 8
    again = cli_run("train", "run", "--resume", "--model", code)
    assert "two models" not in again.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_nets:mkae", "has no attribute 'mkae'"),
        ("no_such_nets:make", "No module named"),
        ("my_nets:three", "is int; expected an nn.Module"),
        ("my_nets:asks", "cannot be called without arguments"),
        ("my_nets", "expected MODULE:NAME"),
    ],
)
def test_what_names_no_module(cli_run, code, tmp_path, name, message):
    done = cli_run("train", "--model", name, "--data", "digits", "--folder", "run")
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "run").exists()


def test_two_models_are_refused_and_files_name_none(cli_run, code, tmp_path):
    done = cli_run("train", "mlp", "--model", code, "--data", "digits")
    assert (done.code, "name one" in done.err) == (2, True)
    (tmp_path / "my.toml").write_text(f'model = "{code}"\ndata = "digits"\n')
    done = cli_run("train", "--config", "my.toml", "--folder", "run")
    assert done.code == 2
    assert f"give --model {code} if you trust it" in done.err
    assert "my_nets" not in sys.modules
