"""Preferences as a source: what is compared, parts, contexts, other tokens."""

import json

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.dataset.preference_rows import pair_of
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.dataset.token_rows import respelt
from cartograd.data.decode.preferences import Liked
from cartograd.data.sources.preferences import preferences


def written(folder, rows):
    path = folder / "liked.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def rows(count=40):
    def talk(i, last):
        said = (f"What is {i} and one?", f"It is {i + 1}.", "Sure?", last)
        return [{"role": role, "content": text}
                for role, text in zip(("user", "assistant") * 2, said, strict=True)]  # fmt: skip

    return [{"chosen": talk(i, "Yes."), "rejected": talk(i, "Who asks?")} for i in range(count)]


def subject(folder):
    return (written(folder, rows()),), {"vocabulary": 280, "context": 64}


def compared(data, labels):
    return data.tokenizer.decode(labels[labels != IGNORED], special=True)


@pytest.mark.law("preferences")
def test_the_last_answer_is_compared_with_its_end_and_nothing_before(tmp_path):
    data = preferences(written(tmp_path, rows()), vocabulary=280)
    for part in (data.train, data.valid):
        for better, worse, labels in part.batches(batch_size=3).epoch(0, seed=0):
            for side, tokens, said in ((0, better, " Yes.</s>"), (1, worse, " Who asks?</s>")):
                for row, own in zip(tokens, labels[:, side], strict=True):
                    assert compared(data, own) == said
                    there = (own != IGNORED).nonzero()[:-1, 0]  # the last label is behind all
                    assert torch.equal(own[there], row[there + 1])
    tokens, targets = next(data.test.batches(batch_size=2).epoch(0, seed=0))
    assert tokens.shape == targets.shape
    assert len(data.test.pairs([0])) == 1


@pytest.mark.law("preferences")
def test_pairs_with_one_prompt_are_in_one_part(tmp_path):
    some = [
        {"prompt": f"Say {i % 20}", "chosen": f"{i}", "rejected": "No"} for i in range(100)
    ]  # fmt: skip
    data = preferences(written(tmp_path, some), vocabulary=280)
    asked = [
        {json.loads(cell)[0][0]["content"] for (cell,) in part.better.table.rows}
        for part in (data.train, data.valid, data.test)
    ]
    assert not asked[0] & asked[1] | asked[0] & asked[2] | asked[1] & asked[2]
    assert sum(map(len, asked)) == 20


def test_of_documents_what_they_begin_with_alike_is_the_prompt(tmp_path):
    data = preferences(written(tmp_path, rows()), vocabulary=280)
    pair = pair_of(data.tokenizer, Liked("What is one? Yes.", "What is one? Who asks?"), 64)
    one, two = (torch.tensor(own) for own in pair.labels)
    assert compared(data, one).endswith("Yes.</s>")
    assert compared(data, two).endswith("Who asks?</s>")
    assert "is" not in compared(data, one)


def test_single_answers_have_an_empty_other_side(tmp_path):
    some = [
        {"prompt": f"Say {i}", "completion": f"{i}!", "label": i % 2 == 0} for i in range(40)
    ]  # fmt: skip
    data = preferences(written(tmp_path, some), vocabulary=280)
    for _, _, labels in data.train.batches(batch_size=4).epoch(0, seed=0):
        assert ((labels != IGNORED).any(2).sum(1) == 1).all()
    assert (data.test.targets != IGNORED).any(1).all()


def test_what_begins_beyond_the_context_is_left_out_and_told(tmp_path):
    more = [{"prompt": "word " * 60, "chosen": "a", "rejected": "b"}]
    data = preferences(written(tmp_path, rows() + more), vocabulary=280, context=64)
    assert "1 left out, as an answer begins beyond context=64" in " ".join(data.told)
    assert data.about["pairs"] == 41


def test_a_model_that_is_there_reads_them_in_its_own_tokens(tmp_path):
    data = preferences(written(tmp_path, rows()), vocabulary=280)
    other = preferences(written(tmp_path, rows(80)), vocabulary=300)
    again = respelt(data, other.tokenizer, other.signature.input)
    assert again.tokenizer == other.tokenizer
    assert len(again.train) == len(data.train)
    _, _, labels = next(again.train.batches(batch_size=1).epoch(0, seed=0))
    assert compared(again, labels[0, 1]) == " Who asks?</s>"
    assert not again.test.compared


def test_too_few_are_refused(tmp_path):
    with pytest.raises(UsageError, match="holds 2 preferences; expected at least"):
        preferences(written(tmp_path, rows(2)))


def test_a_context_in_which_no_answer_begins_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no answer begins within context=8 tokens"):
        preferences(written(tmp_path, rows()), vocabulary=280, context=8)
