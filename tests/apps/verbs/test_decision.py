"""What is chosen on validation examples is in the bundle, and every verb decides by it."""

import json

import pytest
import torch

import cartograd as cg
from cartograd.apps.cli import main
from cartograd.apps.verbs.decision import settle
from cartograd.apps.verbs.plan import planned
from cartograd.core.decided import bare
from cartograd.core.errors import UsageError
from cartograd.data.dataset.balanced import BalancedBatches
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.tensors import assemble
from cartograd.practice.decisions.temperature import temperature


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A rare class that is likelier the larger a is."""
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 500, generator=generator)
    late = torch.rand(500, generator=generator) < (8 * a - 7).sigmoid()
    rows = [f"{x:.3f},{y:.3f},{'yes' if z else 'no'}" for x, y, z in zip(a, b, late, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,late", *rows]) + "\n")
    return "csv:t.csv,target=late"


@pytest.fixture
def run(table):
    return cg.train(
        "mlp:widths=[8]", table, epochs=4, folder="r",
        threshold="cost:fp=1,fn=20", calibrate="temperature",
    )  # fmt: skip


def test_every_verb_decides_by_it(run, table, capsys):
    bundle = cg.load(run.folder)
    port = bundle.signature.output
    [share] = port.thresholds
    assert 0 < share < 0.5
    assert port.temperature != 1.0
    data = cg.dataset(table)
    found = cg.evaluate(run.folder, table)
    assert found.metrics == {name: x["value"] for name, x in bundle.metrics.items()}
    answers = cg.predict(run.folder, data.test.inputs)
    said = [one["label"] == "yes" for one in answers]
    chances = [one["probabilities"]["yes"] for one in answers]
    assert said == [one >= share for one in chances]
    assert any(one and chance < 0.5 for one, chance in zip(said, chances, strict=True))
    right = torch.tensor(said) == (data.test.targets == port.labels.index("yes"))
    assert found.metrics["accuracy"] == pytest.approx(float(right.double().mean()))
    likely = torch.tensor(chances)
    holds = (data.test.targets == port.labels.index("yes")).double()
    nll = torch.nn.functional.binary_cross_entropy(likely.double(), holds)
    assert found.metrics["nll"] == pytest.approx(float(nll), rel=1e-4)
    assert found.to_json()["threshold"] == {"yes": share}
    assert main(["evaluate", "r"]) == 0
    shown = capsys.readouterr().out
    assert f"'yes' from a probability of {100 * share:.3g} % on (cost:fp=1,fn=20, of" in shown
    assert "ece of the test examples" in shown
    assert "class" in shown.splitlines()[0]


@pytest.mark.compile
def test_an_exported_file_decides_by_it(run, capsys):
    assert main(["export", "r", "--check"]) == 0
    assert "from a probability of" in capsys.readouterr().out
    import onnxruntime

    inputs = cg.dataset("csv:t.csv,target=late").test.inputs
    session = onnxruntime.InferenceSession("r/model.onnx")
    [logits] = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    model = cg.load("r").model
    answers = cg.predict("r", inputs)
    labels = [model.signature.output.labels[at] for at in torch.tensor(logits).argmax(1).tolist()]
    assert labels == [one["label"] for one in answers]


def test_a_training_from_it_chooses_anew(run, table):
    again = cg.train("r", table, epochs=1, folder="s")
    port = cg.load(again.folder).signature.output
    assert (port.thresholds, port.temperature) == ((), 1.0)


def test_what_was_chosen_is_of_the_bare_logits(run, table):
    """A second choice on the same examples is the same."""
    model = cg.load("r").model
    before = model.signature.output
    settle(model, cg.dataset(table).valid, {"threshold": "cost:fp=1,fn=20", "calibrate": "x"})
    assert model.signature.output.temperature == pytest.approx(before.temperature)
    assert model.signature.output.thresholds == pytest.approx(before.thresholds)


def test_of_several_labels_each_has_its_own(tmp_path, capsys):
    x = torch.rand(400, 2, generator=torch.Generator().manual_seed(0))
    rows = [f"{a:.3f},{b:.3f},{int(a > 0.8)},{int(b > 0.4)}" for a, b in x.tolist()]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,wet,cold", *rows]) + "\n")
    data = f"csv:{tmp_path}/t.csv,target=[wet,cold]"
    run = cg.train("mlp:widths=[8]", data, epochs=2, folder=tmp_path / "r", threshold="f1")
    wet, cold = cg.load(run.folder).signature.output.thresholds
    assert wet != cold
    answers = cg.predict(run.folder, cg.dataset(data).test.inputs)
    for one in answers:
        limits = {"wet": wet, "cold": cold}
        chances = one["probabilities"].items()
        assert set(one["labels"]) == {label for label, share in chances if share >= limits[label]}
        assert one["threshold"] == limits
    assert main(["evaluate", str(run.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["threshold"] == {"wet": wet, "cold": cold}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"threshold": "f2"}, "unknown rule of threshold 'f2'"),
        ({"calibrate": "platt"}, "unknown calibrate 'platt'"),
        ({"sampler": "weighted"}, "unknown sampler 'weighted'"),
        ({"sampler": "balanced", "class_weights": "balanced"}, "both weigh the rare class"),
    ],
)
def test_what_cannot_be_chosen_is_refused_before(table, tmp_path, more, said):
    with pytest.raises(UsageError, match=said):
        cg.train("mlp", table, folder="r", **more)
    assert not (tmp_path / "r").exists()


def test_a_threshold_is_of_two_classes():
    with pytest.raises(UsageError, match="is for two classes or for labels; there are 10 classes"):
        cg.train("mlp", "digits", threshold="f1")


def test_a_run_is_balanced_from_its_beginning(table):
    given = {"batch_size": 32, "epochs": 1}
    batches = planned("mlp", table, sampler="balanced", **given).batches()
    assert isinstance(batches, BalancedBatches)
    assert (batches.batch_size, len(batches)) == (32, -(-len(cg.dataset(table).train) // 32))
    cg.train("mlp:widths=[4]", table, folder="p", **given)
    with pytest.raises(UsageError, match="begun with sampler=None and this run has sampler=bal"):
        cg.train(None, folder="p", resume=True, sampler="balanced")
    run = cg.train("mlp:widths=[4]", table, folder="b", sampler="balanced", **given)
    assert cg.train(None, folder="b", resume=True).steps == run.steps


def test_a_single_logit_is_calibrated_and_gets_a_threshold(tmp_path):
    """As the two logits that it stands for."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(400, 4, generator=draw)
    row = cg.Port("row", "vector", (4,), bounds=(-9.0, 9.0))
    match = cg.Port("match", "label", (1,), labels=("no", "yes"), task="score")
    taken = (torch.rand(400, generator=draw) < (2 * x[:, 0] - 1).sigmoid()).long()
    whole = Split(x, taken, cg.Signature((row,), (match,)))
    parts = (range(200), range(200, 300), range(300, 400))
    named = dict(zip(("train", "valid", "test"), map(whole.select, parts), strict=True))
    data = assemble("pairs", named)
    run = cg.train("mlp:widths=[16]", data, epochs=30, seed=0, folder=tmp_path / "run",
                   calibrate="temperature", threshold="f1")  # fmt: skip
    bundle = cg.load(run.folder)
    port = bundle.signature.output
    logits = bare(bundle.model(data.valid.inputs), port).detach()
    assert port.temperature == pytest.approx(temperature(logits, data.valid.targets), rel=1e-4)
    assert port.temperature != 1.0
    answers = cg.predict(run, data.test.inputs)
    logits = bare(bundle.model(data.test.inputs), port)[:, 0]
    chances = (logits / port.temperature).sigmoid().tolist()
    assert [one["probabilities"]["yes"] for one in answers] == pytest.approx(chances, abs=1e-5)
    [share] = port.thresholds
    assert [one["label"] == "yes" for one in answers] == [one >= share for one in chances]
