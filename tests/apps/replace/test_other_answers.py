"""May B replace A where an example has several classes, or each of its positions one."""

from dataclasses import replace
from importlib import import_module

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.practice.metrics.nll import nll

NAMES = ("wind", "rain", "snow")


def weather(n=300):
    """Three numbers, each of which says whether one thing holds."""
    x = torch.rand(n, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    port = Port("x", "vector", (3,), bounds=(-1.0, 1.0))
    output = Port("weather", "label", (3,), labels=NAMES, task="multi-label")
    return Split(x, (x > 0).float(), Signature((port,), (output,)))


def by_signs(split, *shifts, labels=NAMES):
    layer = nn.Linear(3, 3)
    layer.weight.data, layer.bias.data = 8 * torch.eye(3), 8 * torch.tensor(shifts)
    output = Port("weather", "label", (3,), labels=labels, task="multi-label")
    return cg.sign(layer, Signature(split.signature.inputs, (output,)))


def test_several_classes_change_one_by_one():
    split = weather()
    a, b = by_signs(split, 0.0, 0.0, 0.0), by_signs(split, 0.0, -0.3, 0.0)
    found = cg.replace(a, b, split, margin=["f1:average=macro=2%", "accuracy=2%"])
    x = split.inputs
    lost = (x[:, 1] > 0) & (x[:, 1] < 0.3)
    assert found.word == "may not"
    assert len(found.changes) == int(lost.sum())
    assert found.metrics[1].values == (1.0, pytest.approx(1 - float(lost.float().mean())))
    by_label = {one.name: one.wrong for one in found.groups if one.way == "label"}
    assert by_label == {"wind": 0, "rain": int(lost.sum()), "snow": 0}
    one = found.changes[0]
    assert "rain" in one.truth
    assert set(one.b.split(", ")) == set(one.truth.split(", ")) - {"rain"} or one.b == "none"
    assert found.parting.stage == "head"


def test_several_classes_are_matched_by_name_and_may_come_from_a_function():
    split = weather()
    a = by_signs(split, 0.0, 0.0, 0.0)
    turned = by_signs(split, 0.0, 0.0, 0.0, labels=NAMES[::-1])
    turned.model.weight.data = turned.model.weight.data.flip(0)
    function = lambda rows: [dict(zip(NAMES, row.mul(8).sigmoid(), strict=True)) for row in rows]  # noqa: E731
    for b in (turned, function):
        found = cg.replace(a, b, split, margin="accuracy=2%")
        assert (found.word, found.changes) == ("may", ())


def test_one_class_and_several_are_other_questions():
    split = weather()
    output = Port("weather", "label", (3,), labels=NAMES)
    one = cg.sign(nn.Linear(3, 3), Signature(split.signature.inputs, (output,)))
    with pytest.raises(UsageError, match="of the task classify, and the data are of multi-label"):
        cg.replace(by_signs(split, 0.0, 0.0, 0.0), one, split)


def texts(task, n=60, tokens=5, width=7):
    """Rows of tokens; the right answer at a position is the token itself, the last three unknown
    of every second row."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randint(tokens, (n, width), generator=draw)
    targets = x.clone()
    targets[::2, -3:] = -100
    port = Port("text", "text", ("t",), "int64", bounds=(0, tokens - 1))
    names = tuple("abcde") if task == "tag" else ()
    output = Port("answer", "label", ("t", tokens), labels=names, task=task)
    return Split(x, targets, Signature((port,), (output,)))


class Table(nn.Module):
    """Looks up what a token is answered with."""

    def __init__(self, rows):
        super().__init__()
        self.rows = nn.Embedding.from_pretrained(rows)

    def forward(self, x):
        return self.rows(x)


def knowing(split, *forgotten, tokenizer=None):
    """A model that takes some of the tokens for the next one."""
    rows = 4 * torch.eye(5)
    for token in forgotten:
        rows[token] = rows[token].roll(1)
    return cg.sign(Table(rows), split.signature, tokenizer=tokenizer)


@pytest.mark.parametrize("task", ["tag", "next-token"])
def test_each_position_has_an_answer_and_each_example_counts_once(task):
    split = texts(task)
    found = cg.replace(
        knowing(split), knowing(split, 2), split, margin="accuracy=5%, nll=0.1", examples=50
    )
    known = found.questions.targets >= 0
    wrong = known & (found.questions.targets == 2)
    assert found.word == "may not"
    assert found.metrics[0].values == (1.0, pytest.approx(1 - int(wrong.sum()) / int(known.sum())))
    outputs = [one[known].log() for one in found.answers]
    truth = [nll(one, found.questions.targets[known]) for one in outputs]
    assert found.metrics[1].values == pytest.approx(truth)
    assert len(found.changes) == int(wrong.sum())
    assert "position" in found.changes[0].name
    assert {one.became for one in found.changes} == {"wrong"}
    assert "regions are of whole examples" in found.looked_for_regions
    assert found.parting.stage == "layer rows, Embedding"
    share = wrong.sum(1).double() / known.sum() - (wrong.sum() / known.sum()) * (
        known.sum(1) / known.sum()
    )
    spread = float(share.square().sum().sqrt())
    assert found.metrics[0].low == pytest.approx(found.metrics[0].gain - 1.81 * spread, abs=0.02)


def test_what_cannot_be_matched_by_position_is_refused():
    split = texts("tag")
    model = knowing(split)
    with pytest.raises(UsageError, match=r"function.* gives one answer for each example"):
        cg.replace(model, lambda rows: [[0.2] * 5 for _ in rows], split)
    inputs = (replace(split.signature.input, bounds=(0, 5)),)
    more = cg.sign(Table(torch.eye(6)[:, :5].clone()), Signature(inputs, split.signature.outputs))
    with pytest.raises(UsageError, match="cut texts into other tokens"):
        cg.replace(model, more, split)
    with pytest.raises(UsageError, match="slices=age is of examples"):
        cg.replace(model, model, split, slices="age")
    with pytest.raises(UsageError, match="margin f1"):
        cg.replace(model, model, split, margin="f1=1%")


def test_room_is_kept_for_the_answers(monkeypatch):
    monkeypatch.setattr(import_module("cartograd.apps.replace.positions"), "NUMBERS", 350)
    split = texts("next-token")
    found = cg.replace(knowing(split), knowing(split), split, margin="accuracy=50%")
    assert len(found.questions) == 10
    assert any("10 of 60 examples are asked" in note for note in found.questions.notes)


def test_tokens_are_shown_as_they_are_written(monkeypatch):
    words = Tokenizer.bytes()
    monkeypatch.setattr(type(words), "check", lambda *_: None)
    split = texts("next-token")
    found = cg.replace(
        knowing(split, tokenizer=words), knowing(split, 2, tokenizer=words), split,
        margin="accuracy=1%",
    )  # fmt: skip
    assert found.changes[0].truth == repr("\x02")
