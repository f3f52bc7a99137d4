"""What a model gives away, from the command line and from Python."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run on digits with canaries."""
    folder = tmp_path_factory.mktemp("leak") / "run"
    how = {"epochs": 25, "canaries": 200, "samples": 0, "seed": 4}
    cg.train("mlp:widths=[64],activation=tanh", "digits", folder=folder, **how)
    return folder


QUICK = {
    "membership": "membership",
    "lira": "lira:shadows=2,epochs=1",
    "rmia": "rmia:shadows=2,epochs=1",
    "canaries": "canaries",
    "model-inversion": "model-inversion:steps=40,epochs=2,restarts=1",
    "gradient-inversion": "gradient-inversion:examples=2,steps=150,restarts=1",
}


@pytest.mark.place("privacy/model-inversion")
def test_every_attack_is_told_and_drawn(run, cli_run, tmp_path):
    words = [word for spec in QUICK.values() for word in ("--method", spec)]
    done = cli_run("leak", run, *words, "--examples", 100, "--out", "found.png", "--json")
    assert done.code == 0, done.err
    told = dict(zip(QUICK, done.json["methods"], strict=True))
    for name, found in told.items():
        own = {"membership": "membership"}.get(name, name)
        assert (tmp_path / f"found-{own}.png").read_bytes()[:4] == b"\x89PNG"
        assert found["data"] == "digits"
        assert found["verdict"]
        assert len(found["interval"]) == 2
    assert told["canaries"]["members"] + told["canaries"]["others"] == 200
    assert told["canaries"]["auc"] > 0.7 > told["canaries"]["control"]["auc"]
    assert told["membership"]["members"] == 100
    assert "canaries, of wrong class" in told["membership"]["notes"][0]
    assert told["model-inversion"]["recognised"] > 0.5
    assert told["gradient-inversion"]["come_back"] == 1


def test_a_declared_epsilon_is_refuted_in_words(run, cli_run):
    done = cli_run("leak", run, "--method", "canaries", "--epsilon", 0.2)
    assert done.code == 0, done.err
    assert "REFUTED: eps >= " in done.out
    assert "0.2 was declared" in done.out
    assert (run / "leak-canaries.png").exists()


def test_python_gives_the_figures(run):
    found = cg.leak(run, "digits", method="canaries", delta=1e-4)
    low, high = found.interval
    assert low <= found.value <= high
    assert found.leaks
    assert abs(found.by_chance - 0.5) < 0.15
    assert found.examples == found.found.leak.members
    assert found.to_json()["verdict"] == found.verdict


def test_a_module_of_ones_own_is_attacked(run):
    data = cg.dataset("digits")
    torch.manual_seed(0)
    own = cg.sign(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), data.signature)
    found = cg.leak(own, data, method="lira:shadows=2,epochs=1", examples=50)
    assert found.source == "digits"
    assert not found.leaks
    with pytest.raises(UsageError, match="does not say what it was trained on; give its data"):
        cg.leak(own)
    with pytest.raises(UsageError, match="one part alone; give the whole dataset"):
        cg.leak(own, data.test)
    with pytest.raises(UsageError, match="trained without canaries; train it with --set canaries"):
        cg.leak(own, data, method="canaries")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--method", "lirra"), "unknown privacy-attack 'lirra'; did you mean 'lira'?"),
        (("--method", "lira:shadows=3"), "shadows=3: every example is to be in half of them"),
        (("--method", "rmia:gamma=0"), "gamma=0 is out of range; expected above 0"),
        (("--examples", 0), "examples=0 leaves nothing to look at"),
        (("--examples", 4), "4 examples tell nothing; expected 10 at least"),
        (("--data", "moons"), "the model knows an input of kind image, the data has vector"),
        (("--epsilon", -1), "epsilon=-1"),
    ],
)
def test_what_cannot_be_is_refused(run, cli_run, tmp_path, words, why):
    done = cli_run("leak", run, *words, "--out", tmp_path / "x.png")
    assert done.code == 2
    assert why in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.glob("*.png"))


def test_canaries_are_settings_of_a_training(cli_run, tmp_path):
    words = ("train", "mlp", "--data", "digits", "--dry-run", "--set")
    done = cli_run(*words, "canaries=100")
    assert done.code == 0, done.err
    assert "training examples have a wrong class and" in done.err + done.out
    done = cli_run(*words, "canaries=3")
    assert done.code == 2
    assert "canaries=3 is out of range; expected 20" in done.err


@pytest.mark.parametrize("method", ["lira", "model-inversion"])
def test_a_tree_is_asked_and_not_imitated(tmp_path, method):
    run = cg.train("decision-tree:depth=2", "breast-cancer", folder=tmp_path / "tree")
    assert cg.leak(run).examples > 50
    with pytest.raises(UsageError, match="decision-tree grows at once, and networks beside it"):
        cg.leak(run, method=method)
