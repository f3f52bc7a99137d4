"""A method of each kind is two files, also in a package of one's own; all else finds it."""

import importlib
import inspect
import json
import runpy
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

import cartograd as cg
from cartograd.core import card, packages, plugins, registry
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.foundations.initialization.initialise import initialise
from tests.apps.toys import KINDS, NOT_ADDED, write
from tests.apps.verbs.test_generate import writer
from tests.commands import command
from tests.conformance import test_data
from tests.conformance.test_proofs import _marks


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A package of throw-away methods on Python's path: a source and a test each."""
    folder = tmp_path / "lib"
    write(folder)
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


def test_every_kind_is_tried():
    """A new kind adds a toy, or says why users cannot add a method of it."""
    assert set(card.KINDS) == {*KINDS, *NOT_ADDED}
    assert not set(KINDS) & set(NOT_ADDED)
    assert {one.kind for one in registry.cards().values()} <= set(card.KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_conformance_finds_it(kind, usable, tmp_path, monkeypatch):
    """Every check of the suite that is for its kind, but for those of the map."""
    with plugins.using(["toybox"]):
        found, _ = registry.find(f"toy-{kind}", kind=kind)
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
                given = {
                    "tmp_path": folder,
                    "made": test_data.maker(folder),
                    "monkeypatch": monkeypatch,
                }
                torch.manual_seed(0)
                check(found, **{key: given[key] for key in known if key in given})
                checked += 1
        assert checked > 12
        assert packages.home(found.module) == packages.Package("toybox", usable / "toybox")
    import ast

    test = usable / "tests" / f"test_toy_{kind.replace('-', '_')}.py"
    marks = list(_marks(ast.parse(test.read_text())))
    assert marks == [("law", [found.name], "test_it")]
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
    studied = run("explain", "run", "--method", "toy-study", "--examples", 9, *add, "--json").json
    assert studied["right"] <= studied["examples"] == 9
    assert run("attack", "run", "--method", "toy-attack:eps=3", *add, "--json").json["turned"] > 0
    scanned = run(
        "scan", "run", "--method", "toy-detector", "--poison", "toy-poison", *add, "--json"
    )
    assert scanned.json["methods"][0]["method"] == "toy-detector"
    assert scanned.json["planted"] == 1
    words = ("--method", "toy-purifier", "--attack", "toy-attack:eps=3")
    defended = run("defend", "run", *words, *add, "--json").json
    assert [one["method"] for one in defended["purifiers"]] == ["none", "toy-purifier"]
    small = run("compress", "run", "--method", "toy-compressor", *add, "--json").json
    assert small["difference"] < 0.2
    weight = load_with("toybox", small["path"]).model.model.head.weight
    torch.testing.assert_close(weight, weight.mul(100).round() / 100)


def test_train_takes_every_part_of_a_run(usable, run, tmp_path):
    """Activation, loss, penalty, optimizer, schedule, clipping and average, by their names."""
    objective = "classify:loss=toy-loss,penalty=toy-regulariser"
    done = run("train", "mlp:widths=[5],activation=toy-activation", "--data", "xor", "--epochs", 2,
               "--folder", "run", "--optimizer", "toy-optimizer:lr=0.1", "--set",
               f"objective={objective}", "schedule=toy-schedule", "clip=toy-clipping:max=0.2",
               "average=toy-average", "--import", "toybox", "--json")  # fmt: skip
    assert done.code == 0, done.err
    config = Path("run/config.toml").read_text()
    for word in ("loss", "regulariser", "optimizer", "schedule", "clipping", "average"):
        assert f"toy-{word}" in config
    records = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    first, second = [record["lr"] for record in records if record["at"] == "epoch"]
    steps = [record["step"] for record in records if record["at"] == "epoch"]
    assert [first, second] == pytest.approx([0.1 / step for step in steps])
    model = load_with("toybox", "run").model.model
    assert "toy-activation" in repr(model)
    with pytest.raises(UsageError, match="toy-activation"):
        cg.build("mlp:features=2,classes=2,activation=toy-activation")


def test_train_augments_with_it(usable, run):
    losses = []
    for name in ("toy-augmentation", "affine:degrees=0"):
        done = run("train", "lenet5", "--data", "digits", "--epochs", 1, "--folder", name, "--json",
                   "--set", f"augment={name}", "--import", "toybox")  # fmt: skip
        assert done.code == 0, done.err
        lines = Path(name, "metrics.jsonl").read_text().splitlines()
        losses.append(json.loads(lines[-1])["train/loss"])
    assert losses[0] != losses[1]
    assert "toy-augmentation" in Path("toy-augmentation/config.toml").read_text()


def test_export_and_predict_take_files_of_its_own(usable, run, tmp_path):
    (tmp_path / "numbers").write_text("1 2 -1")
    add = ("--import", "toybox")
    said = run(
        "predict", f"toy-weights:{tmp_path / 'numbers'}", "1,1,1", "-1,-1,-1", *add, "--json"
    )
    assert said.code == 0, said.err
    chosen = [json.loads(line)["label"] for line in said.out.splitlines()]
    assert chosen == ["1", "0"]
    done = run("import", f"toy-weights:{tmp_path / 'numbers'}", "made", *add)
    assert done.code == 0, done.err
    done = run("export", "made", "--to", "toy-exporter", "--out", "file", *add, "--json")
    assert done.code == 0, done.err
    tensors = safetensors.torch.load_file(tmp_path / "file")
    assert [1.0, 2.0, -1.0] in next(iter(t for t in tensors.values() if t.ndim == 2)).tolist()


def test_what_only_python_takes(usable):
    """Parts of models and functions of no verb: `build` gives them by name."""
    with plugins.using(["toybox"]):
        layer = cg.build("toy-layer:dim=3")
        assert layer(torch.ones(2, 3)).shape == (2, 3)
        assert cg.build("toy-normalisation:features=2")(torch.ones(1, 2)).tolist()[0] == (
            pytest.approx([1, 1], abs=1e-5)
        )
        assert initialise(layer, "toy-initialiser").map.weight.abs().max() <= 0.1
        assert cg.build("toy-text-metric")(["a", "b"], ["a", "c"]) == 0.5
        assert cg.build("toy-sample-metric")(torch.ones(3), torch.zeros(2)) == 1
        assert cg.build("toy-diagnostic")([{}, {}]).epochs == 2
        assert [row.square for row in cg.build("toy-demonstration")()] == [0, 1, 4, 9]
        taken = cg.build("toy-measurement")(lambda call, seconds: call() * seconds)
        assert taken.seconds == pytest.approx(3.6)
        scores = torch.eye(5).roll(1, 1)
        found = cg.build("toy-decoding", length=3)(lambda given: scores[given], torch.tensor([[0]]))
        assert found.tolist() == [[1, 2, 3]]


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
        ("--sampler", "top-k:k=1"),
        ("--sampler", "temperature:temperature=2,greedy"),
        ("--sampler", "toy-token-sampler", "--import", "toybox"),
    ):
        assert run(*words, *same).json["tokens"] == plain
    second = run(*words, "--sampler", "toy-token-sampler:k=2", "--import", "toybox")
    assert second.json["tokens"][0] != plain[0]
    short = run(*words, "--temperature", 0.7, "--top-k", 40, "--seed", 3).json["tokens"]
    for chain in (
        ("--sampler", "temperature:temperature=0.7,top_k:k=40"),
        ("--sampler", "temperature:temperature=0.7", "--sampler", "top-k:k=40"),
        ("--temperature", 0.7, "--sampler", "top-k:k=40"),
    ):
        assert run(*words, *chain, "--seed", 3).json["tokens"] == short
    alone = run(*words, "--repetition", 1.5).json["tokens"]
    spec = "repetition-penalty:repetition_penalty=1.5,greedy"
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
    from cartograd.core import screen

    rest, names = screen.taken(
        ["train", "toy-model", "--import", "toybox", "--nproc", "2"], imports.FLAG, "toybox"
    )
    assert (rest, names) == (["train", "toy-model", "--nproc", "2"], ["toybox"])
    monkeypatch.setattr(train, "train", lambda *words, **given: given)
    with plugins.using(()):
        given = {"model": "toy-model", "data": "digits", "folder": "x", "imports": ["toybox"]}
        ray.work(given)
        assert plugins.used() == ("toybox",)
