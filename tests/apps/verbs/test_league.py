import json
from functools import cache

import pytest
import torch

import cartograd as cg
from cartograd.apps.verbs.league_controls import controls
from cartograd.core.errors import UsageError
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
    assert vae["parameters"] > 0
    assert vae["nfe"] == 1


def test_the_pages_are_there_with_each_row(league):
    place, _, _, found = league
    page, text = (place / "league.html").read_text(), (place / "league.md").read_text()
    assert page.count("<img") >= 20 * len(found.rows)
    for row in found.rows:
        assert row.name in page
        assert f"| {row.name} |" in text
    assert "of 40 examples" in text
    assert found.repeat in text


def test_an_entry_that_is_done_is_not_done_again(league):
    place, _, options, found = league
    said = []
    again = cg.league("digits", **options, said=said.append)
    assert f"{TINY[0]}: done before" in said
    assert again.to_json() == found.to_json()
    kept = place / "entries"
    stamps = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(stamps) == 6


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
