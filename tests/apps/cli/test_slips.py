"""A slip is refused before torch is imported, in every verb, by the line that Python says."""

import json
import subprocess
import sys

import pytest

import cartograd as cg
from cartograd.apps import cli
from cartograd.apps.cli import application
from cartograd.engine.optim.optimizers import optimizers
from cartograd.engine.optim.torch_names import classes, names_of, schedulers
from tests.apps.cli.slips import SLIPS

PROGRAM = """
import contextlib, io, json, sys
from cartograd.apps.cli import main
told = {}
for words in json.load(sys.stdin):
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = main(words)
    assert code == 2, (words, code, said.getvalue())
    assert out.getvalue() == "", words
    assert said.getvalue().count("\\n") == 1, (words, said.getvalue())
    heavy = {"torch", "numpy", "PIL", "scipy"} & set(sys.modules)
    assert not heavy, (words, heavy)
    told[" ".join(words)] = said.getvalue()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run whose bundle is found and no more."""
    root = tmp_path_factory.mktemp("slips")
    for run, kind in (("run", ""), ("pictures", "image"), ("texts", "text")):
        bundle = root / run / "bundle"
        bundle.mkdir(parents=True)
        (bundle / "manifest.json").write_text("{}")
        inputs = {"inputs": [{"kind": kind}]} if kind else {}
        (bundle / "signature.json").write_text(json.dumps(inputs))
    (root / "run" / "events.jsonl").write_text('{"event": "finished", "time": 1.0}\n')
    return root


@pytest.fixture(scope="module")
def told(folder):
    """What the command line says of each slip, in a process that has not imported torch."""
    lines = [[*verb.split(), *words] for verb, many in SLIPS.items() for words in many]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(lines), capture_output=True, text=True,
        check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(path.name for path in folder.iterdir()) == ["pictures", "run", "texts"]
    return json.loads(done.stdout)


def test_every_verb_has_a_slip():
    apart = {"data", "runs"}
    verbs = {name for names in cli.COMMANDS.values() for name in names if name not in apart}
    verbs |= {f"{one} {word}" for one in apart for word in application()[one] if word[0] != "-"}
    assert set(SLIPS) == verbs


def test_no_slip_imports_torch_or_writes_anything(told):
    assert len(told) == sum(map(len, SLIPS.values()))
    assert all(line.startswith("cartograd: ") for line in told.values())


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("train lenet6 --data digits", lambda: cg.train("lenet6", "digits")),
        ("train mlp:widht=3 --data digits", lambda: cg.train("mlp:widht=3", "digits")),
        ("train mlp:dropout=2 --data digits", lambda: cg.train("mlp:dropout=2", "digits")),
        ("train runs/nothing-1 --data digits", lambda: cg.train("runs/nothing-1", "digits")),
        ("train mlp --data digitz", lambda: cg.train("mlp", "digitz")),
        ("train mlp --data ./nowhere", lambda: cg.train("mlp", "./nowhere")),
        ("train mlp --data csv", lambda: cg.train("mlp", "csv")),
        (
            "train mlp --data digits --optimizer adamww",
            lambda: cg.train("mlp", "digits", optimizer="adamww"),
        ),
        (
            "train mlp --data digits --optimizer adamw:lrr=1",
            lambda: cg.train("mlp", "digits", optimizer="adamw:lrr=1"),
        ),
        (
            "train mlp --data digits --set objective=classify:smoothing=2",
            lambda: cg.train("mlp", "digits", objective="classify:smoothing=2"),
        ),
        (
            "train mlp --data digits --set augment=flip,crop:pad=1",
            lambda: cg.train("mlp", "digits", augment="flip,crop:pad=1"),
        ),
        (
            "train mlp --data csv:missing.csv,target=a",
            lambda: cg.train("mlp", "csv:missing.csv,target=a"),
        ),
        (
            "train mlp --data digits --set schedule=cosin",
            lambda: cg.train("mlp", "digits", schedule="cosin"),
        ),
        (
            "train mlp --data digits --set schedule=cosine:warmp=3",
            lambda: cg.train("mlp", "digits", schedule="cosine:warmp=3"),
        ),
        (
            "train mlp --data digits --set clip=valeu:max=1",
            lambda: cg.train("mlp", "digits", clip="valeu:max=1"),
        ),
        (
            "train mlp --data digits --set nonfinite=skp",
            lambda: cg.train("mlp", "digits", nonfinite="skp"),
        ),
        (
            "train mlp --data digits --set threshold=cost:fp=1",
            lambda: cg.train("mlp", "digits", threshold="cost:fp=1"),
        ),
        (
            "train mlp --data digits --set init=kaimign",
            lambda: cg.train("mlp", "digits", init="kaimign"),
        ),
        ("ask run why? --tools calculater", lambda: cg.ask("run", "why?", tools=["calculater"])),
        ("ask run why? --gate own.toml", lambda: cg.ask("run", "why?", gate="own.toml")),
        (
            "diagnose mlp --data digits --looks layer",
            lambda: cg.diagnose("mlp", "digits", looks=["layer"]),
        ),
        (
            "replace run run --max latency=5",
            lambda: cg.replace("run", "run", margin="accuracy=1%", max="latency=5"),
        ),
        ("show schedule cosin", lambda: cg.rates("cosin")),
        ("show schedule cosine:warmp=1", lambda: cg.rates("cosine:warmp=1")),
        ("evaluate runs/nothing-1", lambda: cg.evaluate("runs/nothing-1", "digits")),
        ("evaluate smolm2", lambda: cg.evaluate("smolm2", "digits")),
        ("evaluate nothing.onnx", lambda: cg.evaluate("nothing.onnx", "digits")),
        ("diagnose runs/nothing-1", lambda: cg.diagnose("runs/nothing-1")),
        ("runs show runs/nothing-1", lambda: cg.look("runs/nothing-1")),
        ("trace fields", lambda: cg.trace("fields")),
        ("evaluate run --device gpu", lambda: cg.train("mlp", "digits", device="gpu")),
    ],
)
def test_it_is_the_line_that_python_says(told, words, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(cg.UsageError) as error:
        call()
    assert told[words] == f"cartograd: {' '.join(str(error.value).split())}\n"


def test_torchs_schedulers_read_as_text_are_those_of_torch():
    from torch.optim import lr_scheduler

    assert list(schedulers()) == lr_scheduler.__all__


def test_torchs_optimizers_read_as_text_are_those_of_torch():
    from cartograd.engine.optim import torch_spec

    assert set(classes()) == set(optimizers())
    for name, made in optimizers().items():
        assert names_of(name) == list(torch_spec.arguments(made, without=("params",)))
