"""Results in notebooks: whole, small, escaped, and without anything from outside."""

import re
from pathlib import Path

import pytest
import torch

from cartograd.apps.answers.classify import Labels
from cartograd.apps.load.source import dataset
from cartograd.apps.report import notebook
from cartograd.apps.results.answers import Answers
from cartograd.apps.results.evaluation import Evaluation
from cartograd.engine.loop.fit import Run

pytestmark = pytest.mark.chart  # what they look at

EVIL = "<script>alert(1)</script>&"


def made():
    history = [{"epoch": n, "train/loss": 1 / n, "valid/loss": 2 / n} for n in (1, 2, 3)]
    return {
        "run": Run(Path(EVIL), history, history[-1], steps=30),
        "evaluation": Evaluation(
            {"accuracy": 0.9}, {"accuracy": (0.8, 0.95)}, 50, torch.zeros(1, 2), torch.zeros(1),
            0.1, 10, 40,
        ),
        "dataset": dataset("digits"),
        "answers": Answers([(EVIL, Labels({"3": 0.9, EVIL: 0.1}))]),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["run", "evaluation", "dataset", "answers"])
def test_it_stands_alone(kind):
    text = made()[kind]._repr_html_()
    assert len(text) < 30_000
    assert "<script" not in text
    assert "http" not in text
    assert all(source.startswith("data:image/png") for source in re.findall(r'src="([^"]*)', text))
    for tag in ("div", "table", "tr", "td", "svg"):
        assert len(re.findall(f"<{tag}[ >]", text)) == text.count(f"</{tag}>"), tag


def test_text_is_escaped():
    for kind in ("run", "answers"):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in made()[kind]._repr_html_()


def test_a_run_shows_both_losses():
    lines = re.findall(r'points="([^"]*)"', made()["run"]._repr_html_())
    assert [len(line.split()) for line in lines] == [3, 3]
    ends = [[float(point.split(",")[1]) for point in line.split()] for line in lines]
    assert all(line[0] < line[1] < line[2] for line in ends)  # down is large in SVG
    assert all(a > b for a, b in zip(*ends, strict=True))  # validation above training


def test_a_run_without_epochs_has_no_curve():
    assert "<svg" not in Run(None, [])._repr_html_()


def test_an_evaluation_shows_its_intervals():
    text = made()["evaluation"]._repr_html_()
    assert "90.0 %" in text
    assert "80.0 % to 95.0 %" in text


def test_images_come_as_thumbnails():
    assert made()["dataset"]._repr_html_().count("<img") == notebook.THUMBNAILS
    assert "<img" not in dataset("moons")._repr_html_()


def test_many_answers_are_counted():
    text = Answers((str(n), Labels({"a": 1.0})) for n in range(notebook.ROWS + 5))._repr_html_()
    assert "and 5 more" in text
    assert text.count("<tr>") == notebook.ROWS + 1
