"""The tour from the outside: every step on real digits, again on a table and on values."""

import json
import os
import re
import signal
from importlib import util

import numpy as np
import pytest
import torch

from cartograd.apps.tour import tour
from cartograd.apps.tour.guide import STEPS
from cartograd.apps.verbs.predict import predict
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def toured(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("somewhere") / "tour"
    return tour(folder, epochs=4, say=lambda step, text: told.append((step, text)))


@pytest.fixture
def no_onnx(monkeypatch):
    """Exporting takes longer than all else; where it is not the point it is not installed."""
    found = util.find_spec

    def without(name, *args):
        return None if name.startswith("onnx") else found(name, *args)

    monkeypatch.setattr("cartograd.apps.tour.steps.find_spec", without)


def test_each_step_is_told_when_it_begins_and_when_it_ends(toured, told):
    assert [step for step, _ in told[::2]] == list(STEPS)
    assert [step for step, _ in told[1::2]] == list(STEPS)
    assert not any(text for _, text in told[::2])
    assert all(text for _, text in told[1::2])
    assert list(toured.seconds) == list(STEPS)


def test_the_table_has_a_row_for_each_question(toured):
    assert [row.name for row in toured.rows] == [
        "Accuracy",
        "Calibration error",
        "Size",
        "Latency",
        "ONNX difference",
        "Robust accuracy",
    ]
    first = toured.rows[0]
    assert re.fullmatch(
        r"\d+\.\d % to \d+\.\d %; softmax regression .*, most common .*", first.remark
    )


def test_the_numbers_are_plausible(toured):
    numbers = toured.numbers
    low, high = numbers["accuracy interval"]
    assert low <= numbers["accuracy"] <= high
    assert numbers["accuracy"] > 0.9
    constant, linear = numbers["baselines"].values()
    assert 0.05 < constant["accuracy"] < 0.15
    assert 0.9 < linear["accuracy"] < 0.98
    assert numbers["parameters"] == 61_706
    assert numbers["onnx_difference"] < 1e-4
    assert numbers["completeness_gap"] < 0.05
    accuracies = [accuracy for _, accuracy in numbers["robust accuracies"]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert numbers["accuracy"] > numbers["robust_accuracy"]


def test_the_folder_holds_what_the_steps_made(toured):
    names = {path.name for path in toured.folder.iterdir()}
    assert names == {
        "report.html",
        "lenet5-digits",
        "model.onnx",
        "model.golden.safetensors",
        "example.png",
        "tour.json",
    }
    record = json.loads((toured.folder / "tour.json").read_text())
    assert record["numbers"] == json.loads(json.dumps(toured.numbers))
    assert load(toured.run).signature.output.labels == tuple("0123456789")
    [answer] = predict(toured.run, toured.folder / "example.png")
    assert answer["label"] == str(int(toured.measured.outputs[0].argmax()))


def test_the_report_has_every_section_and_no_path_of_this_machine(toured):
    text = toured.report.read_text()
    sections = re.findall(r'<section id="(\w+)"', text)
    assert sections == [
        "metrics",
        "curves",
        "confusion",
        "ranking",
        "reliability",
        "mistakes",
        "attributions",
        "adversarial",
        "deployment",
        "next",
        "speed",
        "configuration",
        "provenance",
    ]
    assert str(toured.folder.parent) not in text
    assert len(text) < 1_000_000
    own = (toured.run / "report.html").read_text()
    assert "Attributions" not in own
    assert "Training curves" in own


def test_again_gives_the_same_numbers_in_the_same_place(toured, no_onnx):
    (toured.folder / "left over").write_text("from before")
    threads = torch.get_num_threads()
    again = tour(toured.folder, epochs=4)
    assert torch.get_num_threads() == threads
    for name, number in again.numbers.items():
        if name != "latency":
            assert number == toured.numbers[name], name
    assert not (toured.folder / "left over").exists()
    assert [row.value for row in again.rows if row.name == "ONNX difference"] == ["skipped"]
    assert list(toured.folder.parent.iterdir()) == [toured.folder]


class Stopping:
    """Presses Ctrl-C at the first chance."""

    def on_report(self, _):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_tour_that_is_stopped_leaves_the_earlier_one(tmp_path, no_onnx):
    earlier = tmp_path / "tour" / "tour.json"
    earlier.parent.mkdir()
    earlier.write_text('{"tour": 1}')
    with pytest.raises(KeyboardInterrupt):
        tour(tmp_path / "tour", epochs=50, progress=Stopping())
    assert earlier.read_text() == '{"tour": 1}'
    assert [path.name for path in tmp_path.iterdir()] == ["tour"]


@pytest.mark.parametrize("mark", [None, "not JSON", "[]", '{"other": 1}'])
def test_a_folder_that_is_not_a_tours_is_left_alone(tmp_path, mark):
    (tmp_path / "thesis.tex").write_text("ten years of work")
    if mark is not None:
        (tmp_path / "tour.json").write_text(mark)
    with pytest.raises(UsageError, match="is not the folder of a tour"):
        tour(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "tour").write_text("")
    with pytest.raises(UsageError, match="is not the folder of a tour"):
        tour(tmp_path / "tour")


def test_a_wrong_model_writes_nothing(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'lenet5'"):
        tour(tmp_path / "tour", model="lenet")
    assert not list(tmp_path.iterdir())


def test_a_table_has_no_pictures_and_no_attack(tmp_path, no_onnx):
    found = tour(tmp_path / "tour", data="breast-cancer", model="mlp:widths=[8]", epochs=8)
    assert not found.robust
    assert "Robust accuracy" not in [row.name for row in found.rows]
    assert found.numbers["accuracy"] > 0.85
    text = found.report.read_text()
    assert "adversarial" not in re.findall(r'<section id="(\w+)"', text)
    assert "How far each column moved" in text
    assert "cartograd tour --data breast-cancer --model mlp:widths=[8] --epochs 8" in text


def test_values_are_compared_with_their_mean_and_a_line(tmp_path, no_onnx):
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 2))
    y = 100 + 3 * x[:, 0] - 2 * x[:, 1] ** 2 + 0.1 * random.normal(size=400)
    lines = [f"{a:.5f},{b:.5f},{c:.5f}" for (a, b), c in zip(x, y, strict=True)]
    (tmp_path / "made.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    data = f"csv:{tmp_path / 'made.csv'},target=y"
    found = tour(tmp_path / "tour", data=data, model="mlp:widths=[16]", epochs=20)
    assert list(found.numbers["baselines"]) == ["mean", "linear regression"]
    assert [row.name for row in found.rows][:2] == ["Root mean squared error", "R²"]
    rmse = [found.numbers["baselines"][name]["rmse"] for name in ("mean", "linear regression")]
    assert rmse[0] > rmse[1] > found.numbers["rmse"]
    assert "regression" in re.findall(r'<section id="(\w+)"', found.report.read_text())
