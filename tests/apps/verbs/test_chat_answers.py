"""Answers in chats are what the model generates for the turns before them."""

import json

import pytest
import torch

from cartograd.apps.verbs.evaluate import evaluate
from cartograd.apps.verbs.generate import generate
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.chats import chats


def written(folder, rows):
    path = folder / "chats.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return chats(path, vocabulary=270, valid=0.1, test=0.3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rows = [{"prompt": f"Say {i}" + "!" * (i % 4), "completion": f"It is {i}."} for i in range(24)]
    return written(tmp_path_factory.mktemp("chats"), rows)


@pytest.fixture(scope="module")
def model(data):
    torch.manual_seed(0)
    made = build("llama:dim=8,depth=1,heads=2,ffn_dim=12,context=256", signature=data.signature)
    made.tokenizer = data.tokenizer
    return made


def test_answers_are_what_is_generated_one_by_one(model, data):
    found = evaluate(model, data, metrics=["rouge-l", "nll"], part="test")
    assert len(found.texts) == len(data.test) > 3
    for text, name in zip(found.texts, data.test.names, strict=True):
        number = int(name.split()[1]) - 1
        assert text.source.startswith(f"Say {number}")
        assert text.expected == f"It is {number}."
        (alone,) = generate(model, text.source, length=128)
        assert text.written == alone.text.strip()
    assert 0 <= found.metrics["rouge-l"] <= 1
    assert found.metrics["nll"] > 1


def test_documents_and_other_texts_have_no_answers(model, data, tmp_path):
    pages = written(tmp_path, [{"text": f"page {i}"} for i in range(20)])
    with pytest.raises(UsageError, match="plain documents, in which llama has nothing to answer"):
        evaluate(model, pages, metrics=["rouge-l"], part="test")
