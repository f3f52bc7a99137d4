"""What Python gives is what the command prints and draws, byte for byte."""

import json
import re

import pytest
import torch

import cartograd as cg
from cartograd.apps.answers import units
from cartograd.core.errors import UsageError
from tests.commands import command


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "run"
    return cg.train("lenet5", "digits", epochs=1, folder=folder, progress=False)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A regression on a table."""
    folder = tmp_path_factory.mktemp("rows")
    lines = "\n".join(f"{i % 7},{'ab'[i % 2]},{i % 7 * 2 + i % 2}.5" for i in range(80))
    (folder / "rows.csv").write_text(f"x,kind,y\n{lines}\n")
    data = f"csv:{folder / 'rows.csv'},target=y,task=regress"
    return cg.train("mlp:widths=[4]", data, epochs=1, folder=folder / "run", progress=False)


@pytest.fixture
def cli_run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


def plain(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("name", ["digits", "rows"])
def test_explanation(name, cli_run, tmp_path, request):
    run = request.getfixturevalue(name)
    told = cli_run("explain", run.folder, "--out", tmp_path / "theirs.png", "--json").json
    found = cg.explanation(run.folder)
    assert plain(found.to_json()) == told["explanations"]
    assert found.draw(tmp_path / "a.png").read_bytes() == (tmp_path / "theirs.png").read_bytes()
    assert found.draw_heads(tmp_path / "heads.png") is None
    assert torch.equal(found.attributions, cg.explain(run.folder, found.inputs))
    table = cli_run("explain", run.folder).out
    assert all(cell in table for cell in found.rows()[0])


def test_explanation_of_values_and_classes(digits, rows):
    shown = cg.dataset("digits").test.select(range(2)).inputs
    why = cg.explanation(digits, shown, target="3")
    assert all(re.fullmatch(r"why 3\? said \d \(\d+%\)", title) for title in why.titles)
    own = cg.explanation(digits, shown)
    said = [answer["label"] for answer in cg.predict(digits, shown)]
    assert [title.split()[0] for title in own.titles] == said
    found = cg.explanation(rows, [{"x": 3, "kind": "a"}])
    (value,) = cg.predict(rows, [{"x": 3, "kind": "a"}])
    assert found.titles == (f"value {units.number(value['value'])}",)
    assert set(found.to_json()[0]["contributions"]) == {"x", "kind"}


def test_several_labels_are_explained_by_the_task():
    """Their answers have no single label: once the title was `value None`."""
    port = cg.Port("row", "vector", (2,))
    many = cg.Port("kinds", "label", (2,), labels=("a", "b"), task="multi-label")
    linear = torch.nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[4.0, 0.0], [0.0, -4.0]]))
        linear.bias.zero_()
    model = cg.sign(linear, cg.Signature((port,), (many,)))
    found = cg.explanation(model, torch.ones(1, 2))
    assert found.titles == ("a (98%)",)


def test_a_bare_module_keeps_no_examples(digits):
    with pytest.raises(UsageError, match="keeps no examples; give the inputs"):
        cg.explanation(digits.model)


def test_robustness(digits, cli_run, tmp_path):
    words = ("--method", "pgd:eps=0.2,steps=5", "--examples", "50")
    where = ("--out", tmp_path / "theirs.png")
    told = cli_run("attack", digits.folder, *words, *where, "--json").json
    found = cg.robustness(digits.folder, "digits", method="pgd:eps=0.2,steps=5", examples=50)
    assert plain(found.to_json()).items() <= told.items()
    assert int(found.turned.sum()) == told["turned"] > 0
    assert found.draw(tmp_path / "a.png").read_bytes() == (tmp_path / "theirs.png").read_bytes()
    right = (found.before == found.targets).float().mean().item()
    assert found.clean == pytest.approx(right)


def test_evaluation(digits, cli_run, tmp_path):
    told = cli_run("evaluate", digits.folder, "--json").json
    found = cg.evaluate(digits.folder, "digits")
    mine = plain(found.to_json())
    for one in (mine, told):
        one.pop("latency_seconds")
        low, high = one.pop("latency_quartiles")
        assert 0 < low <= high
    assert mine.items() <= told.items()
    page = found.draw(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "that training never saw" in page
    assert "Worst mistakes" in page
    assert told["report"] == str(digits.folder / "report.html")
    other = cg.evaluate(digits.folder, "digits", part="train").draw(tmp_path / "other.html")
    assert "digits (train)" in other.read_text(encoding="utf-8")
    told = cli_run("evaluate", digits.folder, "--part", "train", "--json").json
    assert told["report"] == str(digits.folder / "report-digits-train.html")
    few = cg.dataset("digits").test.select(range(20))
    given = cg.evaluate(digits, few).draw(tmp_path / "few.html")
    assert "the examples given" in given.read_text(encoding="utf-8")


def test_answers(digits, cli_run, tmp_path):
    from PIL import Image

    Image.new("L", (8, 8), 100).save(tmp_path / "digit.png")
    found = cg.predict(digits, tmp_path / "digit.png", top=2)
    told = cli_run("predict", digits.folder, tmp_path / "digit.png", "--top", "2", "--json").json
    assert plain(found[0]) == told
    head, *lines = cli_run("predict", digits.folder, tmp_path / "digit.png", "--csv").out.split(
        "\n"
    )
    three = cg.predict(digits, tmp_path / "digit.png")
    assert head.split(",") == list(three.flat()[0])
    assert lines[0] == ",".join(map(str, three.flat()[0].values()))
    columns, cells = found.table()
    assert columns == ["source", "label", "probability", "label 2", "probability"]
    assert cells[0][1] == found[0]["label"]


def test_export(digits, tmp_path, cli_run):
    found = cg.export(digits, tmp_path / "model.onnx", check=True)
    assert found.agree
    told = cli_run("export", digits.folder, "--out", tmp_path / "b.onnx", "--check", "--json").json
    mine = plain(found.to_json())
    assert set(mine) == set(told)
    assert mine["size"] == told["size"]
    assert mine["check"]["tolerance"] == told["check"]["tolerance"]
    assert cg.export(digits, tmp_path / "model.onnx").to_json()["agree"] is None


def test_an_attack_on_a_row_of_numbers_has_no_picture(tmp_path):
    data = cg.dataset("breast-cancer")
    torch.manual_seed(0)
    model = cg.build("mlp:widths=[4]", signature=data.signature)
    found = cg.robustness(model, data, method="fgsm:eps=5", examples=30)
    assert found.draw(tmp_path / "a.png") is None
    assert not (tmp_path / "a.png").exists()
