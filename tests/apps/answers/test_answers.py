"""Answers: their JSON, their rows and their drawings; names that look like tasks are only names."""

import json
import sys
from importlib import import_module

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import cartograd as cg
from cartograd.apps.answers.asked import Asked, answers
from cartograd.apps.answers.translate import Translation
from cartograd.core import task
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Split

ROW = Port("row", "vector", (4,))


class Given(nn.Module):
    """Gives the same outputs whatever is asked."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs

    def forward(self, x):
        return self.outputs[: len(x)]


def ask(outputs, port, **more):
    outputs = torch.tensor(outputs)
    return answers(
        Asked(Given(outputs), Signature((ROW,), (port,)), torch.zeros(len(outputs), 4), **more)
    )


SEEN = [
    (Port("y", "label", (2,), labels=("a", "b")), [[0.0, 0.0]],
     {"label": "a", "probability": 0.5, "probabilities": {"a": 0.5, "b": 0.5}}, 1),
    (Port("y", "label", (1,), labels=("no", "yes"), task="score"), [[0.0]],
     {"label": "no", "probability": 0.5, "probabilities": {"no": 0.5, "yes": 0.5}}, 1),
    (Port("y", "label", (2,), labels=("a", "b"), task="multi-label"), [[0.0, -100.0]],
     {"labels": ["a"], "threshold": 0.5,
      "probabilities": {"a": 0.5, "b": pytest.approx(0)}}, 1),
    (Port("y", "value", (1,)), [[2.5]], {"value": 2.5}, 1),
    (Port("y", "value", (2,)), [[2.5, 1.0]], {"values": [2.5, 1.0]}, 1),
    (Port("y", "vector", (2,)), [[2.5, 1.0]], {"vector": [2.5, 1.0]}, 1),
    (Port("y", "value", ("q", 6), labels=("cat", "dog"), task="detect"),
     [[[0.0, 0.25, 0.5, 1.0, -9.0, 0.0], [0.0, 0.0, 1.0, 1.0, -1.0, -1.0]]],
     {"boxes": [{"label": "dog", "score": 0.5, "left": 0.0, "top": 0.25, "right": 0.5,
                 "bottom": 1.0}]}, 1),
    (Port("y", "label", (2, 1, 2), labels=("sky", "sea"), task="segment"),
     [[[[1.0, 0.0]], [[0.0, 1.0]]]], {"mask": [[0, 1]], "labels": ["sky", "sea"]}, 2),
    (Port("y", "value", (2, 3), task="forecast"), [[[1.0, 2.0, 3.0], [2.0, 3.0, 5.0]]],
     {"low": [1.0, 2.0], "middle": [2.0, 3.0], "high": [3.0, 5.0]}, 2),
    (Port("y", "value", (3,), labels=("a", "b", "c"), task="rank"), [[0.0, 2.0, 1.0]],
     {"ranking": [{"item": "b", "score": 2.0}, {"item": "c", "score": 1.0},
                  {"item": "a", "score": 0.0}]}, 3),
    (Port("y", "value", (1,), task="density"), [[-1.5]], {"log_density": -1.5}, 1),
    (Port("y", "image", (1, 1, 2), task="generate"), [[[[0.0, 1.0]]]],
     {"example": [[[0.0, 1.0]]]}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("port", "outputs", "expected", "rows"), SEEN)
def test_answers_in_all_their_forms(port, outputs, expected, rows):
    (answer,) = ask(outputs, port)
    assert answer.to_json() == expected
    json.dumps(answer.to_json())
    assert len(answer.rows()) == rows
    assert all(isinstance(cell, str) for row in answer.rows() for pair in row for cell in pair)
    assert answer.flat()
    axes = Figure().subplots()
    answer.draw(axes)
    assert axes.has_data() or axes.texts


def test_translations():
    axes = Figure().subplots()
    Translation("hello").draw(axes)
    assert axes.texts[0].get_text() == "hello"
    with pytest.raises(UsageError, match="has no tokenizer; sign it with one"):
        ask([[[0.0, 1.0]]], Port("y", "label", (1, 2), task="translate"))


def test_what_does_not_look_like_the_task_is_refused():
    with pytest.raises(UsageError, match=r"expected \(examples, steps, 3\)"):
        ask([[1.0, 2.0]], Port("y", "value", (2,), task="forecast"))
    with pytest.raises(UsageError, match="expected one for each of 1 examples"):
        ask([[1.0, 2.0]], Port("y", "value", (2,), task="density"))


@pytest.mark.parametrize("name", ["token", "next x", "y"])
def test_an_empty_label_and_strange_names_are_a_plain_classifier(name):
    """Once an empty first label meant CTC, and such names a model of language."""
    port = Port(name, "label", (2,), labels=("", "yes"))
    signature = Signature((ROW,), (port,))
    x, y = torch.eye(4).repeat(8, 1), torch.tensor([0, 1, 0, 1]).repeat(8)
    model = nn.Linear(4, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 0, 1, 0], [0, 1.0, 0, 1]]))
        model.bias.zero_()
    signed = cg.sign(model, signature)
    found = cg.evaluate(signed, Split(x, y, signature))
    assert list(found.metrics) == ["accuracy", "precision", "recall", "f1", "nll", "ece"]
    assert found.metrics["accuracy"] == 1
    assert [answer["label"] for answer in cg.predict(signed, x[:2])] == ["", "yes"]


def test_verbs_decline_with_the_sentence_of_the_task():
    port = Port("y", "vector", (6,), task="embed")
    signature = Signature((ROW,), (port,))
    signed = cg.sign(Given(torch.zeros(2, 6)), signature)
    data = Split(torch.zeros(2, 4), torch.zeros(2, 6), signature)
    with pytest.raises(
        UsageError, match="evaluate has no metrics for embeddings yet; give metrics"
    ):
        cg.evaluate(signed, data)
    with pytest.raises(UsageError, match="a vector means something beside another"):
        cg.explain(signed, torch.zeros(1, 4))
    with pytest.raises(UsageError, match="train has no objective for embeddings yet; give objec"):
        task.find("embed").check("train")


METHOD = """
from dataclasses import dataclass

from cartograd.core.task import Task, add

TASK = add(Task("count", "a count", __name__, objective="regress", metrics=("mae",),
                explained="value"))


@dataclass(frozen=True)
class Count:
    number: int

    def to_json(self):
        return {"count": self.number}

    def rows(self):
        return [[("count", str(self.number))]]

    def flat(self):
        return self.to_json()

    def draw(self, axes):
        axes.bar(["count"], [self.number])


def answers(asked):
    return [Count(round(value)) for value in asked.outputs.flatten().tolist()]
"""


def test_a_new_task_is_one_file(tmp_path, monkeypatch):
    package = tmp_path / "counting"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "count.py").write_text(METHOD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(task, "_ADDED", {})
    import_module("counting.count")

    signature = Signature((ROW,), (Port("n", "value", (1,), task="count"),))
    signed = cg.sign(Given(torch.tensor([[2.2], [3.9]])), signature)
    x = torch.zeros(2, 4)
    assert [answer["count"] for answer in cg.predict(signed, x)] == [2, 4]
    found = cg.evaluate(signed, Split(x, torch.tensor([[2.0], [4.0]]), signature))
    assert found.metrics == {"mae": pytest.approx(0.15)}
    for name in ("counting", "counting.count"):
        monkeypatch.delitem(sys.modules, name)
