import json
from functools import cache

import pytest
import torch
from PIL import Image
from scipy.stats import sem, t

import cartograd as cg
from cartograd.apps.load.target import as_bundle
from cartograd.apps.results.league import Row
from cartograd.apps.verbs.judges import judges_by
from cartograd.apps.verbs.league import FAMILIES
from cartograd.apps.verbs.league_controls import Drawn, controls
from cartograd.apps.verbs.league_entry import entry_of, evaluations
from cartograd.apps.verbs.league_figures import ruler_of
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.dataset.own_targets import own_targets
from cartograd.engine.logging.view import View
from cartograd.engine.loop.budget import Budget

TINY = ("vae:widths=[8],latent=2", "gan:width=4/wgan-gp:width=4")


@cache
def digits():
    return cg.dataset("digits")


@pytest.fixture(scope="module")
def judges(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judges")
    cg.fit(
        cg.build("classify", model=(model := cg.build("lenet5", signature=digits().signature))),
        digits().train.batches(), epochs=2, device="cpu", optimizer="adamw:lr=3e-3",
    )  # fmt: skip
    cg.save(model, folder / "judge")
    return folder / "judge", folder / "judge"


@pytest.fixture(scope="module")
def league(judges, tmp_path_factory):
    place, said = tmp_path_factory.mktemp("league") / "out", []
    options = {"budget": 0.3, "models": TINY, "count": 40, "folder": place, "judges": judges}
    return place, said, options, cg.league("digits", **options, said=said.append)


def test_rows_are_models_and_controls_with_their_figures(league):
    place, _, _, found = league
    names = [row.name for row in found.rows]
    assert set(names[:2]) == set(TINY)
    assert [row.control for row in found.rows] == [False] * 2 + [True] * 5
    told = json.loads((place / "league.json").read_text())
    assert [row["name"] for row in told["rows"]] == names
    rows = {row["name"]: row for row in told["rows"]}
    real, copies = rows["real test examples"], rows["a tenth of them, ten times each"]
    assert real["nfid"] < rows["each pixel by itself"]["nfid"] < rows[TINY[1]]["nfid"]
    assert copies["memorisation"] == pytest.approx(0, abs=1e-6)
    assert copies["copies"] == 1
    assert real["copies"] == 0
    assert "copies" in copies["flags"]
    assert "copies" not in real["flags"]
    vae = rows[TINY[0]]
    assert vae["kind"] == "elbo"
    assert vae["train"] >= 0.3
    assert vae["steps"] > 0
    assert told["seeds"] == [0]


def test_the_pages_are_there_with_each_row(league):
    place, _, _, found = league
    page, text = (place / "league.html").read_text(), (place / "league.md").read_text()
    assert page.count("<img") >= 20 * len(found.rows)
    for row in found.rows:
        assert row.name in page
        assert f"| {row.name} |" in text
    assert "of 40 examples" in text
    assert found.repeat in text
    with Image.open(place / "league.png") as picture:
        assert picture.size == (10 * 98 - 2, len(found.rows) * 98 - 2)


def test_a_seed_that_is_done_is_not_done_again_and_two_have_a_mean(league, monkeypatch):
    place, _, options, found = league
    pages = {path: path.read_bytes() for path in place.glob("league.*")}
    monkeypatch.setattr("cartograd.apps.verbs.league.controls", lambda *_, **__: {})
    said = []
    more = options | {"models": TINY[:1], "seeds": 2}
    both = cg.league("digits", **more, said=said.append)
    text = (place / "league.md").read_text()
    for path, content in pages.items():  # for the other tests
        path.write_bytes(content)
    assert said[:2] == [
        f"{TINY[0]}, seed 0: done before", f"{TINY[0]}, seed 1: training for 0.3 processor seconds",
    ]  # fmt: skip
    (row,) = both.to_json()["rows"]
    one, other = row["each"]
    assert one == next(kept for kept in found.rows if kept.name == TINY[0]).each[0]
    assert row["nfid"] == pytest.approx((one["nfid"] + other["nfid"]) / 2)
    assert one["nfid"] != other["nfid"]
    assert row["spread"]["nfid"] == pytest.approx(abs(one["nfid"] - other["nfid"]) / 2**0.5)
    assert f"{row['nfid']:,.1f} ± {row['spread']['nfid']:,.1f}" in text
    low, high = t.interval(0.95, 1, loc=row["nfid"], scale=sem([one["nfid"], other["nfid"]]))
    assert row["intervals"]["nfid"] == pytest.approx((low, high), abs=1e-3)
    assert "reaches 8.98 either way" in text
    assert "--seeds 2" in both.repeat


def test_collapse_and_copies_are_flagged_and_real_examples_are_not(judges):
    """By the figures that a league has, of sets that no training had to make."""
    ruler = ruler_of(digits(), judges_by(*map(as_bundle, judges)))
    part = digits().train.select(range(len(digits().train)))
    own, test = part.inputs[part.targets == 3], digits().test.select(range(300))
    sets = {
        "one class": Drawn(own[:100].repeat(3, 1, 1, 1), torch.arange(300) % 10),
        "by heart": Drawn(part.inputs[:300], part.targets[:300]),
        "test": Drawn(test.inputs, test.targets),
    }
    flags = {name: Row(name, (ruler.figures(one),)).flags(10) for name, one in sets.items()}
    assert flags == {
        "one class": ["collapse", "copies", "no class"], "by heart": ["copies"], "test": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "task", "calls"),
    [
        ("pixelcnn:width=4,depth=1", "density", 64),
        ("vae:widths=[4],latent=2", "density", 1),
        ("ddpm:width=8,sampling_steps=3", "generate", 3),
    ],
)
def test_calls_of_the_network_are_counted(spec, task, calls):
    """One for each step, and one for each number that is drawn after the other."""
    data = own_targets(digits(), task, conditional=True)
    torch.manual_seed(0)
    found = build(spec, kind="model", signature=data.signature)
    assert evaluations(found) == calls


def test_rates_of_games_stay_and_others_fall():
    steady = {word: entry_of(word).is_steady for word in FAMILIES}
    assert [word for word, stays in steady.items() if stays] == ["gan", "gan/wgan-gp"]


def test_a_rate_has_fallen_when_the_budget_is_spent():
    budget, factors = Budget(10.0), []
    for budget.spent in (0.0, 0.5, 1.0, 5.5, 9.9, 10.0, 12.0):
        factors.append(budget.factor(0))
    assert factors == pytest.approx([0.1, 0.5, 1, 0.5, 0.0003, 0, 0], abs=1e-4)


def test_controls_are_what_they_say():
    data = digits()
    found = controls(data, 50)
    copies = found["a tenth of them, ten times each"].x
    assert len(copies.flatten(1).unique(dim=0)) == 5
    normal = found["a normal distribution of each class"]
    assert normal.y.bincount().tolist() == [5] * 10
    pixels = found["each pixel by itself"].x
    seen = data.train.select(range(len(data.train))).inputs.flatten(1)
    assert all(set(p.tolist()) <= set(s.tolist()) for p, s in zip(
        pixels.flatten(1).T, seen.T, strict=True
    ))  # fmt: skip
    again = controls(data, 50)
    assert all(torch.equal(found[name].x, again[name].x) for name in found)


def test_a_budget_ends_a_run_at_the_first_step_beyond_it(monkeypatch):
    clock = iter([10.0, 10.5, 11.0, 12.5, 13.0])
    monkeypatch.setattr("time.process_time", lambda: next(clock))

    view, budget = View(None, {}), Budget(2.0)
    budget.on_start(view)
    stops = []
    for _ in range(3):
        budget.on_step(view)
        stops.append(view.stopped)
    assert stops == [False, False, True]
    budget.on_end(view)
    assert budget.spent == 3.0


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("digits", {"budget": 0}, "budget=0 is no time"),
        ("digits", {"budget": float("nan")}, "budget=nan is no time"),
        ("digits", {"seeds": 0}, "seeds=0 trains nothing"),
        ("digits", {"count": 5}, "count=5 examples say nothing"),
        ("digits", {"models": ("lenet5",)}, "lenet5 draws no examples"),
        ("digits", {"models": ("gan/sgd",)}, "sgd"),
        ("moons", {"models": TINY}, "pictures with classes, and moons is none"),
    ],
)
def test_what_makes_no_league_is_refused_before_anything_is_written(
    data, options, message, tmp_path
):
    with pytest.raises(UsageError, match=message):
        cg.league(data, folder=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
