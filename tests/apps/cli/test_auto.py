"""The search: what it tries, how it chooses, what it leaves, and how it goes on."""

import json
import shlex
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import cartograd as cg
from cartograd.apps.auto import auto as auto_module
from cartograd.apps.auto import candidates as candidates_module
from cartograd.apps.auto import search as search_module
from cartograd.apps.auto import timed as timed_module
from cartograd.apps.auto.averaged import averaged, together
from cartograd.apps.auto.candidates import Candidate, candidates
from cartograd.apps.auto.folds import Folds, folds
from cartograd.apps.auto.judged import Judged
from cartograd.apps.auto.remembered import remembered
from cartograd.apps.auto.search import Search
from cartograd.apps.auto.timed import Timed
from cartograd.apps.auto.tried import Tried
from cartograd.apps.cli import auto as auto_command
from cartograd.apps.load import source
from cartograd.apps.load.choice import choice
from cartograd.apps.load.source import read_once
from cartograd.core.registry import find
from cartograd.core.spec import Spec
from cartograd.training.transfer import freeze

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
        patch.setattr(Folds, "count", 2)
        return cg.auto(TABLE, minutes=5, folder=tmp_path_factory.mktemp("auto") / "search")


def test_every_line_trains_its_run_again(found, cli_run, tmp_path):
    line = next(one for one in found.lines if one.tried.model.startswith("mlp"))
    words = shlex.split(line.command)
    cli_run(*words[1:], "--folder", tmp_path / "again")
    again = cg.load(tmp_path / "again").model.state_dict()
    first = cg.load(found.folder / line.tried.name).model.state_dict()
    assert all(torch.equal(x, first[key]) for key, x in again.items())


def test_the_best_of_validation_is_kept_and_measured_on_test(found):
    tried = [one.tried for one in found.lines]
    again = Judged(cg.dataset(TABLE), TABLE).ranked(tried[::-1])
    assert [one.better for one in again] == [one.better for one in tried]
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


def test_where_few_are_held_out_every_example_judges(found):
    first = [one for one in found.lines if one.tried.round == 1]
    assert len(first) == 2
    data = Folds(cg.dataset(TABLE))
    for one in first:
        outputs, targets = data.answers(found.folder / one.tried.name)
        right = float((outputs.argmax(1) == targets).float().mean())
        assert len(targets) == len(data.data.train) + len(data.data.valid)
        assert one.tried.crossed == pytest.approx(right)
    assert found.judges.startswith("by cross-validation of 442 ")
    assert not Folds(cg.tensors(torch.randn(1500, 2), torch.arange(1500) % 2)).few
    assert Folds(cg.tensors(torch.randn(1500, 2), (torch.arange(1500) % 30 == 0).long())).few


def test_what_judges_was_not_learned_from():
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    x[1::2] = x[::2]  # copies, which one could learn by heart
    y = torch.randint(2, (100,), generator=torch.Generator().manual_seed(1)).repeat_interleave(2)
    data = Folds(cg.tensors(x, y, valid=0.2, test=0.1))
    said = list(data.runs(Tried("1-1", "random-forest:trees=2,depth=7", {"seed": 0}), {}))
    rows = torch.cat([held for held, _ in said])
    assert rows.sort().values.tolist() == list(range(len(data.pool)))
    right = torch.cat([one.argmax(1) for _, one in said]) == data.pool.targets[rows]
    assert float(right.float().mean()) < 0.65
    place = folds(x, y, 5)
    assert torch.equal(place[::2], place[1::2])


@pytest.mark.untyped
def test_time_may_run_by_the_processor(tmp_path):
    search = Search(TABLE, tmp_path / "search", 100.0, None, 0, print, 7.0, lambda: 27.0)
    assert search.left == pytest.approx(70)


def test_the_card_of_the_data_is_made_once(tmp_path, monkeypatch):
    one = [Candidate("boosted-trees:trees=2", once=True)]
    monkeypatch.setattr(auto_module, "candidates", lambda _: one)
    monkeypatch.setattr(search_module, "SEEDS", 0)
    rows = "".join(f"{at * 37 % 101},{at * at % 17},{'ab'[at % 2]}\n" for at in range(120))
    (tmp_path / "a.csv").write_text("u,v,target\n" + rows)
    said = []
    found = cg.auto(str(tmp_path / "a.csv"), folder=tmp_path / "search", said=said.append)
    assert any("fit for training" in line for line in said)
    card = (found.folder / "data.json").read_text()
    assert (found.folder / "1-1" / "data.json").read_text() == card


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


def test_of_equally_many_right_answers_the_less_sure_are_worse():
    data = cg.dataset(TABLE)
    tried = [
        Tried("lucky", "mlp", score=1.0, loss=0.4),
        Tried("sure", "mlp", score=50 / 51, loss=0.1),
        Tried("failed", "mlp", score=0.99, loss=0.0, failed="too slow"),
        Tried("far", "mlp", score=0.8, loss=0.05),
    ]
    by_count, by_rank = Judged(data, TABLE), Judged(data, TABLE, "average-precision")
    assert [one.name for one in by_count.ranked(tried)] == ["sure", "lucky", "far"]
    assert [one.name for one in by_rank.ranked(tried)] == ["lucky", "sure", "far"]
    assert by_count.rank((0.98, 0.1)) > by_count.rank((1.0, 0.4))
    assert by_rank.rank((0.98, 0.1)) < by_rank.rank((1.0, 0.4))
    judged = [Tried("held", "mlp", score=1.0, loss=0.0), *tried[:2]]
    judged[1:] = [replace(one, crossed=0.9, crossed_loss=one.loss) for one in judged[1:]]
    assert [one.name for one in by_count.ranked(judged)] == ["sure", "lucky", "held"]


@pytest.fixture
def timed(monkeypatch):
    """Of 100 seconds all are left; an epoch takes six, and twenty are usual."""
    monkeypatch.setattr(timed_module, "probe", lambda plan, *_, **__: (0, 6 * plan, 0))
    monkeypatch.setattr(timed_module, "planned", lambda *_, **__: Epochs(20))
    return Timed(TABLE, 0, lambda: 0.0, lambda: 100.0)


def test_a_few_epochs_are_let_through(timed):
    assert timed.fits(FEW[1], (10.0, 20.0), most=1, first=False) == (3, 18.0)
    assert timed.fits(FEW[1], (60.0, 20.0), most=1, first=False)[0] == 10
    assert timed.fits(FEW[1], (1.0, 2.0), most=1, first=False) == (1, 6.0)
    timed.left = lambda: 20.0
    with pytest.raises(cg.UsageError, match="an epoch takes about 6"):
        timed.fits(FEW[1], (1.0, 2.0), most=1, first=False)


def test_where_no_two_have_a_few_epochs_the_first_has_the_time(timed):
    """Two with eight would take 96 seconds."""
    said = []
    timed.said = said.append
    assert timed.fits(FEW[1], (10.0, 20.0), most=1, first=True)[0] == 3
    assert not said
    timed.left = lambda: 45.0
    assert timed.fits(FEW[1], (10.0, 20.0), most=1, first=True)[0] == 7
    assert "no two could have 8 each" in said[0]


def test_all_weights_of_what_was_looked_at_are_not_timed_in_vain(timed):
    timed.looks[FEW[1].model] = 0.5
    with pytest.raises(cg.UsageError, match="takes more than 6 min 40 s, and no time was left"):
        timed.fits(FEW[1], (0.0, 0.0), most=1, first=False)


@pytest.mark.untyped
def test_a_candidate_is_not_trained_again_for_no_longer(tmp_path, timed):
    search = Search(TABLE, tmp_path / "search", 600.0, None, 0, print)
    search.timed = timed
    search.tried.append(Tried("1-1", FEW[1].model, {**FEW[1].settings, "epochs": 3, "seed": 0}))
    assert search._epochs(FEW[1], (24.5, 0.0), 2)[0] == 4
    with pytest.raises(cg.UsageError, match="3 epochs fit, and it had 3"):
        search._epochs(FEW[1], (20.0, 0.0), 2)


def test_what_grows_gets_fewer_trees_where_all_do_not_fit(monkeypatch):
    """Ten seconds to begin with, and two for each tree."""
    said = []
    timed = Timed(TABLE, 0, lambda: 0.0, lambda: 200.0, said.append)
    monkeypatch.setattr(Timed, "_grows", lambda *given: 10.0 + 2 * given[-1])
    some = Candidate("boosted-trees:trees=300,depth=3", once=True)
    assert timed.grown(some).model == "boosted-trees:trees=44,depth=3"
    assert "300 trees take about 10 min" in said[0]
    timed.left = lambda: 10_000.0
    assert timed.grown(some) == some
    timed.left = lambda: 50.0
    with pytest.raises(cg.UsageError, match="growth cannot stop"):
        timed.grown(some)


def test_growth_is_timed_on_some_rows(monkeypatch):
    monkeypatch.setattr(timed_module, "ROWS", 100)
    ticks = iter(range(99))
    timed = Timed(TABLE, 0, lambda: float(next(ticks)), lambda: 200.0)
    data = cg.dataset(TABLE)
    rows = len(range(0, len(data.train), len(data.train) // 100))
    spec = Spec.parse("boosted-trees:trees=5")
    assert timed._grows(FEW[0], spec, 2) == pytest.approx(len(data.train) / rows)


class Epochs(int):
    """A plan of which only the epochs are asked, which times as many."""

    model = torch.nn.Linear(2, 2)
    data = SimpleNamespace(train=range(400))

    def value(self, _):
        return int(self)


def test_a_training_that_is_under_way_at_the_end_is_cut_short(tmp_path):
    data, said = cg.dataset(TABLE), []
    search = Search(TABLE, tmp_path / "search", 600.0, Judged(data, TABLE), 0, said.append)
    search.began -= 10_000
    done = search._trained(Tried("1-1", "mlp:widths=[4]", {"epochs": 9}), 0.0)
    assert done.cut
    again = Judged(data, TABLE).score(tmp_path / "search" / "1-1")  # of the bundle
    assert (done.score, done.loss) == pytest.approx(again)
    assert len(cg.load(tmp_path / "search" / "1-1").about) > 0
    assert done.score > 0


@pytest.mark.untyped
def test_files_are_read_once(monkeypatch):
    reads = []
    monkeypatch.setattr(source, "_read", lambda spec, args: reads.append(str(spec)) or object())
    with read_once():
        assert source.dataset(TABLE) is source.dataset(TABLE)
        assert source.dataset("digits") is not source.dataset(TABLE)
    source.dataset(TABLE)
    assert reads == [TABLE, "digits", TABLE]


def test_what_is_published_and_not_here_is_said(monkeypatch):
    photos = cg.tensors(torch.rand(30, 3, 64, 64), torch.arange(30) % 2, bounds=(0.0, 1.0))
    for known in (True, False):
        monkeypatch.setattr(candidates_module, "is_here", lambda _, known=known: known)
        assert bool(candidates_module.absent(choice(photos))) is not known
        assert candidates_module.absent(choice(TABLE)) == []


def test_what_is_frozen_is_computed_once():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    freeze(net, ["0"])
    x, kept = torch.randn(8, 3), {}
    usual, own = net(x), net[0].forward
    with remembered(net, kept):
        assert torch.allclose(net(x), usual)
        counted = net[0].forward
        assert torch.allclose(net(x[[5, 1, 1]]), usual[[5, 1, 1]])
        net(x.flip(0)).sum().backward()
        assert net[2].weight.grad.any()
        moved = x + 1
        assert not torch.allclose(net(moved), usual)
        with torch.autocast("cpu", torch.bfloat16):
            assert net(x).dtype == net(x.flip(0)).dtype == torch.bfloat16
            assert torch.equal(net(x), net(x.flip(0)).flip(0))
            net(x).sum().backward()
    assert len(kept) == 24
    assert counted is not own
    assert "forward" not in vars(net)
    assert "forward" not in vars(net[0])
    assert torch.equal(net(x), usual)


def test_a_text_is_read_once_however_it_is_filled_up():
    net = cg.build(
        "sentence-encoder:vocabulary=11,padding_id=0,context=16,dim=8,heads=2,depth=2", classes=3
    )
    freeze(net, ["encoder"])
    x, kept = torch.tensor([[3, 4, 0, 0], [5, 6, 7, 0], [5, 6, 7, 0]]), {}
    net.eval()
    usual = net(x)
    net.train()
    with remembered(net, kept):
        assert torch.allclose(net(x), usual, atol=1e-6)
        assert torch.allclose(net(x[:, :3]), usual, atol=1e-6)
        net(x).sum().backward()
        assert net.head.weight.grad.any()
    assert len(kept) == 2
    net.eval()
    with remembered(net, kept, headed=True):
        assert torch.allclose(net(x), usual, atol=1e-6)
        assert torch.allclose(net(x[:1]), usual[:1], atol=1e-6)
        kept.update(dict.fromkeys(kept, torch.zeros(8)))
        assert torch.allclose(net(x), net.head.bias.expand(3, -1))  # nothing is asked again
        assert torch.allclose(net(x[:1]), usual[:1], atol=1e-6)  # but one alone, which is timed


def test_a_tree_grows_once(cli_run, tmp_path):
    done = cli_run("train", "boosted-trees", "--data", TABLE, "--epochs", "5")
    assert done.code == 2
    assert "would grow the same 5 times" in done.err.splitlines()[-1]


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
        (("auto", "--data", TABLE, "--set", "clock=sun"), "unknown clock 'sun'"),
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
