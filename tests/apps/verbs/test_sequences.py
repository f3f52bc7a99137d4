"""Texts of unequal length through every step: two inputs, a label for each token, less kept."""

import pytest
import torch

from cartograd.apps.verbs.evaluate import at_once, evaluate
from cartograd.apps.verbs.train import train
from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.engine.files.bundle import load
from tests.conformance.subjects import tagged, translated, works


def made(name, subject, folder, **args):
    place, own = subject(folder)
    return build(name, kind="data", **own, **args)(*place)


def test_a_translator_is_trained_kept_and_measured(tmp_path):
    data = made("pairs", translated, tmp_path, vocabulary=280)
    run = train("seq2seq:dim=8", data, folder=tmp_path / "run", epochs=1, progress=False)
    bundle = load(run.folder)
    assert bundle.model.tokenizer == data.tokenizer
    assert set(bundle.metrics) == {
        *("accuracy", "nll", "perplexity", "bits-per-byte", "bleu", "chrf")
    }
    whole = evaluate(run.folder, data, part="all")
    words = sum(int((part.targets >= 0).sum()) for part in (data.train, data.valid, data.test))
    assert whole.examples == words
    assert whole.outputs.shape[0] == 80, "a few numbers for each pair"
    nll = whole.metrics["nll"]
    assert whole.metrics["perplexity"] == pytest.approx(torch.tensor(nll).exp().item(), rel=1e-5)
    size = sum(len(data.tokenizer.decode(row[row >= 0]).encode()) for row in data.test.targets)
    test = evaluate(run.folder, data, metrics=("nll", "bits-per-byte"))
    bits = test.metrics["nll"] * test.examples / size / torch.tensor(2.0).log().item()
    assert test.metrics["bits-per-byte"] == pytest.approx(bits, rel=1e-5)
    assert run.history[-1]["valid/loss"] > 0


def test_batch_size_does_not_change_what_is_measured(tmp_path):
    data = made("brown", tagged, tmp_path)
    model = build("tagger:dim=8", signature=data.signature)
    found = [
        evaluate(model, data, batch_size=size, metrics=("accuracy", "nll")) for size in (3, 99)
    ]
    assert found[0].metrics == pytest.approx(found[1].metrics, rel=1e-5)
    several = evaluate(model, data, metrics=("f1",))
    assert several.outputs.shape == (several.examples, 2), "a metric that needs all logits has them"


def test_windows_of_bytes_have_bits(tmp_path):
    data = made("shakespeare", works, tmp_path)
    model = build("recurrent-language-model:dim=8", signature=data.signature)
    found = evaluate(model, data)
    assert found.metrics["bits-per-byte"] == pytest.approx(8, abs=0.5)


def test_fewer_at_once_where_answers_are_large():
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0, 9), padding_id=0)

    def most(*dims):
        task = "tag" if len(dims) > 1 else "classify"
        return at_once(Signature((port,), (Port("label", "label", dims, task=task),)))

    assert [most(100_000), most("t", 100), most("t", 8000), most("t", 100_000)] == [256, 256, 32, 8]
