"""Translation goes the whole way by its task: train, evaluate, predict, report."""

import json

import pytest
from starlette.testclient import TestClient

import cartograd as cg
from cartograd.apps.results.evaluation import Text
from cartograd.apps.server.app import application
from cartograd.apps.server.body import Limits
from cartograd.apps.server.load import load as load_served
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load
from cartograd.practice.metrics.bleu import bleu
from cartograd.practice.metrics.chrf import chrf
from tests.commands import command

MODELS = (
    "seq2seq:dim=8",
    "t5:dim=8,heads=2,depth=1,ffn_dim=8",
    "transformer:dim=8,heads=2,depth=1",
)


@pytest.fixture(scope="module", params=MODELS)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    path = folder / "pairs.tsv"
    words = ["one", "two", "three", "four"]
    lines = [f"{a} {b} {c}\t{c} {b} {a}" for a in words for b in words for c in words]
    path.write_text("\n".join(lines), encoding="utf-8")
    data = build("pairs", kind="data", vocabulary=280, valid=0.2, test=0.2)(path)
    done = cg.train(request.param, data, folder=folder / "run", epochs=2, progress=False)
    return data, done


def test_what_is_measured_is_what_the_model_writes(run):
    """The texts are those of `generate` and `predict`; the metrics are those of these texts."""
    data, done = run
    found = cg.evaluate(done, data.test)
    assert list(found.metrics)[-2:] == ["bleu", "chrf"]
    sources, written, expected = (
        [getattr(t, key) for t in found.texts] for key in vars(Text("", "", ""))
    )
    assert [" ".join(reversed(text.split())) for text in sources] == expected
    assert found.metrics["bleu"] == bleu(written, expected)
    assert found.metrics["chrf"] == chrf(written, expected)
    low, high = found.intervals["chrf"]
    assert low <= found.metrics["chrf"] <= high
    longest = max(len(data.tokenizer.encode(text)) for text in expected)
    said = cg.generate(done, sources[:3], length=2 * longest)
    assert [one.text for one in said] == written[:3]
    bundle = load(done.folder)
    assert bundle.metrics["bleu"]["value"] == pytest.approx(found.metrics["bleu"])


def test_answers_and_report_are_texts(run, monkeypatch, capsys):
    _, done = run
    answers = cg.predict(done, ["one two three", "four one"])
    assert [set(answer) for answer in answers] == [{"source", "text"}] * 2
    alone = cg.predict(done, ["four one"])
    assert alone[0]["text"] == answers[1]["text"]
    told = command(capsys, monkeypatch)("predict", done.folder, "one two three", "--json")
    assert json.loads(told.out)["text"] == answers[0]["text"]
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    assert 'id="translations"' in page
    assert "expected text to the letter" in page


def test_the_verbs_that_do_not_fit_decline(run):
    data, done = run
    with pytest.raises(UsageError, match=r"explain follows one number .* answers with a text"):
        cg.explanation(done)
    with pytest.raises(UsageError, match=r"attacks mislead classifiers; .* answers with a text"):
        cg.robustness(done, data)


def test_texts_of_other_models_are_not_measured():
    data = cg.dataset("digits")
    model = build("mlp:widths=[4]", signature=data.signature)
    with pytest.raises(
        UsageError, match=r"bleu measures the texts .* mlp \(task classify\) writes"
    ):
        cg.evaluate(model, data, metrics=("bleu",))


def test_a_model_without_a_tokenizer_is_measured_on_tokens_alone(run):
    data, done = run
    bare = cg.sign(done.model.model, data.signature)
    assert "bleu" not in cg.evaluate(bare, data.test).metrics
    with pytest.raises(UsageError, match="writes none; choose another metric"):
        cg.evaluate(bare, data.test, metrics=("bleu",))


def test_texts_alone_may_be_measured(run):
    data, done = run
    found = cg.evaluate(done, data.test, metrics=("chrf:word_order=2",))
    assert list(found.metrics) == ["chrf:word_order=2"]


def test_without_sacrebleu_it_is_said(run, monkeypatch):
    data, done = run
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu.metrics", None)
    with pytest.warns(UserWarning, match="bleu and chrf are left out: .* pip install"):
        found = cg.evaluate(done, data.test)
    assert list(found.metrics) == ["accuracy", "nll", "perplexity", "bits-per-byte"]


def test_the_server_answers_with_the_same_text(run):
    _, done = run
    asked = ["one two three", "four one"]
    with TestClient(application(load_served(done.folder), limits=Limits())) as client:
        told = client.post("/predict", json={"inputs": asked}).json()
    said = [answer["text"] for answer in cg.predict(done, asked)]
    assert [answer["text"] for answer in told["predictions"]] == said
