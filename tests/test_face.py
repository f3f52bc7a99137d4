"""The Python face: typed, whole, and quick to import."""

import ast
import inspect
import json
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import torch
from cyclopts import Parameter
from torch import nn

import cartograd as cg
from cartograd.apps.cli import COMMANDS
from cartograd.apps.load.options import KINDS
from tools.source import ROOT

FACE = ROOT / "src/cartograd/__init__.py"

VERBS = {
    "cost": "costs",
    "import": "import_",
    "list": "methods",
    "show": "find",
    "runs list": "runs",
    "runs show": "look",
    "runs compare": "compare",
    "data check": "data_check",
    "data list": "packages",
    "data get": "fetch",
    "data show": "package",
}
"""Where the Python verb cannot be called as the command."""

NONE = {
    "doctor": "says to a person how this machine is set up; there is nothing to compute with",
    "version": "is `cartograd.__version__`",
    "learn": "turns pages for a person; `coverage`, `find` and `claims` have what is on them",
    "runs tag": "writes words that `runs list` shows to a person; a program has names of its own",
}

RIGHT = """
import torch
import cartograd as cg

data: cg.Dataset = cg.dataset("digits")
run: cg.Run = cg.train("lenet5", data, epochs=5)
found = cg.evaluate(run, data.test, metrics=("accuracy", "ece"))
value: float = found.metrics["accuracy"]
cg.compare(run, "runs/other").draw("compare.html")
curves = cg.diagnose(run)
print(curves.chance)
print(cg.diagnose("lenet5", "digits", looks=("rate",)).rate)
print(cg.cost("lenet5", "digits").total)
cg.save(run, "bundle", replace=True)
print(cg.load("bundle").signature)
cg.export(run, "model.onnx", to="onnx")
model = cg.sign(torch.nn.Linear(2, 2), data.signature)
few = data.test.select(range(8))
cg.attack(model, few.inputs, few.targets, method="pgd:eps=0.1")
cg.fit(cg.build("classify", model=model), data.train.batches(batch_size=8), epochs=1)
cg.claim("gelu-approx").verdict
print(cg.explanation(run, few.inputs).rows())
cg.explanation(run).draw("why.png")
print(cg.robustness(run, "digits").turned)
cg.verify(run, "digits", ["crown"], eps=(0.01,)).draw("verify.html")
print(cg.prove(run, "safe.vnnlib", minutes=2).answer)
print(found.to_json())
found.draw("report.html")
print(cg.trace()[0].formula)
print(cg.trace("field", "lenet5", size=32).layers)
cg.trace("maps", run, "digit.png").draw("maps.png")
print(cg.trace("alignment", run, "one").weights)
print(cg.coverage().total.holds, cg.coverage()["arch/lenet5"].state)
print(cg.predict(run, few.inputs).table())
cg.augmented("flip", "digits").draw("flips.png")
cg.neighbours(run, "king")
may = cg.replace(run, "runs/other", "digits", margin={"accuracy": "1%"}, max="latency=5ms")
print(may.word, may.said, may.metrics[0].low, may.parting and may.parting.stage)
print(cg.data_check("digits").draw("data.html"))
card = cg.audit(run, "digits", minutes=1, fail_under={"accuracy": {"overall": ">= 0.9"}})
print(card.verdict, card["accuracy.overall"].low, card.passed)
"""

WRONG = """
import cartograd as cg

data = cg.dataset("digits")
cg.evaluate("runs/a", data.test, metric=("accuracy",))  # wrong
cg.evaluate("runs/a", 3)  # wrong
cg.evaluate("runs/a", data.test).metric  # wrong
cg.evalute("runs/a")  # wrong
cg.compare("runs/a")  # wrong
cg.compare("runs/a", "runs/b", prat="test")  # wrong
cg.compare("runs/a", "runs/b").metrix  # wrong
cg.diagnose("runs/a", looks=("rate",))  # wrong
cg.diagnose("runs/a").rate  # wrong
cg.cost("lenet5", "digits").totals  # wrong
cg.save("runs/a", "bundle", replace="yes")  # wrong
cg.load(3)  # wrong
cg.serve("runs/a", port="http")  # wrong
cg.fit(cg.build("classify"), [], epoch=3)  # wrong
cg.train("lenet5", "digits").histroy  # wrong
cg.claim("gelu-approx").verdikt  # wrong
cg.explanation("runs/a").tittles  # wrong
cg.prove("runs/a", "safe.vnnlib").anser  # wrong
cg.trace("feild")  # wrong
cg.trace("maps", "runs/a")  # wrong
cg.trace("gates", "runs/a", "x").weights  # wrong
cg.trace("descent").formula  # wrong
cg.coverage().totals  # wrong
cg.replace("runs/a", "runs/b", "digits", magin="accuracy=1%")  # wrong
cg.replace("runs/a", "runs/b", "digits").verdict  # wrong
cg.audit("runs/a", "digits", minute=1)  # wrong
cg.audit("runs/a", "digits").verdikt  # wrong
"""


def test_the_table_the_imports_and_the_names_agree():
    tree = ast.parse(FACE.read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    static = {}
    for line in block.body:
        assert isinstance(line, ast.ImportFrom)
        assert line.module
        home = line.module.removeprefix("cartograd.")
        for name in line.names:
            shown = name.asname or name.name
            static[shown] = home if shown == name.name else f"{home}:{name.name}"
    assert static == cg._HOME
    assert list(cg._HOME) == cg.__all__ == sorted(cg.__all__)
    for name in cg.__all__:
        assert getattr(cg, name) is not None


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="'cartograd' has no attribute 'evalute'"):
        cg.evalute  # type: ignore[attr-defined]  # noqa: B018


def test_importing_it_imports_no_torch():
    code = "import sys, cartograd; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_type_checker_reports_exactly_the_wrong_calls(tmp_path):
    files = {"right.py": RIGHT, "wrong.py": WRONG}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["basedpyright"]
    kept = {key: settings[key] for key in ("typeCheckingMode", "pythonVersion")}
    project = kept | {"include": list(files), "extraPaths": [str(ROOT / "src")]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(project))
    call = [
        sys.executable, "-m", "basedpyright", "-p", str(tmp_path), "--outputjson",
        "--pythonpath", sys.executable,
    ]  # fmt: skip
    told = json.loads(subprocess.run(call, capture_output=True, text=True).stdout)
    found = {
        (Path(one["file"]).name, one["range"]["start"]["line"])
        for one in told["generalDiagnostics"]
        if one["severity"] == "error"
    }
    lines = enumerate(WRONG.splitlines())
    assert found == {("wrong.py", n) for n, line in lines if line.endswith("# wrong")}


def commands():
    """Every command with its function, subcommands by both words."""
    from importlib import import_module

    for name in (name for names in COMMANDS.values() for name in names):
        command = getattr(import_module(f"cartograd.apps.cli.{name}_"), f"{name}_")
        if inspect.isfunction(command):
            yield name, command
        else:
            for word in command:
                if not word.startswith("-"):
                    yield f"{name} {word}", command[word].default_command


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_each_command_has_its_verb(name):
    if name in NONE:
        assert not hasattr(cg, name), "it is there now: take it out of NONE"
        return
    verb = VERBS.get(name, name)
    assert verb in cg.__all__, f"`cartograd {name}` has no cartograd.{verb}"
    assert callable(getattr(cg, verb))


OTHERS = {
    "attack": (
        "cartograd.apps.verbs.attack:robustness",
        "cartograd.apps.verbs.security_curve:security_curve",
    ),
    "compress": (
        "cartograd.apps.verbs.compress:compress_to",
        "cartograd.apps.verbs.compress_steps:compress_steps",
        "cartograd.apps.verbs.compress_within:compress_within",
    ),
    "diagnose": ("cartograd.apps.verbs.diagnose:diagnose_model",),
    "generate": (
        "cartograd.apps.verbs.generate:Options",
        "cartograd.apps.verbs.sample:sample",
        "cartograd.apps.verbs.inpaint:inpaint",
        "cartograd.apps.verbs.stylise:stylise",
    ),
    "explain": ("cartograd.apps.verbs.explain:explanation",),
    "verify": (
        "cartograd.apps.verbs.prove:prove",
        "cartograd.apps.verbs.verify_ranges:verify_ranges",
    ),
    "runs compare": ("cartograd.apps.verbs.compare_groups:compare_groups",),
    "train": ("cartograd.apps.verbs.repeat:repeat", "cartograd.apps.auto.auto:auto"),
    "show": (
        "cartograd.apps.verbs.augment:augmented",
        "cartograd.engine.optim.schedule:rates",
    ),
}
"""What takes the arguments of a command besides the verb of its name."""

SHOWN = {"json", "lang", "out"}
"""How a command shows its result; in Python the result does, by `draw` and its fields."""

REPORT = "a program is given a `Gate`, which keeps its report"
ONLY_COMMAND = {
    "train": {
        "set": "each setting is a keyword",
        "nproc": "a program starts its processes itself (torchrun)",
        "on": "a program starts its workers itself",
        "dry_run": "is `cartograd.cost`",
        "print_config": "the run notes its settings",
        "beat_baseline": "a program compares by itself: `evaluate(run).beside`",
    },
    "augment": {
        "target": "is part of `data`: 'churn.csv,target=churn'",
        "sampler": "is in `samplers`",
        "temperature": "is in `samplers`",
    },
    "data check": {"strict": "is `card.code(strict=True)`"},
    "evaluate": {
        "min": "a program compares by itself",
        "max": "as min",
        "beat_baseline": "as min: `Evaluation.beside`",
        **dict.fromkeys(
            ("tasks", "shots", "limit", "chat", "against", "seed"), "language models' exams: `sit`"
        ),
        "plain": "is of `before_after`",
    },
    "diagnose": dict.fromkeys(("lengths", "depths", "trials", "window"), "is `diagnose_length`"),
    "ask": dict.fromkeys(("length", "seed", "temperature"), "are `options` of `generate`")
    | {"gate_report": REPORT},
    "serve": {"gate_report": REPORT},
    "predict": {"csv": "answers are dictionaries"},
    "replace": {"target": "is part of `data`: 'churn.csv,target=churn'"},
    "generate": dict.fromkeys(("top_k", "top_p", "repetition_penalty"), "all are in `samplers`")
    | {"class": "is `condition`", "inpaint": "is the `picture` of `inpaint`"}
    | {"gate_report": REPORT},
    "claim": {"seed": "is `seeds=[3]`"},
    "runs compare": {"margin": "is in `margins`"},
    "runs list": {"sort": "a program sorts the list", "filter": "as sort"},
    "explain": {"judge": "is `cartograd.explanation_quality`"}
    | dict.fromkeys(("data", "part", "examples"), "is of `cartograd.study`"),
    "scan": {"method": "several are `methods`"},
    "defend": {"attack": "is `method`, as of `cartograd.attack`"},
    "verify": {"method": "is in `methods`", "range": "is in `ranges` of `verify_ranges`"},
    "attack": {"from": "is `surrogate` of `cartograd.security_curve`"},
}
"""Options that the verb has no argument for, each with the reason."""

ONLY_PYTHON = {
    "serve": {"limits": "an object", "started": "a function"},
    "train": {"progress": "an object", "callbacks": "objects"},
    "evaluate": {"batch_size": "changes no answer"},
    "cost": {"machine": "an object"},
    "predict": {"strict": "the command answers what it can, and exits with 1"},
    "augment": {"samplers": "has the command's options for them"},
    "generate": {"samplers": "has the command's options for them"},
    "import": {"replace": "the command never replaces"},
    "tour": {"progress": "an object", "say": "a function"},
    "claim": {"said": "a function"},
    "league": {"said": "a function"},
    "ask": {"seen": "a function"},
    "audit": {"said": "a function", "folder": "is --out"},
    "replace": {"said": "a function"},
    "show": {"kind": "is the word before the name"},
}
"""Arguments that the command has no option for, each with the reason."""


def options_of(command):
    """What a user types after `--`."""
    for key, item in inspect.signature(command).parameters.items():
        if item.kind is inspect.Parameter.KEYWORD_ONLY:
            given = [
                name.removeprefix("--")
                for extra in get_args(item.annotation)[1:]
                if isinstance(extra, Parameter)
                for name in extra.name or ()
            ]
            yield (given[0] if given else key).replace("-", "_").rstrip("_")


def words_of(name):
    """Every argument of the verb of a command, and those that go by keyword alone."""
    found = getattr(cg, VERBS.get(name, name))
    places = [found, *map(pkgutil.resolve_name, OTHERS.get(name, ()))]
    items = [item for one in places for item in inspect.signature(one).parameters.items()]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return {key for key, _ in items}, {
        key for key, item in inspect.signature(found).parameters.items() if item.kind is keyword
    }


@pytest.mark.parametrize("name", [name for name, _ in commands() if name not in NONE])
def test_a_command_and_its_verb_call_an_argument_alike(name):
    options = set(options_of(dict(commands())[name])) - SHOWN
    words, keywords = words_of(name)
    if name == "train":  # the rest of its keywords ride in --set
        keywords -= set(KINDS)
    if name == "diagnose":  # it hands on settings of `train`
        options -= set(KINDS)
    if name == "generate":
        keywords = {"samplers"}
    assert options - words == set(ONLY_COMMAND.get(name, ()))
    assert keywords - options == set(ONLY_PYTHON.get(name, ())), "the command lacks them"


def test_no_entry_is_left_over():
    assert {*VERBS, *NONE} <= {name for name, _ in commands()}


@pytest.fixture
def fitted(tmp_path):
    data = cg.dataset("moons")
    own = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    objective = cg.build("classify", model=cg.sign(own, data.signature))
    batches = data.train.batches(batch_size=64)
    return data, cg.fit(objective, batches, epochs=1, folder=tmp_path / "run")


def test_fit_leaves_a_bundle_that_the_same_module_reads(fitted):
    data, run = fitted
    other = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    read = cg.load(run.folder, model=other).model
    x = data.test.inputs
    assert torch.equal(read(x), run.model.eval()(x))
    assert cg.evaluate(run, data.test).examples == len(data.test)


def test_fit_says_why_there_is_no_bundle(tmp_path):
    data = cg.dataset("moons")
    objective = cg.build("classify", model=nn.Linear(2, 2))
    with pytest.warns(UserWarning, match="will have no bundle: .*signature"):
        run = cg.fit(
            objective, data.train.batches(batch_size=64), epochs=1, folder=tmp_path / "run"
        )
    assert not (run.folder / "bundle").exists()


def test_save_and_load(tmp_path):
    data = cg.dataset("moons")
    model = cg.build("mlp:widths=[4]", signature=data.signature)
    first = cg.save(model, tmp_path / "a", examples=data.test.inputs)
    second = cg.save(first, tmp_path / "b")
    x = data.test.inputs
    for path in (first, second):
        assert torch.equal(cg.load(path).model(x), model.eval()(x))
    with pytest.raises(cg.UsageError, match="exists"):
        cg.save(model, first)
    cg.save(model, first, replace=True)


def test_cost_is_that_of_the_plan():
    from cartograd.apps.verbs.plan import planned

    assert cg.cost("lenet5", "digits") == cg.cost(planned("lenet5", "digits", meta=True))


@pytest.mark.chart
def test_compare_and_diagnose_take_runs(tmp_path):
    runs = [
        cg.train("mlp:widths=[4]", "moons", epochs=2, seed=seed, folder=tmp_path / f"{seed}")
        for seed in (0, 1)
    ]
    found = cg.compare(*runs)
    assert found.settings["seed"] == (0, 1)
    assert "<svg" in found.draw(tmp_path / "compare.html").read_text()
    said = cg.diagnose(runs[0])
    assert said.findings
    assert said.draw(tmp_path / "diagnosis.html").exists()
    with pytest.raises(cg.UsageError, match="is no run"):
        cg.diagnose("lenet5")
