"""Tables with free text beside numbers: it is read by every verb, in English and in Chinese."""

import json

import numpy as np
import pytest
import torch

import cartograd as cg
from cartograd.apps.server.decode import decode
from cartograd.architectures.pretrained.minilm import minilm
from cartograd.architectures.transformer.sentence_encoder import encode
from cartograd.core.errors import UsageError
from cartograd.data.decode.hashed_text import hashed
from cartograd.data.store import packages
from tests.architectures.pretrained.published_folders import transformers
from tests.data.text.test_tokenizer import bert

NOTES = {
    "en": ("the parcel came late and {}", ("broken", "torn"), ("whole", "as new")),
    "zh": ("包裹今天{}到了收到", ("坏了", "破了"), ("完好", "很新")),
}


def table(folder, language="en", count=160):
    """Whether a parcel is sent back: what the note says decides, the price does not."""
    frame, bad, good = NOTES[language]
    draws, lines = np.random.default_rng(0), ["price,note,back"]
    for i in range(count):
        words = bad if i % 2 else good
        note = frame.format(words[draws.integers(2)]) + f" {i}"
        lines.append(f"{draws.normal(20, 5):.2f},{note},{('no', 'yes')[i % 2]}")
    path = folder / "parcels.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("language", ["en", "zh"])
def test_notes_decide_beside_numbers(language, tmp_path):
    path = table(tmp_path, language)
    data = f"{path},target=back,text_columns=hash:buckets=128"
    run = cg.train("mlp:widths=[16]", data, folder=tmp_path / "run", epochs=12, batch_size=16)
    assert cg.evaluate(run, data).metrics["accuracy"] > 0.9
    port = run.model.signature.input
    assert [(one.name, one.encoder, one.width) for one in port.columns] == [
        ("price", "", 1), ("note", "hash", 128),
    ]  # fmt: skip
    frame, bad, good = NOTES[language]
    rows = [{"price": 20, "note": frame.format(word[0]) + " 999"} for word in (bad, good)]
    answers = cg.predict(run, rows)
    assert [one["label"] for one in answers] == ["yes", "no"]
    body = json.dumps({"inputs": rows}).encode()
    asked = decode(port, "application/json", body, most=9, draws=1)
    np.testing.assert_array_equal(asked.inputs[:, 1:], hashed([r["note"] for r in rows], 128))
    told = cg.explanation(cg.load(run.folder), rows).to_json()[0]["contributions"]
    assert abs(told["note"]) > 3 * abs(told["price"])


def test_what_becomes_of_free_text_is_said_and_chosen(tmp_path):
    path = table(tmp_path)
    data = cg.dataset(path, target="back")
    line = "columns of free text (hashed words and letters; text_columns=leave leaves it out): note"
    assert f"{line} (1024)" in data.decided
    assert data.decided[-1] == "note holds texts; text=note learns from them alone"
    left = cg.dataset(path, target="back", text_columns="leave")
    assert [one.name for one in left.signature.input.columns] == ["price"]
    assert left.decided[-1] == "note holds texts; text=note learns from them instead"
    with pytest.raises(UsageError, match="expected hash:buckets=N"):
        cg.dataset(path, target="back", text_columns="hash:bins=3")


def test_rows_without_a_note_are_known_as_such(tmp_path):
    path = table(tmp_path)
    path.write_text(path.read_text() + "\n21.5,,no\n21.5,unsaid,no\n")
    data = cg.dataset(path, target="back", missing="unsaid", valid=0.0, test=0.0)
    assert not data.train.inputs[-2:, 1:].any()
    assert data.train.inputs[:-2, 1:].norm(dim=1).allclose(torch.ones(()))


def test_sentence_vectors_of_minilm(tmp_path, monkeypatch):
    """Of a tiny encoder of random weights in its place."""
    folder = tmp_path / "set" / "model"
    folder.mkdir(parents=True)
    bert(folder, model_max_length=16)
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=384, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=12, max_position_embeddings=24, pad_token_id=0,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    path = table(tmp_path, count=40)
    path.write_text(path.read_text() + "\n21.5,,no\n")
    monkeypatch.setattr(packages, "where", _missing)
    with pytest.raises(UsageError, match="data get minilm"):
        cg.dataset(path, target="back", text_columns="minilm")
    monkeypatch.setattr(packages, "where", lambda name: tmp_path / "set")
    data = cg.dataset(path, target="back", text_columns="minilm", valid=0.0, test=0.0)
    notes = data.train.table.column("note")[:-1]
    expected = encode(minilm(folder), notes)
    torch.testing.assert_close(data.train.inputs[:-1, 1:], expected, atol=1e-5, rtol=0)
    assert not data.train.inputs[-1, 1:].any()


def _missing(name):
    raise UsageError(f"{name} has not been fetched: cartograd data get {name}")
