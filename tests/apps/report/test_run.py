import re

import pytest
import torch
from torch import nn

from cartograd.apps.cli import main
from cartograd.apps.load.source import dataset
from cartograd.apps.report.origin import Origin, origin_of, title_of
from cartograd.apps.report.parts import Figure
from cartograd.apps.report.run import report
from cartograd.apps.verbs.evaluate import evaluate
from cartograd.apps.verbs.train import train
from cartograd.core.errors import UsageError
from cartograd.core.signed import sign
from cartograd.data.dataset.dataset import Split

pytestmark = pytest.mark.chart  # what they look at


@pytest.fixture(scope="module")
def digits():
    return dataset("digits")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    return train("mlp:widths=[8]", "digits", folder=folder, epochs=2)


def sections(text: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', text)


def test_training_ends_with_a_report(run):
    text = (run.folder / "report.html").read_text()
    assert "<h1>Multilayer perceptron on digits</h1>" in text
    assert "Trained on 1,264 examples in 2 epochs; measured on 359 examples that" in text
    assert sections(text) == [
        "metrics",
        "curves",
        "confusion",
        "ranking",
        "reliability",
        "mistakes",
        "next",
        "speed",
        "configuration",
        "provenance",
    ]


def test_a_run_tells_how_it_came_to_be(run):
    origin = origin_of(run)
    assert origin == origin_of(run.folder)
    assert origin.data == "digits"
    assert [record["epoch"] for record in origin.history] == [1, 2]
    assert [record["seconds"] for record in origin.history] == [
        record["seconds"] for record in run.history
    ]
    assert origin.settings["epochs"] == (2, "flag")
    assert origin.settings["seed"] == (0, "default")
    assert origin.stopped is None
    assert len(origin.digest) == 64


def test_a_bundle_alone_has_no_history(run, tmp_path):
    (run.folder / "bundle").rename(tmp_path / "alone")
    try:
        origin = origin_of(tmp_path / "alone")
    finally:
        (tmp_path / "alone").rename(run.folder / "bundle")
    assert origin.history == []
    assert origin.settings == {}
    assert origin.data == "digits"


def test_a_module_in_memory_has_no_origin(run):
    assert origin_of(run.model) == Origin()
    with pytest.raises(UsageError, match="missing"):
        origin_of("no/such/folder")


def test_a_foreign_model_is_called_by_its_class(digits, tmp_path):
    model = sign(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), digits.signature)
    assert title_of(model, "digits") == "Sequential on digits"
    found = evaluate(model, digits.test)
    path = report(tmp_path / "r.html", model, digits.test, found, figures=[Figure("More", "1")])
    text = path.read_text()
    assert "<h1>Sequential</h1>" in text
    assert sections(text) == [
        "metrics",
        "confusion",
        "ranking",
        "reliability",
        "mistakes",
        "provenance",
    ]
    assert "<dt>More</dt>" in text


def test_several_values_have_metrics_alone(tmp_path, run):
    from cartograd.core.ports import Port, Signature

    signature = Signature((Port("x", "vector", (3,)),), (Port("y", "value", (2,)),))
    model = sign(nn.Linear(3, 2), signature)
    examples = Split(torch.randn(20, 3), torch.randn(20, 2), signature)
    found = evaluate(model, examples)
    text = report(tmp_path / "r.html", model, examples, found).read_text()
    assert sections(text) == ["metrics", "provenance"]


def test_evaluate_writes_beside_the_bundle_and_keeps_other_data_apart(run, capsys):
    before = (run.folder / "report.html").stat().st_mtime_ns
    assert main(["evaluate", str(run.folder), "--part", "valid"]) == 0
    other = run.folder / "report-digits-valid.html"
    assert "174 examples of digits (valid)" in other.read_text()
    assert (run.folder / "report.html").stat().st_mtime_ns == before
    assert main(["evaluate", str(run.folder)]) == 0
    assert (run.folder / "report.html").stat().st_mtime_ns > before
    assert str(run.folder / "report.html") in capsys.readouterr().out


def test_a_gate_answers_where_no_report_can_be_written(run, capsys, monkeypatch):
    def full(*_):
        raise UsageError("cannot write report.html: No space left on device")

    monkeypatch.setattr("cartograd.apps.report.page.write_file", full)
    assert main(["evaluate", str(run.folder), "--min", "accuracy=0.99"]) == 1
    assert "no report: cannot write" in capsys.readouterr().err
