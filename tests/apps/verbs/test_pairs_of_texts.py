"""Pairs of texts, from a table to answers: does the second text say the same as the first?"""

import json

import numpy as np
import pytest
import torch

import cartograd as cg
from cartograd.apps.server.decode import decode
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import transformers
from tests.data.text.test_tokenizer import bert

THINGS = ("cat", "dog", "car")


def rows(count=160):
    """Two sentences about a thing each, and how many words say the same."""
    draws, found = np.random.default_rng(0), []
    for i in range(count):
        first, second = (str(draws.choice(THINGS)) for _ in range(2))
        second = first if i % 2 else second
        same = first == second
        found.append((f"the {first} sat here {i % 9}", f"the {second} sat", same, 1.0 + 3 * same))
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    lines = [f"{a},{b},{('other', 'same')[same]},{score}" for a, b, same, score in rows()]
    path.write_text("\n".join(["sentence1,sentence2,label,score", *lines]))
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    model = "bert:dim=16,heads=2,depth=1,dropout=0"
    return cg.train(
        model, f"{table},target=label,ignore=score", folder=folder, epochs=1, batch_size=16
    )


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A published BERT, tiny and of random weights."""
    folder = tmp_path_factory.mktemp("bert")
    bert(folder, model_max_length=16)
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=12, max_position_embeddings=24, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_two_columns_are_a_pair(table, tmp_path):
    data = cg.dataset(f"{table},target=label,ignore=score")
    port = data.signature.input
    assert (port.pair, port.separator_id) == (("sentence1", "sentence2"), 3)
    assert "label is learned from pairs of texts of 'sentence1' and 'sentence2'" in data.decided
    first, second = data.train.table.rows[0]
    written = data.tokenizer.decode(data.train.inputs[0], special=True)
    assert written.startswith(f"<s> {first} </s> {second} </s>")
    other = tmp_path / "titled.csv"
    other.write_text(table.read_text().replace("sentence1,sentence2", "title,body", 1))
    named = cg.dataset(other, target="label", text=("body", "title"))
    assert named.signature.input.pair == ("body", "title")
    assert cg.dataset(f"{other},target=label").signature.input.kind == "table"
    with pytest.raises(UsageError, match="expected one column of texts, or two"):
        cg.dataset(other, target="label", text=("body", "title", "score"))


def test_a_pair_that_lacks_a_text_is_left_out_and_said(table, tmp_path):
    path = tmp_path / "gaps.csv"
    lines = table.read_text().splitlines()
    path.write_text("\n".join([*lines, ",the cat sat,same,4", "the cat sat,,other,4"]))
    data = cg.dataset(f"{path},target=label,ignore=score")
    assert sum(map(len, (data.train, data.valid, data.test))) == len(lines) - 1
    assert data.decided[-1].endswith("2 pairs without one text are left out")


def test_every_way_to_give_a_pair_is_answered_alike(run, table, tmp_path):
    first, second = "the cat sat here", "the dog sat"
    as_named = {"sentence1": first, "sentence2": second}
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(as_named))
    given = [(first, second), [(first, second)], as_named, path]
    answers = [cg.predict(run, one)[0]["probability"] for one in given]
    body = json.dumps({"inputs": [as_named, [first, second]]}).encode()
    port, own = run.model.signature.input, run.model.tokenizer
    asked = decode(port, "application/json", body, most=9, draws=1, tokenizer=own)
    logits = run.model.eval()(asked.inputs)
    answers += logits.softmax(1).amax(1).tolist()
    assert answers == pytest.approx(answers[:1] * len(answers), abs=1e-6)
    turned = cg.predict(run, (second, first))[0]["probabilities"]
    assert turned != cg.predict(run, (first, second))[0]["probabilities"]


def test_what_is_no_pair_is_refused(run, table, tmp_path):
    (tmp_path / "single.csv").write_text("text\nthe cat")
    (tmp_path / "plain.txt").write_text("the cat")
    for given, said in (
        ("the cat", r"pair 1 is 'the cat'.*'sentence1' and 'sentence2'"),
        ({"sentence1": "the", "sentense2": "cat"}, "lacks 'sentence2'; is 'sentense2' meant"),
        (("the cat", " "), "has no text in 'sentence2'"),
        (tmp_path / "single.csv", "lacks the column 'sentence1' that the model reads"),
        (tmp_path / "plain.txt", "is no table; the model reads pairs"),
    ):
        with pytest.raises(UsageError, match=said):
            cg.predict(run, given)


def test_tokens_explain_pairs_and_their_parting_stays(run):
    pair = ("the cat sat", "the dog sat")
    found = cg.explain(run, pair, method="kernel-shap", target="same")
    tokens = run.model.tokenizer.encoded([pair])[0]
    places = [place for place, token in enumerate(tokens) if token == 3]
    assert found.shape == (1, len(tokens))
    assert float(found[0, places].abs().max()) < 1e-9  # never covered, so it changes nothing
    covered = [3 if token == 3 else 0 for token in tokens]
    with torch.no_grad():
        whole, nothing = run.model.eval()(torch.tensor([tokens, covered]))[:, 1]
    assert float(found.sum()) == pytest.approx(float(whole - nothing), abs=1e-4)
    shown = cg.explanation(run, pair)
    assert [one.partition(" ")[2] for one in shown.tokens[0]].count("</s>") == 2


@pytest.mark.parametrize("frozen", [True, False])
def test_a_published_encoder_reads_pairs_as_two_segments(encoder, table, frozen, tmp_path):
    data = f"{table},target=label,ignore=score"
    run = cg.train(
        f"hf:{encoder}", data, folder=tmp_path / "run", epochs=1, batch_size=32, freeze=frozen
    )
    model = run.model.model
    assert run.model.spec.args["separator_id"] == model.separator_id == 3
    assert run.model.tokenizer.encoded([("the cat", "sat")]) == [[2, 5, 6, 3, 7, 3]]
    before = hf(encoder).model.segments.weight
    learned = not torch.equal(model.segments.weight[1], before[1])
    assert learned is not frozen  # the second segment is read, and so it learns
    loaded = cg.load(run.folder)
    assert loaded.signature.input.pair == ("sentence1", "sentence2")
    assert cg.evaluate(run, data).metrics


def test_numbers_for_pairs(table, tmp_path):
    data = f"{table},target=score,task=regress,text=[sentence1,sentence2]"
    run = cg.train("lstm:dim=8", data, folder=tmp_path / "run", epochs=1)
    assert "value" in cg.predict(run, ("the cat sat", "the cat"))[0]


def test_a_model_that_parts_no_pairs_is_refused(table, tmp_path):
    single = cg.train(
        "lstm:dim=4", f"{table},target=label,text=sentence1", folder=tmp_path / "a", epochs=1
    )
    with pytest.raises(UsageError, match="writes nothing between two texts"):
        cg.train(single.folder, f"{table},target=label,ignore=score", folder=tmp_path / "b")
    assert not (tmp_path / "b").exists()
