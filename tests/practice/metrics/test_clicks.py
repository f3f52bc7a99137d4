"""Click-through and conversion rates: counted one by one, with Wilson's intervals."""

import pytest
import torch
from starlette.testclient import TestClient

import cartograd as cg
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load
from cartograd.core.errors import UsageError
from cartograd.data.store import packages
from cartograd.practice.metrics.ctr import ctr
from cartograd.practice.metrics.cvr import cvr
from cartograd.practice.metrics.interval import interval, wilson
from tests.reference import Reference

sklearn = Reference("sklearn.metrics")


@pytest.fixture
def lists():
    draw = torch.Generator().manual_seed(0)
    taken = (torch.rand(40, 25, generator=draw) < 0.1).long()
    return torch.rand(40, 25, generator=draw), taken


@pytest.mark.law("ctr")
def test_clicks_are_those_counted_one_by_one(lists):
    scores, taken = lists
    clicks = 0
    for row, own in zip(scores.tolist(), taken.tolist(), strict=True):
        shown = sorted(range(25), key=lambda i: -row[i])[:10]
        clicks += sum(own[i] for i in shown)
    assert ctr(scores, taken) == pytest.approx(clicks / 400, abs=1e-12)
    assert interval("ctr", scores, taken) == wilson(clicks, 400)
    hidden = scores.masked_fill(taken > 0, -torch.inf)
    assert ctr(hidden, taken) == 0


@pytest.mark.law("cvr")
def test_of_one_item_each_it_is_top_k_accuracy(lists):
    scores = lists[0].double()
    item = torch.arange(40) % 25
    right = sklearn.top_k_accuracy_score(item, scores, k=10, labels=range(25))
    assert cvr(scores, item) == pytest.approx(right, abs=1e-12)
    assert interval("cvr", scores, item) == wilson(round(40 * right), 40)
    assert ctr(scores, item) == pytest.approx(right / 10, abs=1e-12)


@pytest.mark.law("ctr")
def test_a_recommender_reports_ndcg_and_clicks(tmp_path):
    """Of the first sixty people of MovieLens."""
    if packages.show("movielens").path is None:
        pytest.skip("not there: cartograd data get movielens")
    header, *rows = (packages.where("movielens") / "movielens.csv").read_text().splitlines()
    people = [row for row in rows if int(row.rsplit(",", 3)[1]) <= 60]
    (tmp_path / "a.csv").write_text("\n".join([header, *people]) + "\n")
    run = cg.train(
        "matrix-factorisation:factors=8", f"ratings:{tmp_path}/a.csv,task=rank", epochs=2, seed=0,
        folder=tmp_path / "run",
    )  # fmt: skip
    found = cg.evaluate(run, f"ratings:{tmp_path}/a.csv,task=rank")
    assert set(found.metrics) == {"ndcg", "ctr", "cvr"}
    assert 0 < found.metrics["cvr"] < 1
    assert found.metrics["cvr"] == pytest.approx(10 * found.metrics["ctr"])
    assert [one.name for one in found.beside] == ["popularity", "item neighbours"]
    first = cg.predict(run, [{"userId": "1"}], top=5)[0]["ranking"]
    assert len(first) == 5
    titles = {row.split(",")[1].strip('"') for row in people if row.rsplit(",", 3)[1] == "1"}
    assert not titles & {one["item"] for one in first}


@pytest.mark.law("matrix-factorisation")
def test_clicks_are_told_by_a_calibrated_probability_that_is_kept_and_served(tmp_path):
    """Of somebody and a thing; whom nobody knows clicks as often as all do."""
    draw = torch.Generator().manual_seed(0)
    taste, appeal = torch.randn(2, 40, generator=draw)
    lines = []
    for i in range(1600):
        user, item = i % 40, (i // 40 * 7 + i) % 40
        likely = torch.sigmoid(0.8 * (taste[user] + appeal[item]) - 1)
        lines.append(f"u{user},i{item},{int(torch.rand(1, generator=draw) < likely)},{i}")
    (tmp_path / "log.csv").write_text("\n".join(["user,item,clicked,time", *lines]) + "\n")
    data = f"ratings:{tmp_path}/log.csv,task=click,split=random,valid=0.25"
    run = cg.train(
        "matrix-factorisation:factors=2", data, epochs=6, batch_size=64, seed=0,
        optimizer="adam:lr=0.02", calibrate="temperature", folder=tmp_path / "run",
    )  # fmt: skip
    bundle = cg.load(run.folder)
    t = bundle.signature.output.temperature
    assert t != 1
    parts = cg.dataset(data)
    bare = bundle.model.model.eval()(parts.valid.inputs).detach().double()

    def loss(by):
        return float(torch.nn.functional.cross_entropy(bare / by, parts.valid.targets))

    assert loss(t) < min(loss(1.0), loss(1.02 * t), loss(t / 1.02))
    found = cg.evaluate(run.folder, data)
    assert {"accuracy", "nll", "ece"} <= set(found.metrics)
    rows = [{"user": "u3", "item": "i5"}, {"user": "nobody", "item": "nothing"}]
    answers = cg.predict(run, rows)
    taken = parts.train.targets.double().mean()
    with TestClient(application(load(run.folder))) as http:
        served = http.post("/predict", json={"inputs": rows}).json()["predictions"]
    for one, other in zip(answers, served, strict=True):
        assert other["probabilities"] == pytest.approx(one["probabilities"], abs=1e-6)
    logit = bundle.model.model(torch.tensor([[40.0, 40.0]])).detach()[0, 1] / t
    unknown = answers[1]["probabilities"]["taken"]
    assert unknown == pytest.approx(float(logit.sigmoid()), abs=1e-6)
    assert unknown == pytest.approx(float(taken), abs=0.1)


def test_refusals():
    with pytest.raises(UsageError, match="do not belong"):
        ctr(torch.zeros(2, 3), torch.zeros(2, 4))
