"""A method of each kind is two files, also in a package of one's own; all else finds it."""

import importlib
import inspect
import runpy
import sys
from pathlib import Path

import pytest
import torch

import cartograd as cg
from cartograd.core import packages, plugins, registry
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load, write_bundle
from tests.apps.verbs.test_generate import writer
from tests.commands import command
from tests.conformance import test_data
from tests.conformance.test_proofs import _marks

HEAD = '''"""A throw-away {kind}, to see what two files are enough for.

It is no method of the field, and says so.

    f(x) = x

Shapes: `b d`.

Departures: none.

References:
    None.

>>> 1 + 1
2
"""

{imports}

from cartograd.core.card import Card

CARD = Card(
    name="toy-{kind}",
    kind="{kind}",
    entry="{entry}",
    nodes=("arch/mlp",),
    title="Toy",
    zh="玩具",
    proofs=("law: it is what it says, to the last bit",),
    tiny={tiny},{more}
)


{body}
'''

KINDS = {
    "metric": (
        "from cartograd.core.errors import UsageError",
        "toy_metric",
        {},
        """
def toy_metric(outputs, targets, /) -> float:
    '''Share of wrong answers.'''
    if not len(outputs) == len(targets) > 0 or not outputs.isfinite().all():
        raise UsageError("expected finite outputs and as many targets")
    return float((outputs.argmax(1) != targets).double().mean())
""",
    ),
    "token-sampler": (
        "",
        "toy_token_sampler",
        {"top": 2},
        """
def toy_token_sampler(logits, seen, /, *, top: int = 1):
    '''The last of the likeliest tokens alone.

    Args:
        top: how many of the likeliest are looked at.
    '''
    place = logits.topk(min(top, logits.shape[1])).indices[:, -1:]
    place = place.where(logits.gather(1, place).isfinite(), logits.argmax(1, keepdim=True))
    return logits.new_full(logits.shape, -float("inf")).scatter(1, place, logits.gather(1, place))
""",
    ),
    "sampler": (
        "import torch",
        "toy_sampler",
        {},
        """
def toy_sampler(model, shape, generator, /):
    '''Noise, of which no model is asked.'''
    return torch.rand(shape, generator=generator)
""",
    ),
    "compressor": (
        "import copy\nimport torch",
        "toy_compressor",
        {},
        """
def toy_compressor(model, data=None, /):
    '''Weights to two digits.'''
    made = copy.deepcopy(model)
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(weight.mul(100).round() / 100)
    return made
""",
    ),
    "data": (
        "from pathlib import Path\n\nfrom cartograd.data.sources.xor import xor",
        "toy_data",
        {"examples": 32},
        """
def toy_data(file, /, *, examples: int = 40, seed: int = 0):
    '''XOR, of as many points as a file has letters.

    Args:
        examples: the fewest points.
        seed: where the points are drawn from.
    '''
    from dataclasses import replace

    count = max(examples, len(Path(file).read_text()))
    return replace(xor(examples=count, seed=seed), name="toy-data")
""",
    ),
    "objective": (
        "from torch import nn\nfrom cartograd.core.protocols import Loss",
        "Toy",
        {},
        """
class Toy(nn.Module):
    '''Squares of what is missing to one-hot targets.

    Args:
        model: answers with logits.
    '''

    def __init__(self, *, model: nn.Module):
        super().__init__()
        self.model = model
        self.players = {"model": model}

    def losses(self, batch, /):
        '''One loss.'''
        yield Loss(self.validate(batch)["loss"])

    def validate(self, batch, /):
        '''Losses and logits.'''
        x, y = batch
        logits = self.model(x)
        wanted = nn.functional.one_hot(y, logits.shape[1])
        return {"loss": (logits - wanted).square().mean(1), "outputs": logits}
""",
    ),
    "explainer": (
        "from cartograd.frontier.explain.integrated_gradients import integrated_gradients",
        "toy_explainer",
        {},
        """
def toy_explainer(model, x, /, *, target: object = None):
    '''Twice the integrated gradients.

    Args:
        target: the class to explain.
    '''
    return 2 * integrated_gradients(model, x, target=target, steps=4)
""",
    ),
    "attack": (
        "from cartograd.frontier.security.fgsm import fgsm",
        "toy_attack",
        {},
        """
def toy_attack(
    model, x, y, /, *, eps: float = 0.1, bounds: tuple[float, float] | None = None
):
    '''One step.

    Args:
        eps: how far each number may move.
        bounds: the smallest and the largest valid number.
    '''
    return fgsm(model, x, y, eps=eps, bounds=bounds)
""",
    ),
    "model": (
        "from torch import nn",
        "ToyModel",
        {"features": 4, "classes": 3},
        """
class ToyModel(nn.Module):
    '''A linear model.

    Args:
        features: numbers of an input.
        classes: numbers of an answer.
    '''

    def __init__(self, *, features: int, classes: int):
        super().__init__()
        self.head = nn.Linear(features, classes)

    def forward(self, x):
        '''Logits.'''
        return self.head(x.flatten(1))
""",
    ),
}
"""By kind: imports, entry, tiny arguments, source."""

TEST = """import pytest


@pytest.mark.law("toy-{kind}")
def test_it():
    assert True


def subject(folder):
    (folder / "file").write_text("x" * 60)
    return (folder / "file",), {{}}
"""


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A package of throw-away methods on Python's path: a source and a test each."""
    folder = tmp_path / "lib"
    for kind, (imports, entry, tiny, body) in KINDS.items():
        name = f"toy_{kind.replace('-', '_')}.py"
        more = '\n    better="lower",' if kind == "metric" else ""
        text = HEAD.format(
            kind=kind, imports=imports, entry=entry, tiny=tiny, more=more, body=body.strip()
        )
        for path, content in (
            (folder / "toybox" / "rooms" / name, text),
            (folder / "tests" / f"test_{name}", TEST.format(kind=kind)),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    (folder / "toybox" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [one for one in sys.modules if one.partition(".")[0] == "toybox"]:
        del sys.modules[name]


@pytest.fixture
def usable(toys):
    """The same, of which modules can be imported."""
    (toys / "toybox" / "__init__.py").write_text("")
    return toys


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


def test_cards_are_read_without_an_import(toys, run):
    done = run("list", "metric", "--import", "toybox", "--json")
    mine = [card for card in done.json if card["package"] == "toybox"]
    assert [card["name"] for card in mine] == ["toy-metric"]
    assert {card["package"] for card in done.json} == {"cartograd", "toybox"}
    assert "toybox" in run("list", "--import", "toybox").out
    assert run("show", "toy-data", "--import=toybox.rooms").out.count("toy_data.py") == 1
    assert "toybox" not in sys.modules
    assert "unknown method 'toy-data'" in run("show", "toy-data").err  # one command, not the next
    assert "package" not in run("list").out.splitlines()[0]


@pytest.mark.parametrize("kind", KINDS)
def test_conformance_finds_it(kind, usable, tmp_path):
    """Every check of the suite that is for its kind, but for those of the map."""
    with plugins.using(["toybox"]):
        card, _ = registry.find(f"toy-{kind}", kind=kind)
        checked = 0
        for path in sorted(Path(test_data.__file__).parent.glob("test_*.py")):
            module = importlib.import_module(f"tests.conformance.{path.stem}")
            for name, check in vars(module).items():
                kinds = getattr(check, "kinds", None)
                known = inspect.signature(check).parameters if kinds is not None else {}
                if kinds is None or (kinds and kind not in kinds) or path.stem == "test_proofs":
                    continue
                folder = tmp_path / name
                folder.mkdir(exist_ok=True)
                given = {"tmp_path": folder, "made": test_data.maker(folder)}
                torch.manual_seed(0)
                check(card, **{key: given[key] for key in known if key in given})
                checked += 1
        assert checked > 12
        assert packages.home(card.module) == packages.Package("toybox", usable / "toybox")
    import ast

    test = usable / "tests" / f"test_toy_{kind.replace('-', '_')}.py"
    marks = list(_marks(ast.parse(test.read_text())))
    assert marks == [("law", [card.name], "test_it")]
    runpy.run_path(str(test))["test_it"]()


def test_verbs_drive_them_from_the_command_line(usable, run, tmp_path):
    (tmp_path / "points").write_text("x" * 80)
    add = ("--import", "toybox")
    data = f"toy-data:{tmp_path / 'points'}"
    done = run("train", "toy-model", "--data", data, "--epochs", 2, "--folder", "run",
               "--set", "objective=toy-objective", *add, "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert 'imports = [\n    "toybox",\n]' in Path("run/config.toml").read_text()
    found = run("evaluate", "run", "--metrics", "toy-metric,accuracy", *add, "--json")
    values = found.json["metrics"]
    assert values["toy-metric"]["value"] == pytest.approx(1 - values["accuracy"]["value"])
    explained = run("explain", "run", "--method", "toy-explainer", *add, "--json")
    ours = run("explain", "run", "--method", "integrated_gradients:steps=4", *add, "--json")
    assert explained.json["explanations"][0]["sum"] == pytest.approx(
        2 * ours.json["explanations"][0]["sum"]
    )
    assert run("attack", "run", "--method", "toy-attack:eps=3", *add, "--json").json["turned"] > 0
    small = run("compress", "run", "--method", "toy-compressor", *add, "--json").json
    assert small["difference"] < 0.2
    weight = load_with("toybox", small["path"]).model.model.head.weight
    torch.testing.assert_close(weight, weight.mul(100).round() / 100)


def load_with(package, path):
    with plugins.using([package]):
        return load(path)


def test_what_was_made_names_the_import_that_is_missing(usable, run, tmp_path):
    (tmp_path / "points").write_text("x" * 80)
    words = ("toy-model", "--data", f"toy-data:{tmp_path / 'points'}", "--folder", "run")
    assert run("train", *words, "--epochs", 1, "--import", "toybox").code == 0
    for name in [one for one in sys.modules if one.startswith("toybox")]:
        del sys.modules[name]
    for words in (("evaluate", "run"), ("train", "run", "--resume")):
        done = run(*words)
        assert done.code == 2
        assert "--import toybox" in done.err
        assert len(done.err.strip().splitlines()) == 1
    assert not [one for one in sys.modules if one.startswith("toybox")]
    assert run("train", "run", "--resume", "--import", "toybox").code == 0
    with pytest.raises(UsageError, match=r'cartograd\.use\("toybox"\)'):
        load("run")


def test_from_python(usable):
    with plugins.using(()):
        cg.use("toybox.rooms")
        model = cg.build("toy-model:features=2,classes=2")
        assert plugins.needed(model.spec) == ["toybox.rooms"]
    with pytest.raises(UsageError, match="unknown method 'toy-model'"):
        cg.build("toy-model:features=2,classes=2")


def test_any_sampler_rides_in_generate(usable, run, tmp_path):
    write_bundle(tmp_path / "writer", writer())
    words = ("generate", "writer", "Once", "--length", 12, "--json")
    plain = run(*words).json["tokens"]
    for same in (
        ("--sampler", "greedy"),
        ("--sampler", "top-k:top=1"),
        ("--sampler", "temperature:temperature=2,greedy"),
        ("--sampler", "toy-token-sampler", "--import", "toybox"),
    ):
        assert run(*words, *same).json["tokens"] == plain
    second = run(*words, "--sampler", "toy-token-sampler:top=2", "--import", "toybox")
    assert second.json["tokens"][0] != plain[0]
    short = run(*words, "--temperature", 0.7, "--top-k", 40, "--seed", 3).json["tokens"]
    for chain in (
        ("--sampler", "temperature:temperature=0.7,top_k:top=40"),
        ("--sampler", "temperature:temperature=0.7", "--sampler", "top-k:top=40"),
        ("--temperature", 0.7, "--sampler", "top-k:top=40"),
    ):
        assert run(*words, *chain, "--seed", 3).json["tokens"] == short
    alone = run(*words, "--repetition", 1.5).json["tokens"]
    spec = "repetition-penalty:repetition=1.5,greedy"
    assert run(*words, "--sampler", spec).json["tokens"] == alone
    refused = run(*words, "--sampler", "accuracy")
    assert refused.code == 2
    assert "is of kind 'metric', expected 'token-sampler'" in refused.err
    refused = run(*words, "--sampler", "toy-sampler", "--import", "toybox")
    assert refused.code == 2
    assert "'toy-sampler' is of kind 'sampler', expected 'token-sampler'" in refused.err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("nowhere_at_all", None, "there is no module 'nowhere_at_all'"),
        ("not-a-name", None, "is no module; expected a dotted name"),
        ("cartograd.data", None, "is a part of Cartograd"),
        ("math", None, "is not Python source"),
        ("bad_one", 'name="mlp",\n    kind="model"', "the name 'mlp' is taken by the model"),
        ("bad_one", 'name="x",\n    kind="modle"', "did you mean 'model'"),
        ("bad_one", "name=made()", "its card cannot be read"),
        ("bad_one", 'name="x"', "its card cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused(name, text, message, tmp_path, monkeypatch):
    if text is not None:
        words = '    entry="x",\n    title="X",\n    zh="X",\n' if "kind" in text else ""
        (tmp_path / f"{name}.py").write_text(f"\nCARD = Card(\n    {text},\n{words})\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    known = list(registry.cards())
    with pytest.raises(UsageError, match=message):
        cg.use(name)
    assert list(registry.cards()) == known


def test_installed_packages_offer_theirs(toys, monkeypatch):
    from importlib.metadata import EntryPoint

    entry = EntryPoint("toys", "toybox.rooms", packages.GROUP)
    monkeypatch.setattr(packages, "entry_points", lambda **given: (entry,))
    packages.installed.cache_clear()
    registry.forget()
    try:
        assert registry.find("toy-metric")[0].module == "toybox.rooms.toy_metric"
    finally:
        monkeypatch.undo()
        packages.installed.cache_clear()
        registry.forget()


def test_other_processes_are_told(usable, monkeypatch):
    from cartograd.apps.cli import imports
    from cartograd.apps.verbs import ray, train

    rest, names = imports.taken(["train", "toy-model", "--import", "toybox", "--nproc", "2"])
    assert (rest, names) == (["train", "toy-model", "--nproc", "2"], ["toybox"])
    monkeypatch.setattr(train, "train", lambda *words, **given: given)
    with plugins.using(()):
        given = {"model": "toy-model", "data": "digits", "folder": "x", "imports": ["toybox"]}
        ray.work(given)
        assert plugins.used() == ("toybox",)
