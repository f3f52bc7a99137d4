"""`cg.trace` finds what the command prints and draws: the same objects, the same pictures."""

import dataclasses
import json

import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.results import traces
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.commands import command


@pytest.fixture
def cli_run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


def same_as_the_command(found, cli_run, tmp_path, *words, drawn=True):
    """JSON and, byte for byte, the picture."""
    more = ("--out", tmp_path / "theirs.png") if drawn else ()
    told = cli_run("trace", *words, "--json", *more).json
    if isinstance(told, dict):
        told.pop("picture")
    assert json.loads(json.dumps(found.to_json())) == told
    if drawn:
        path = found.draw(tmp_path / "ours.png")
        assert path.read_bytes() == (tmp_path / "theirs.png").read_bytes()


def test_notes(cli_run):
    steps = cg.trace()
    assert [step.to_json() for step in cg.trace("notes")] == [step.to_json() for step in steps]
    assert len(steps) == len(cli_run("trace", "--json").json)


def test_descent(cli_run, tmp_path):
    found = cg.trace("descent")
    assert isinstance(found, traces.Descents)
    assert [row[0] for row in found.sheet().rows] == ["batch", "mini-batch", "stochastic"]
    same_as_the_command(found, cli_run, tmp_path, "descent")


def test_field(cli_run, tmp_path):
    found = cg.trace("field", "vgg11", size=64)
    assert [layer.field[0] for layer in found.layers[:4]] == [3, 4, 8, 10]
    same_as_the_command(found, cli_run, tmp_path, "field", "vgg11", "--size", "64", drawn=False)
    assert cg.trace("field").layers[0].size == (28, 28)


def test_filters(cli_run, tmp_path):
    found = cg.trace("filters")
    assert max(one.gap for one in found.filters) < 1e-10
    same_as_the_command(found, cli_run, tmp_path, "filters")


def test_maps(cli_run, tmp_path):
    data = cg.dataset("digits")
    model = build("lenet5", signature=data.signature)
    path = cg.save(model, tmp_path / "net")
    Image.new("L", (8, 8), 100).save(tmp_path / "digit.png")
    found = cg.trace("maps", path, tmp_path / "digit.png")
    assert list(found.layers) == ["c1", "c3"]
    same_as_the_command(found, cli_run, tmp_path, "maps", path, tmp_path / "digit.png")
    text = dataclasses.replace(model.signature.input, kind="vector")
    other = cg.sign(model.model, cg.Signature((text,), model.signature.outputs))
    with pytest.raises(UsageError, match="takes vector; feature maps are of images"):
        cg.trace("maps", other, torch.zeros(1, 1, 8, 8))


def test_gates(cli_run, tmp_path):
    data = cg.dataset("digits")
    path = cg.save(build("lstm:dim=4", signature=data.signature), tmp_path / "net")
    Image.new("L", (8, 8), 100).save(tmp_path / "digit.png")
    found = cg.trace("gates", path, tmp_path / "digit.png")
    assert list(next(iter(found.layers.values())))[:3] == ["input", "forget", "candidate"]
    assert all(0 <= row["saturated"] <= 1 for row in found.to_json()["gates"])
    same_as_the_command(found, cli_run, tmp_path, "gates", path, tmp_path / "digit.png")


def test_alignment(cli_run, tmp_path):
    pairs = tmp_path / "pairs.tsv"
    words = ["one", "two", "three", "four"]
    pairs.write_text(
        "\n".join(f"{a} {b} {c}\t{c} {a}" for a in words for b in words for c in words)
    )
    data = build("pairs", kind="data", vocabulary=280)(pairs)
    nets = {}
    for name in ("seq2seq:dim=8", "t5:dim=8,heads=2,depth=1"):
        model = build(name, signature=data.signature)
        model.tokenizer = data.tokenizer
        nets[name] = cg.save(model, tmp_path / name[:2])
    path = nets["seq2seq:dim=8"]
    found = cg.trace("alignment", path, "one two")
    torch.testing.assert_close(found.weights.sum(1), torch.ones(len(found.written)))
    assert found.weights.shape == (len(found.written), len(found.read))
    assert found.answer == cg.generate(path, "one two", length=80)[0].text
    same_as_the_command(found, cli_run, tmp_path, "alignment", path, "one two")
    with pytest.raises(UsageError, match="t5 is no recurrent encoder-decoder"):
        cg.trace("alignment", nets["t5:dim=8,heads=2,depth=1"], "one two")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("descen",), "unknown trace 'descen'; did you mean 'descent'"),
        (("notes", "lenet5"), "takes fewer words"),
        (("field", "lenet5", "more"), "takes fewer words"),
        (("maps", "net"), "needs a model and a picture"),
        (("gates", "net"), "needs a model and something to read"),
    ],
)
def test_what_cannot_be_traced_is_one_line(cli_run, words, message):
    with pytest.raises(UsageError, match=message):
        cg.trace(*words)
    done = cli_run("trace", *words)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert message in done.err
