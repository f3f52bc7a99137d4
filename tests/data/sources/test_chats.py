"""Chats as a source: what is learned, parts, copies, contexts, other tokens."""

import json

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.dataset.chat_rows import has_chats, reread, row_of, talk_of, with_template
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.dataset.token_rows import respelt
from cartograd.data.sources.chats import chats
from cartograd.data.text.tokenizer import Tokenizer


def written(folder, rows):
    path = folder / "chats.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def rows(count=40):
    return [
        {"messages": [
            {"role": "user", "content": f"What is {i} and one?"},
            {"role": "assistant", "content": f"It is {i + 1}."},
            {"role": "user", "content": "Sure?"},
            {"role": "assistant", "content": "Yes."},
        ]}
        for i in range(count)
    ]  # fmt: skip


def subject(folder):
    return (written(folder, rows()),), {"vocabulary": 280, "context": 64}


def learned(data, part, row):
    targets = part.targets[row]
    return data.tokenizer.decode(targets[targets != IGNORED], special=True)


@pytest.mark.law("chats")
def test_answers_and_their_ends_are_learned_and_nothing_else(tmp_path):
    data = chats(written(tmp_path, rows()), vocabulary=280)
    for part in (data.train, data.valid, data.test):
        for row, (cell,) in enumerate(part.table.rows):
            number = int(talk_of(cell)[0]["content"].split()[2])
            assert learned(data, part, row) == f" It is {number + 1}.</s> Yes.</s>"
            ends = (part.targets[row] == data.tokenizer.end).sum()
            assert ends == 2
    tokens, targets = data.train.inputs[0], data.train.targets[0]
    counted = (targets != IGNORED).nonzero()[:-1, 0]  # the last target is behind all inputs
    assert torch.equal(targets[counted], tokens[counted + 1])


@pytest.mark.law("chats")
def test_copies_stay_together_and_are_told(tmp_path):
    same = [row | {"messages": [*row["messages"][:1], {"role": "assistant", "content": f"{i}"}]}
            for i in range(3) for row in rows()]  # fmt: skip
    data = chats(written(tmp_path, same), vocabulary=280)
    asked = [{talk_of(cell)[0]["content"] for (cell,) in part.table.rows}
             for part in (data.train, data.valid, data.test)]  # fmt: skip
    assert sum(map(len, asked)) == len(set.union(*asked)) == 40
    assert "80 ask what another asks, too; they are in its part" in data.decided


def test_what_is_too_long_is_cut_and_counted(tmp_path):
    long = {"prompt": "Count.", "completion": "one two three " * 30}
    late = {"prompt": "Please " * 60, "completion": "no"}
    path = written(tmp_path, [*rows(20), long, late])
    data = chats(path, vocabulary=280, context=48, valid=0, test=0)
    assert (data.about["cut"], data.about["lost"], len(data.train)) == (21, 1, 21)
    assert any(
        "21 were cut at context=48" in line and "1 left out" in line for line in data.decided
    )
    assert data.train.inputs.shape[1] <= 48


def test_plain_documents_are_learned_whole(tmp_path):
    data = chats(
        written(tmp_path, [{"text": f"the {i}th page"} for i in range(30)]), vocabulary=280
    )
    assert learned(data, data.train, 0)[-8:] == "page</s>"
    assert (data.train.targets[0] != IGNORED).sum() == (data.train.inputs[0] != 0).sum()


def test_a_model_reads_them_in_its_own_tokens(tmp_path):
    data = chats(written(tmp_path, rows()), vocabulary=280, context=128)
    other = Tokenizer.train(["another vocabulary of other pieces " * 9], vocabulary=280)
    template = "{% for m in messages %}{{ m.content }}</s>{% endfor %}"
    other = other.told(chat=template)
    again = respelt(data, other, data.signature.input)
    assert has_chats(again)
    assert learned(again, again.train, 0) == learned(data, data.train, 0).replace("> ", ">")[1:]
    assert again.train.table == data.train.table
    short = reread(data, other, data.signature.input, longest=60)
    assert short.about["context"] == 60
    bare = Tokenizer(other.document, special=other.special)
    told = reread(data, bare, data.signature.input).decided
    assert "the model has no template for chats; turns are written as `User: ...</s>`" in told
    with pytest.raises(UsageError, match="neither a template for chats nor a token"):
        with_template(Tokenizer(other.document, special={}))
    refusing = other.told(chat="{{ raise_exception('no system') }}")
    with pytest.raises(UsageError, match=r"chats.jsonl line \d+: the template of the chat says"):
        reread(data, refusing, data.signature.input)


def test_nothing_after_the_last_answer_is_read():
    made, _ = with_template(Tokenizer.train(["abc"], vocabulary=270))
    asked = {"role": "user", "content": "a"}
    talk = (asked, {"role": "assistant", "content": "b"})
    assert row_of(made, (*talk, asked), 99) == row_of(made, talk, 99)


@pytest.mark.parametrize(
    ("lines", "args", "told"),
    [
        (3, {}, "holds 3 chats with an answer; expected at least 10"),
        (0, {}, "holds no chat with an answer"),
        (20, {"context": 3}, "no answer begins within the context"),
    ],
)
def test_too_few_are_refused(tmp_path, lines, args, told):
    with pytest.raises(UsageError, match=told):
        chats(written(tmp_path, rows(lines)), vocabulary=280, **args)
