"""Models of text from end to end: kept with their tokenizer, asked in words, served in words."""

import json

import pytest
import torch
from torch import nn

from cartograd.apps.server.decode import decode
from cartograd.apps.server.load import load as served
from cartograd.apps.verbs.predict import predict
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, sign
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import alike
from cartograd.engine.files.bundle import load, write_bundle

BYTES = Tokenizer.bytes(special=True)
PORT = Port("text", "text", ("t",), "int64", (0, 258), padding_id=256)


class Counts(nn.Module):
    """How often each token is there: exact, and padding does not matter."""

    def __init__(self, each=False):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(259))
        self.each = each
        self.shapes = []

    def forward(self, tokens):
        self.shapes.append(tuple(tokens.shape))
        there = nn.functional.one_hot(tokens, 259).float() * (tokens != 256)[..., None]
        return (there if self.each else there.sum(1)) @ self.weight


def model(output, each=False, tokenizer=BYTES):
    return Signed(Counts(each), Signature((PORT,), (output,)), tokenizer=tokenizer)


def classifier():
    return model(Port("class", "label", (259,)))


def test_a_bundle_keeps_the_tokenizer(tmp_path):
    path = write_bundle(tmp_path / "bundle", classifier(), examples=torch.tensor([[1, 2]]))
    found = load(path, model=Counts()).model
    assert found.tokenizer == BYTES
    assert "tokenizer.json" in json.loads((path / "manifest.json").read_text())["files"]
    assert predict(found, "aab")[0]["label"] == "97"
    (path / "tokenizer.json").write_text(Tokenizer.bytes().to_json())
    with pytest.raises(UsageError, match=r"tokenizer\.json' was changed"):
        load(path, model=Counts())


def test_a_bundle_of_another_tokenizer_is_refused(tmp_path):
    made = model(Port("class", "label", (259,)), tokenizer=Tokenizer.bytes().told())
    made.tokenizer.vocabulary = 9
    made.tokenizer.document = {"model": {"type": "BPE", "vocab": {"a": 0}}}
    path = write_bundle(tmp_path / "bundle", made)
    with pytest.raises(UsageError, match="it has 1 tokens and 'text' takes 259"):
        load(path, model=Counts())


def test_signing_anew_keeps_the_tokenizer():
    assert sign(classifier(), classifier().signature).tokenizer is BYTES


def test_texts_of_any_length_are_answered_in_order():
    made = classifier()
    texts = ["b" * 5000, "a", "cc", "b" * 40, "dd" * 30]
    answers = predict(made, texts, top=1)
    assert [chr(int(answer["label"])) for answer in answers] == ["b", "a", "c", "b", "d"]
    assert [answer["source"] for answer in answers] == texts
    assert made.model.shapes == [(1, 5000), (4, 60)]


def test_like_lengths_go_together():
    assert list(alike([4, 1, 4, 2], tokens=8)) == [[0, 2], [3, 1]]
    assert list(alike([4, 1, 4, 2], tokens=8, padded=False)) == [[0, 2], [3], [1]]
    assert list(alike([9, 9], tokens=1)) == [[0], [1]]


def test_the_next_token():
    made = model(Port("next token", "label", ("t", 259), task="next-token"), each=True)
    first, second = predict(made, ["ab", "xyz"], top=2)
    assert (first["label"], second["label"]) == ("b", "z")
    assert first["probability"] == pytest.approx(torch.e / (torch.e + 258), rel=1e-4)
    assert len(first["probabilities"]) == 2


def test_the_token_behind_the_mask():
    masked = Tokenizer(BYTES.document, special=BYTES.special | {"mask": 42})
    port = Port("token", "label", ("t", 259), task="masked-token")
    made = model(port, each=True, tokenizer=masked)
    assert predict(made, "ab*c", top=1)[0]["label"] == "*"
    with pytest.raises(UsageError, match=r"has 0 masks; write <mask> where"):
        predict(made, "abc")
    with pytest.raises(UsageError, match="has 2 masks"):
        predict(made, "a*b*c")


def test_a_label_for_each_token():
    made = model(Port("tag", "label", ("t", 259 - 2), labels=(), task="tag"), each=True)
    made.model.weight = nn.Parameter(torch.eye(259)[:, :257])
    assert [a["labels"] for a in predict(made, ["ab", "c"])] == [["97", "98"], ["99"]]


def test_the_server_takes_texts():
    asked = decode(
        PORT, "application/json", b'{"inputs": ["ab", "c"]}', most=9, draws=9, tokenizer=BYTES
    )
    assert asked.inputs.tolist() == [[97, 98], [99, 256]]
    found = served(classifier())
    assert found.predict(asked.inputs, top=1)[1]["label"] == "99"
    assert found.tokenizer is BYTES
