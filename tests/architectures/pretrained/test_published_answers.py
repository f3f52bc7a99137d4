"""Folders that find answers in texts: transformers' scores, searched part by part by hand."""

import json

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from cartograd.apps.cli.predict_ import predict_
from cartograd.apps.server.app import application
from cartograd.apps.server.served import Served
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import both, change, theirs, write

QUESTION = "who is there?"
SHORT = "The cat, sat on\nthe mat"
LONG = "The cat sat - on the mat.  Who is thére? " * 5
"""Over 60 tokens, and the model sees 32 at once."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = write("bert answers", tmp_path_factory.mktemp("answers"))
    return change(made, "tokenizer_config.json", model_max_length=32)


def searched(other, question, text, *, impossible=False):
    """Every part of every piece of a text with its probability, the likeliest first."""
    cut = other.tokenizer(
        question, text, truncation="only_second", max_length=32, stride=16,
        return_overflowing_tokens=True, return_token_type_ids=True,
    )  # fmt: skip
    words = other.tokenizer(text, add_special_tokens=False)
    found, none = {}, 1.0
    for piece in range(len(cut["input_ids"])):
        names = ["input_ids", "token_type_ids", "attention_mask"]
        if other.model.config.to_dict().get("type_vocab_size", 1) < 2:
            names.remove("token_type_ids")
        row = {name: torch.tensor([cut[name][piece]]) for name in names}
        with torch.no_grad():
            scores = other.model(**row)
        inside = [number for number, side in enumerate(cut.sequence_ids(piece)) if side == 1]
        chances = []
        for logits in (scores.start_logits[0], scores.end_logits[0]):
            raised = np.exp(logits.double().numpy())
            chances.append(raised / (raised[0] + sum(raised[number] for number in inside)))
        none = min(none, chances[0][0] * chances[1][0])
        for first in inside:
            for last in [number for number in inside if first <= number <= first + 14]:
                ends = (cut[piece].word_ids[first], cut[piece].word_ids[last])
                place = (words.word_to_chars(ends[0])[0], words.word_to_chars(ends[1])[1])
                found[place] = max(found.get(place, 0.0), chances[0][first] * chances[1][last])
    rows = [(text[a:b], p, a, b) for (a, b), p in found.items()]
    return sorted([*rows, *([("", none, 0, 0)] * impossible)], key=lambda row: -row[1])


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("text", [SHORT, LONG, "mat"])
@pytest.mark.parametrize("impossible", [False, True])
def test_answers_are_the_likeliest_parts(folder, text, impossible):
    mine, other = both(folder), theirs(folder)
    expected = searched(other, QUESTION, text, impossible=impossible)
    [found] = predict(mine, [text], question=QUESTION, impossible=impossible, top=1)
    assert (found["answer"], found["start"], found["end"]) == (expected[0][0], *expected[0][2:])
    assert found["probability"] == pytest.approx(expected[0][1], rel=1e-4)
    [found] = predict(mine, [text], question=QUESTION, impossible=impossible, top=3)
    several = [(one["text"], one["start"], one["end"]) for one in found["answers"]]
    assert several[0] == (expected[0][0], *expected[0][2:])
    assert {(one[0], *one[2:]) for one in expected} >= set(several)


@pytest.mark.oracle("hf")
@pytest.mark.parametrize("kind", ["distilbert answers", "roberta answers", "roberta two"])
def test_kin_of_bert_answers_alike(kind, tmp_path):
    made = write(kind, tmp_path)
    folder = change(made, "tokenizer_config.json", model_max_length=32)
    mine, other = both(folder), theirs(folder)
    for impossible in (False, True):
        best = searched(other, QUESTION, LONG, impossible=impossible)[0]
        [found] = predict(mine, [LONG], question=QUESTION, impossible=impossible, top=1)
        assert (found["answer"], found["start"], found["end"]) == (best[0], *best[2:])
        assert found["probability"] == pytest.approx(best[1], rel=1e-4)


@pytest.mark.oracle("hf")
def test_an_answer_may_stand_anywhere(folder):
    """Over many weights: in later pieces, and nowhere."""
    mine, other = hf(folder), theirs(folder)
    seen = set()
    for seed in range(12):
        torch.manual_seed(seed)
        weights = torch.randn(2, 16) * 2
        other.model.qa_outputs.weight.data.copy_(weights)
        mine.model.classifier.weight.data.copy_(weights)
        expected = searched(other, QUESTION, LONG, impossible=True)[0]
        [found] = predict(mine, LONG, question=QUESTION, impossible=True, top=1)
        assert found["probability"] == pytest.approx(expected[1], rel=1e-4)
        assert found["answer"] == expected[0] == LONG[found["start"] : found["end"]]
        seen.add(found["start"] // 40)
    assert len(seen) > 2


def test_the_command_and_the_server_answer(folder, tmp_path, capsys):
    expected = predict(hf(folder), [SHORT], question=QUESTION)[0]["answer"]
    (tmp_path / "cat.txt").write_text(SHORT)
    target = f"hf:{folder}"
    given = str(tmp_path / "cat.txt")
    assert predict_(target, given, question=QUESTION, json=True) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == expected
    model = hf(folder)
    served = Served("bert", None, model, model.signature, torch.device("cpu"), model.tokenizer)
    with TestClient(application(served)) as client:
        ask = {"inputs": [SHORT, "", 5], "question": QUESTION, "impossible": False, "top": 1}
        response = client.post("/predict", json=ask).json()["predictions"]
        assert response[0]["answer"] == expected
        assert len(response[0]["answers"]) == 1
        assert "expected some text" in response[1]["error"]
        assert "expected some text" in response[2]["error"]
        refused = client.post("/predict", json={"inputs": [SHORT]})
        assert refused.status_code == 422
        assert "none was given" in refused.text
        refused = client.post("/predict", json={"inputs": [SHORT], "question": 5})
        assert refused.status_code == 422
        assert '\\"question\\" is 5' in refused.text


def test_what_cannot_be_answered_is_said(folder):
    mine = hf(folder)
    with pytest.raises(UsageError, match="answers a question about each text, and none was given"):
        predict(mine, [SHORT])
    with pytest.raises(UsageError, match="leaves no room for a text"):
        predict(mine, [SHORT], question="cat " * 40)
    with pytest.raises(UsageError, match="the text is empty"):
        predict(mine, [" "], question=QUESTION)
    answered = predict(mine, [" ", SHORT], question=QUESTION, strict=False)
    assert len(answered) == 1
    assert "empty" in answered.refused[0]
    with pytest.raises(UsageError, match="labels for answers"):
        hf(change(folder, id2label={"0": "a", "1": "b", "2": "c"}))
