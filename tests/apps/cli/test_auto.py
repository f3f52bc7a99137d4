"""The search: what it tries, how it chooses, what it leaves, and how it goes on."""

import json
import shlex
from dataclasses import replace

import pytest
import torch

import cartograd as cg
from cartograd.apps.auto import auto as auto_module
from cartograd.apps.auto import search as search_module
from cartograd.apps.auto.averaged import averaged, together
from cartograd.apps.auto.candidates import Candidate, candidates
from cartograd.apps.auto.judged import Judged
from cartograd.apps.auto.search import Search
from cartograd.apps.auto.tried import Tried
from cartograd.apps.cli import auto as auto_command
from cartograd.apps.load.choice import choice
from cartograd.core.registry import find

TABLE = "breast-cancer"


FEW = [
    Candidate("boosted-trees:trees=5", once=True),
    Candidate("mlp:widths=[8]", {"optimizer": "adamw:lr=0.01", "batch_size": 128}),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A short search on a small table: two candidates, and time enough for all rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auto_module, "candidates", lambda _: FEW)
        patch.setattr(search_module, "SEEDS", 1)
        return cg.auto(TABLE, minutes=5, folder=tmp_path_factory.mktemp("auto") / "search")


def test_every_line_trains_its_run_again(found, cli_run, tmp_path):
    line = next(one for one in found.lines if one.tried.model.startswith("mlp"))
    words = shlex.split(line.command)
    cli_run(*words[1:], "--folder", tmp_path / "again")
    again = cg.load(tmp_path / "again").model.state_dict()
    first = cg.load(found.folder / line.tried.name).model.state_dict()
    assert all(torch.equal(x, first[key]) for key, x in again.items())


def test_the_best_of_validation_is_kept_and_measured_on_test(found):
    scores = [one.tried.better for one in found.lines]
    assert scores == sorted(scores, reverse=True)
    best = cg.load(found.best)
    outputs = best.model(cg.dataset(TABLE).test.inputs)
    right = (outputs.argmax(1) == cg.dataset(TABLE).test.targets).float().mean()
    assert found.found.metrics["accuracy"] == pytest.approx(float(right))
    assert found.found.metrics["accuracy"] > 0.9
    assert found.found.baseline.startswith("better than")
    assert {one.tried.round for one in found.lines} == {1, 2, 3}
    told = json.loads((found.folder / "leaderboard.json").read_text())
    assert [one["name"] for one in told["runs"]] == [one.tried.name for one in found.lines]
    page = (found.folder / "leaderboard.html").read_text()
    assert all(line.tried.name in page for line in found.lines)
    assert page.count("<svg") >= 1


def test_a_search_that_was_stopped_goes_on(found, tmp_path, monkeypatch):
    monkeypatch.setattr(auto_module, "candidates", lambda _: FEW)
    state = json.loads((found.folder / "search.json").read_text())
    (tmp_path / "search").mkdir()
    few = [one for one in state["tried"] if one["name"] in ("1-1", "1-2")]
    for one in few:
        (tmp_path / "search" / one["name"]).symlink_to(found.folder / one["name"])
    (tmp_path / "search" / "search.json").write_text(json.dumps({"tried": few}))
    said = []
    again = cg.auto(TABLE, minutes=1e-6, folder=tmp_path / "search", resume=True, said=said.append)
    assert not any(line.startswith(("1-1:", "1-2:")) for line in said)
    kept = {one.tried.name: one.tried.score for one in again.lines}
    assert kept == {one["name"]: one["score"] for one in few}


def test_an_average_is_taken_where_it_pays(found, tmp_path):
    data = cg.dataset(TABLE)
    judged = Judged(data, TABLE)
    runs = [found.folder / one.tried.name for one in found.lines]
    for seed in range(2):
        run = tmp_path / f"weak{seed}"
        cg.train("mlp:widths=[4]", TABLE, epochs=2, seed=seed, folder=run, yardstick="none")
        runs.append(run)
    pair = averaged(runs[-2:], judged)
    if pair is not None:
        _, score = pair
        alone = judged.score(runs[-2])
        assert (score[0], -score[1]) > (alone[0], -alone[1])
    model = together({runs[-2]: 2, runs[-1]: 1}, judged)
    x = data.test.inputs
    each = [cg.load(run).model(x).softmax(1) for run in runs[-2:]]
    assert torch.allclose(model(x).softmax(1), (2 * each[0] + each[1]) / 3, atol=1e-6)


def test_candidates_fit_their_data():
    for word in (TABLE, "digits", "fashion-mnist:size=14"):
        try:
            chosen = choice(word)
        except cg.UsageError:  # not fetched here
            continue
        tried = candidates(chosen)
        assert len(tried) >= 4
        assert len({one.name for one in tried}) == len(tried)
        for one in tried:
            assert find(one.model.partition(":")[0], kind="model")


def test_what_is_rare_is_not_judged_by_accuracy():
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    rare = cg.tensors(x, (torch.arange(400) % 25 == 0).long(), labels=("no", "yes"))
    assert Judged(rare, rare).metric == "roc-auc"
    even = cg.tensors(x, torch.arange(400) % 2, labels=("no", "yes"))
    assert Judged(even, even).metric == "accuracy"
    values = cg.tensors(x, x[:, :1])
    assert Judged(values, values).metric == "rmse"
    assert Judged(values, values).sign == -1


@pytest.mark.untyped
def test_a_search_can_go_on_from_its_beginning(tmp_path):
    Search(TABLE, tmp_path / "search", 60.0, None, 0, print)
    assert json.loads((tmp_path / "search" / "search.json").read_text()) == {"tried": []}


@pytest.mark.untyped
def test_an_average_is_made_again_by_a_line_for_each_member(found, capsys):
    shown = auto_command._show
    shown(replace(found, members={one.tried.name: 1 for one in found.lines[:2]}), found.folder)
    lines = capsys.readouterr().out.splitlines()
    told = [line.split(maxsplit=1)[1] for line in lines if line.startswith("again")]
    assert told == [one.command for one in found.lines[:2]]


def test_finalists_are_unlike_each_other():
    ranked = [
        Tried("2-1", "mlp", {"epochs": 20, "seed": 0}, 2, 0.9),
        Tried("1-1", "mlp", {"epochs": 5, "seed": 0}, 1, 0.8),
        Tried("1-2", "lenet5", {"epochs": 5, "seed": 0}, 1, 0.7),
    ]
    assert [one.name for one in Search._unlike(ranked)] == ["2-1", "1-2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("auto", "--data", TABLE, "--epochs", "3"), "chooses by itself; leave --epochs out"),
        (("auto", "--data", TABLE, "--set", "batch_size=3"), "setting of train auto"),
        (("auto", "--data", TABLE, "--set", "metric=acuracy"), "did you mean 'accuracy'?"),
        (("auto", "--data", TABLE, "--minutes", "0"), "expected more than 0"),
        (("auto", "--data", TABLE, "--resume"), "give the folder"),
        (("auto", "--data", TABLE, "--folder", "."), "exists already"),
        (("auto", "--data", TABLE, "--folder", ".", "--resume"), "holds no search"),
        (("auto", "--data", TABLE, "--folder", "/dev/null/search"), "cannot make /dev/null/search"),
        (("auto:models=3", "--data", TABLE, "--minutes", "1"), "has no arguments"),
        (("auto",), "no data was given"),
        (("mlp", "--data", TABLE, "--minutes", "3"), "is of the search `train auto`"),
        (("auto", "--data", "breast-cancer:valid=0"), "has no validation part"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(cli_run, tmp_path, words, message):
    done = cli_run("train", *words)
    assert done.code == 2
    assert message in done.err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
