"""Texts with labels, from a table or folders to answers: every verb reads them by the same code."""

import json

import numpy as np
import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError

GOOD, BAD = ("wonderful", "lovely", "fine"), ("dreadful", "boring", "sad")


def rows(count=120):
    """Reviews of 3 to 9 words, and whether they are good."""
    draws, found = np.random.default_rng(0), []
    for i in range(count):
        good = i % 2
        words = ["the", "film", str(draws.choice(GOOD if good else BAD)), *["so"] * (i % 7)]
        found.append((" ".join(words) + f" {i}", ("neg", "pos")[good], 3.0 * good + (i % 3)))
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "reviews.csv"
    lines = [f'"{text}",{label},{stars}' for text, label, stars in rows()]
    path.write_text("\n".join(["review,label,stars", *lines]))
    return path


SMALL = (
    "rnn:dim=16,bidirectional=true",
    "lstm:dim=16",
    "gru:dim=16,depth=2",
    "bert:dim=16,heads=2,depth=1",
    "sentence-encoder:dim=16,heads=2,depth=1",
)


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    settings = {"epochs": 16, "optimizer": "adamw:lr=2e-2"}
    folder = tmp_path_factory.mktemp("runs") / "run"
    return cg.train("gru:dim=16", f"{table},target=label,ignore=stars", folder=folder, **settings)


def test_a_classifier_learns_and_answers_in_words(run, table):
    found = cg.evaluate(run, f"{table},target=label", part="all")
    assert found.metrics["accuracy"] > 0.95
    assert "better than always" in found.baseline
    first, second = cg.predict(run, ["A LOVELY film", "so boring"])
    assert (first["label"], second["label"]) == ("pos", "neg")


def test_the_run_knows_the_column_to_be_compared_with(run, table, tmp_path):
    new = tmp_path / "new.csv"
    new.write_bytes(table.read_bytes())
    found = cg.evaluate(run, str(new))
    assert found.examples == 120
    assert found.notes[:2] == (
        f"{new} is taken as csv: A table in a CSV file",
        "as in the training: target=label,ignore=stars,text=true",
    )
    assert cg.evaluate(run.model, str(new)).examples  # of the column called label
    new.write_text(new.read_text().replace("label", "grade", 1))
    with pytest.raises(UsageError, match=r"unknown column .* 'label'"):
        cg.evaluate(run, str(new))
    assert cg.evaluate(run, f"{new},target=grade", part="all").metrics == found.metrics


@pytest.mark.parametrize("spec", SMALL)
def test_padding_and_company_change_no_answer(spec, table):
    data = cg.dataset(f"{table},target=label,text=review")
    model = cg.build(spec, signature=data.signature).double().eval()
    model.tokenizer = data.tokenizer
    assert model.signature.task.name == "classify"
    texts = ["lovely film", "the film so so so so so sad", "fine"]
    numbers = data.tokenizer.batch(texts)
    with torch.no_grad():
        together, wide = model(numbers), model(torch.nn.functional.pad(numbers, (0, 9)))
        alone = torch.cat([model(data.tokenizer.batch([text])) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-12, rtol=0)
    torch.testing.assert_close(wide, alone, atol=1e-12, rtol=0)
    chances = [one["probability"] for one in cg.predict(model.float(), texts)]
    assert chances == pytest.approx(alone.softmax(1).amax(1).tolist(), abs=1e-6)


def test_a_table_is_answered_as_the_model_was_trained(run, table, tmp_path):
    answers = cg.predict(run, table)
    data = cg.dataset(f"{table},target=label,text=review,valid=0,test=0")
    logits = torch.cat(
        [run.model.eval()(run.model.tokenizer.batch([text])) for text, _, _ in rows()[:9]]
    )
    chances = logits.softmax(1).amax(1).tolist()
    assert len(answers) == len(data.train) == 120
    assert [one["probability"] for one in answers][:9] == pytest.approx(chances, abs=1e-6)
    assert answers[0]["source"].endswith("reviews.csv line 2")
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(json.dumps({"text": text}) for text, _, _ in rows()[:9]))
    again = cg.predict(run, other)
    assert [one["label"] for one in again] == [one["label"] for one in answers][:9]
    other.write_text(json.dumps({"a": "x", "b": "y"}))
    with pytest.raises(UsageError, match="lacks the column 'review' that the model reads"):
        cg.predict(run, other)


def test_what_it_was_taken_for_is_said(table):
    plain = cg.dataset(f"{table},target=label,ignore=stars")
    assert plain.decided[1:] == (
        "target label: 2 classes (neg 60, pos 60)",
        "label is learned from the texts of 'review'",
        "review: 120 texts, cut into 14 different words, 14.3 % of what the texts hold is unknown "
        "among them, at most 256 of a text, which 0 reach",
    )
    beside = cg.dataset(f"{table},target=label")
    assert beside.signature.input.kind == "table"
    assert beside.decided[-1] == ("review holds texts; text=review learns from them alone")
    chosen = cg.dataset(f"{table},target=label,text=review")
    assert chosen.signature.input.kind == "text"
    assert "left out, as texts are learned from alone: stars" in chosen.decided


def test_a_model_of_texts_takes_the_column_of_texts(table, tmp_path):
    data = f"{table},target=stars,task=regress"
    run = cg.train("gru:dim=4", data, folder=tmp_path / "run", epochs=1)
    assert run.model.signature.input.name == "review"
    assert run.model.signature.output.task == "regress"
    assert "text=true" in (tmp_path / "run" / "config.toml").read_text()
    with pytest.raises(UsageError, match="has no column of texts beside the target"):
        cg.train("gru", f"{table},target=label,ignore=review", folder=tmp_path / "none")


def test_a_bert_answers_from_a_token_of_no_word(table, tmp_path):
    """As it was published: `[CLS] text [SEP]`; where the first word stood it would say more."""
    data = f"{table},target=label,text=review"
    run = cg.train("bert:dim=8,heads=2,depth=1", data, folder=tmp_path / "run", epochs=1)
    tokenizer = run.model.tokenizer
    numbers = tokenizer.encode("lovely film")
    assert (numbers[0], numbers[-1], len(numbers)) == (tokenizer.begin, tokenizer.end, 4)
    assert cg.load(run.folder).model.tokenizer == tokenizer
    assert len(cg.dataset(data).tokenizer.encode("lovely film")) == 2  # as other models read it


ANSWERS = {
    "target=tags,text=review": "labels",
    "target=[good,long],text=review": "labels",
}


@pytest.mark.parametrize("extra", ANSWERS)
def test_labels_that_hold_together(extra, tmp_path):
    """Sets of labels in a cell, or a column for each: from the table to coloured tokens."""
    path, lines = tmp_path / "many.csv", ["review,tags,good,long,stars"]
    for i, (text, label, stars) in enumerate(rows(80)):
        good, long = label == "pos", i % 7 > 3
        tags = ";".join([*["good"] * good, *["Long" if i % 3 else "long"] * long])
        lines.append(f"{text},{tags},{int(good)},{int(long)},{stars}")
    path.write_text("\n".join(lines))
    data = f"{path},{extra}"
    run = cg.train("lstm:dim=8", data, folder=tmp_path / "run", epochs=1)
    assert cg.evaluate(run, data).metrics
    assert ANSWERS[extra] in cg.predict(run, "the film so lovely")[0]
    shown = cg.explanation(run, ["the film so lovely"])
    assert [one.partition(" ")[2] for one in shown.tokens[0]][:3] == ["the", "film", "so"]
    said = cg.dataset(data).decided
    assert any("'Long', 'long' are one label" in line for line in said) is ("tags" in extra)


def test_texts_that_come_often_are_texts_for_a_model_of_texts(tmp_path):
    path = tmp_path / "often.csv"
    notes = ("the food was cold", "the food was hot", "no food at all")
    path.write_text("\n".join(["note,label", *(f"{notes[i % 3]},{i % 2}" for i in range(60))]))
    run = cg.train("lstm:dim=4", f"{path},target=label", folder=tmp_path / "run", epochs=1)
    assert run.model.signature.input.name == "note"


def test_a_new_head_learns_texts_that_are_cut_off_earlier(run, table, tmp_path):
    data = f"{table},target=stars,task=regress,text=review,context=4"
    again = cg.train(run.folder, data, folder=tmp_path / "run", epochs=1, freeze=True)
    tokenizer = again.model.tokenizer
    assert tokenizer.longest == 4
    assert tokenizer.told(longest=256) == run.model.tokenizer
    assert cg.evaluate(again, data).metrics


@pytest.mark.parametrize("model", ["mlp", "lenet5", "resnet:depth=8"])
def test_models_that_read_no_texts_name_those_that_do(table, model, tmp_path):
    with pytest.raises(UsageError, match=r"reads no texts.* gru, lstm, rnn, bart, bert, .*minilm"):
        cg.train(model, f"{table},target=label,text=review", folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_that_begins_elsewhere_reads_by_its_tokens(table, tmp_path):
    first = cg.train("gru:dim=8", f"{table},target=label", folder=tmp_path / "a", epochs=1)
    for i in range(40):
        file = tmp_path / "mails" / ("ham", "junk", "news")[i % 3] / f"{i}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"a lovely mail {i}")
    second = cg.train(str(tmp_path / "a"), f"{tmp_path}/mails", folder=tmp_path / "b", epochs=1)
    assert second.model.tokenizer == first.model.tokenizer
    assert second.model.signature.output.labels == ("ham", "junk", "news")
    with pytest.raises(UsageError, match="its texts were not kept"):
        cg.train(str(tmp_path / "a"), "pairs:" + str(pairs(tmp_path)), folder=tmp_path / "c")


def pairs(folder):
    path = folder / "pairs.tsv"
    path.write_text("\n".join(f"one {i}\tuno {i}" for i in range(40)))
    return path


def test_a_model_of_words_guesses_none_of_two_classes(table):
    """Word2vec learns a word from its neighbours; a label is no word."""
    with pytest.raises(UsageError, match=r"word2vec answers one example with shape .* 2 classes"):
        cg.train("word2vec:dim=4", f"{table},target=label,text=review", epochs=1)
