"""The whole life of somebody else's `nn.Module` in Python, on somebody else's tensors."""

import json

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.server.run import running

pytestmark = pytest.mark.journey


class Gated(nn.Module):
    """A module that Cartograd knows nothing of, with a part that training changes."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.value, self.gate = nn.Linear(inputs, 16), nn.Linear(inputs, 16)
        self.norm, self.drop = nn.BatchNorm1d(16), nn.Dropout(0.2)
        self.out = nn.Linear(16, outputs)

    def forward(self, x):
        hidden = self.value(x) * torch.sigmoid(self.gate(x))
        return self.out(self.drop(self.norm(hidden)))


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(400, 3, generator=generator) * 4 + 10
    y = (x[:, 0] > x[:, 1]).long()
    return cg.tensors(x, y, labels=("less", "more"), bounds=(-20.0, 40.0))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "gated"
    torch.manual_seed(0)  # their module: its first weights are not ours to seed
    return cg.train(Gated(3, 2), data, epochs=20, batch_size=32, folder=folder)


def test_train_and_evaluate(run, data):
    found = cg.evaluate(run, data.test, metrics=("accuracy", "ece"))
    low, high = found.intervals["accuracy"]
    assert low <= found.metrics["accuracy"] <= high
    assert found.metrics["accuracy"] > 0.85
    assert found.examples == len(data.test)
    assert found.parameters == sum(p.numel() for p in run.model.parameters())
    assert found.size >= 4 * found.parameters
    assert found.latency > 0


def test_every_kind_of_target_gives_the_same(run, data):
    module = Gated(3, 2)
    bundle = cg.load(run.folder, model=module)
    expected = cg.evaluate(run, data).outputs
    with_signature = bundle.model.model
    with_signature.signature = bundle.signature
    for target in (run.model, bundle, bundle.model, with_signature):
        assert torch.equal(cg.evaluate(target, data).outputs, expected)


def test_a_path_alone_cannot_rebuild_it(run):
    with pytest.raises(cg.UsageError, match="give the module"):
        cg.predict(run.folder, [[1.0, 2.0, 3.0]])


def test_predict_leaves_the_modes_alone(run):
    run.model.train()
    first = cg.predict(run, [[12.0, 5.0, 1.0], [5.0, 12.0, 1.0]], top=1)
    assert [row["label"] for row in first] == ["more", "less"]
    assert cg.predict(run, torch.tensor([[12.0, 5.0, 1.0]]))[0]["probability"] == pytest.approx(
        first[0]["probability"]
    )
    assert all(part.training for part in run.model.modules())


def test_explain_and_attack(run, data):
    x, y = data.test.inputs[:10], data.test.targets[:10]
    heat = cg.explain(run, x, target="more", method="integrated_gradients:steps=64,baseline=mean")
    assert heat.shape == x.shape
    assert heat[:, 2].abs().mean() < heat[:, :2].abs().mean()
    adversarial = cg.attack(run, x, y, method="pgd:eps=2.0,steps=5")
    assert (adversarial - x).abs().max() <= 2.0 + 1e-5


@pytest.mark.compile
def test_export(run, data, tmp_path):
    done = cg.export(run, tmp_path / "gated.onnx", check=data.test.inputs[:16])
    assert done.check.agree
    assert done.size == done.path.stat().st_size
    assert cg.export(run, tmp_path / "again.onnx").check is None


def test_serve(run):
    import httpx

    with running(run) as url, httpx.Client(trust_env=False) as client:
        answer = client.post(f"{url}/predict", json={"inputs": [[12.0, 5.0, 1.0]]}).json()
    assert answer["predictions"][0]["label"] == "more"


def test_the_run_folder_is_that_of_any_run(run):
    about = json.loads((run.folder / "bundle" / "about.json").read_text())
    assert about["settings"]["model"] == "Gated"
    assert about["settings"]["data"] == "tensors"
    assert (run.folder / "config.toml").is_file()


def test_a_bare_module_needs_a_signature():
    with pytest.raises(cg.UsageError, match="has no signature"):
        cg.predict(Gated(3, 2), [[1.0, 2.0, 3.0]])


@pytest.mark.untyped
def test_what_is_no_model_at_all():
    with pytest.raises(cg.UsageError, match="got int"):
        cg.predict(7, [[1.0, 2.0, 3.0]])
