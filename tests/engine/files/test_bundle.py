import json
from pathlib import Path

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core import pages, registry, source
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.files import write_manifest
from cartograd.engine.files import bundle as bundle_module
from cartograd.engine.files.bundle import load, statistics, write_bundle
from cartograd.engine.loop.fit import fit
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, quadrants

POINT = cg.Port("point", "vector", (2,), bounds=(-5.0, 5.0), mean=(0.5,), std=(2.0,))
SIDE = cg.Port("side", "label", (2,), labels=("left", "right"))
SIGNATURE = cg.Signature((POINT,), (SIDE,))


class Small(nn.Module):
    """Stands for a method of the library, found by name."""

    def __init__(self, *, features: int, classes: int = 10, width: int = 4):
        super().__init__()
        self.one = nn.Linear(features, width)
        self.norm = nn.BatchNorm1d(width)
        self.two = nn.Linear(width, classes)

    def forward(self, x):
        return self.two(self.norm(self.one(x).relu()))


@pytest.fixture
def small(monkeypatch):
    """The class above as a card `small` with a preset `small-wide`."""
    card = Card(
        name="small", kind="model", entry="Small", title="Small", zh="小", module=__name__,
        presets={"small-wide": {"width": 16}},
    )  # fmt: skip
    monkeypatch.setattr(registry, "cards", lambda: registry.Cards({("model", "small"): card}))
    monkeypatch.setattr(source, "path_of", lambda card: Path(__file__))


def foreign():
    return nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))


@pytest.fixture
def bundle(tmp_path):
    x, _ = quadrants(20)
    return write_bundle(tmp_path / "bundle", cg.sign(foreign(), SIGNATURE), examples=x)


@pytest.mark.parametrize("spec", ["small", "small-wide", "small:width=7"])
def test_a_model_of_ours_comes_back_by_name(spec, small, tmp_path):
    model = cg.build(spec, signature=SIGNATURE)
    x, y = quadrants(100)
    run = fit(Supervised(model), Toy(x, y), epochs=2, folder=tmp_path / "run")
    write_bundle(
        run.folder / "bundle", model, examples=x, metrics={"accuracy": 0.5}, about={"data": "toy"}
    )
    before = torch.get_rng_state()
    found = load(run.folder)
    assert torch.equal(torch.get_rng_state(), before)
    assert found.path == run.folder / "bundle"
    assert (found.metrics, found.about["data"]) == ({"accuracy": 0.5}, "toy")
    assert (found.spec, found.signature) == (model.spec, SIGNATURE)
    assert not any(part.training for part in found.model.modules())
    model.eval()
    assert torch.equal(found.model(x), model(x))
    torch.testing.assert_close(found.reference["mean"], x.mean(0))
    assert len(found.digest) == 64
    assert load(run.folder / "bundle").digest == found.digest


def test_a_foreign_module_is_filled(bundle):
    with pytest.raises(UsageError, match=r"give the module to fill: load\(path, model=MyModel"):
        load(bundle)
    found = load(bundle, model=foreign())
    assert found.spec is None
    signed = load(bundle, model=cg.sign(foreign(), SIGNATURE))
    x, _ = quadrants(5)
    assert torch.equal(found.model(x), signed.model(x))


def test_every_single_changed_byte_is_noticed(bundle):
    """In each file: the first, the middle and the last byte."""
    files = sorted(bundle.iterdir())
    assert [file.name for file in files] == [
        "about.json", "card.md", "golden.safetensors", "manifest.json", "metrics.json",
        "reference.safetensors", "signature.json", "spec.json", "weights.safetensors",
    ]  # fmt: skip
    for file in files:
        good = file.read_bytes()
        for place in (0, len(good) // 2, len(good) - 1):
            data = bytearray(good)
            data[place] ^= 1
            file.write_bytes(data)
            with pytest.raises(UsageError) as caught:
                load(bundle, model=foreign())
            assert "\n" not in str(caught.value)
        file.write_bytes(good)
    assert load(bundle, model=foreign())


def test_removed_and_added_files_are_noticed(bundle):
    (bundle / "extra.py").write_text("print('code')")
    with pytest.raises(UsageError, match=r"'extra.py' is not in the manifest"):
        load(bundle, model=foreign())
    (bundle / "extra.py").unlink()
    (bundle / "card.md").unlink()
    with pytest.raises(UsageError, match=r"'card.md' is missing"):
        load(bundle, model=foreign())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: nn.Linear(2, 2), r"it lacks 'weight' and 1 more; it has besides '0.bias'"),
        (
            lambda: nn.Sequential(nn.Linear(2, 9), nn.Identity(), nn.ReLU(), nn.Linear(9, 2)),
            r"'0.bias' has shape \(8,\) and Sequential expects \(9,\)",
        ),
    ],
)
def test_weights_of_another_shape_are_named(model, message, bundle):
    with pytest.raises(UsageError, match=message):
        load(bundle, model=model())


def test_code_that_answers_otherwise_is_noticed(bundle):
    class Other(nn.Sequential):
        def forward(self, x):
            return super().forward(x) * 1.01

    with pytest.raises(UsageError, match="does not give its recorded answers"):
        load(bundle, model=Other(*foreign()))


def test_an_unknown_name_is_told(small, tmp_path, monkeypatch):
    model = cg.build("small", signature=SIGNATURE)
    write_bundle(tmp_path / "bundle", model)
    monkeypatch.setattr(registry, "cards", registry.Cards)
    with pytest.raises(UsageError, match="unknown model 'small'"):
        load(tmp_path / "bundle")


def test_what_is_no_bundle(tmp_path):
    with pytest.raises(UsageError, match="does not exist; expected a bundle or a run folder"):
        load(tmp_path / "none")
    with pytest.raises(UsageError, match="holds no bundle"):
        load(tmp_path)
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "manifest.json").touch()
    with pytest.raises(UsageError, match=r"that of the best model stands in .*best"):
        load(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="holds no bundle"):
        load(tmp_path / "file")


def test_writing_is_refused_where_it_would_harm(bundle, tmp_path):
    model = cg.sign(foreign(), SIGNATURE)
    before = (bundle / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        write_bundle(bundle, model)
    assert (bundle / "manifest.json").read_bytes() == before
    write_bundle(bundle, model, replace=True)
    assert (bundle / "manifest.json").read_bytes() != before
    model.model[0].weight.data.fill_(torch.nan)
    with pytest.raises(UsageError, match="are not numbers: nothing was written"):
        write_bundle(tmp_path / "other", model, examples=quadrants(3)[0])
    assert not (tmp_path / "other").exists()


@pytest.mark.untyped
def test_a_model_needs_a_signature(tmp_path):
    with pytest.raises(UsageError, match=r"wrap it: cartograd.sign\(model, signature\)"):
        write_bundle(tmp_path / "bundle", foreign())


def test_several_inputs(tmp_path):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, a, b):
            return self.layer(a + b)

    signature = cg.Signature((POINT, POINT), (SIDE,))
    x, _ = quadrants(6)
    write_bundle(tmp_path / "bundle", cg.sign(Sum(), signature), examples=(x, -x))
    assert load(tmp_path / "bundle", model=Sum()).signature == signature


def test_the_card_says_what_the_model_is(bundle):
    text = (bundle / "card.md").read_text()
    for line in ("# Sequential", "- input `point`: vector, 2, float32", "classes: left, right"):
        assert line in text
    about = json.loads((bundle / "about.json").read_text())
    assert about["torch"] == torch.__version__
    assert about["parameters"] == 8 * 2 + 8 + 2 * 8 + 2


def test_statistics_of_inputs():
    x = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    found = statistics(x)
    assert found["count"] == 2
    for name, expected in {"mean": [1, 3], "std": [1, 2], "min": [0, 1], "max": [2, 5]}.items():
        assert found[name].tolist() == expected


def test_a_bundle_with_older_names_of_arguments_loads(tmp_path):
    """Its spec is read in the words of the day it was written; its answers are the same."""
    text = cg.Port("tokens", "text", ("t",), "int64", (0, 10), padding_id=0)
    token = cg.Port("next token", "label", ("t", 11), task="next-token")
    sizes = {"dim": 8, "depth": 1, "heads": 2, "ffn_dim": 12, "eps": 1e-5}
    model = cg.build("llama", signature=cg.Signature((text,), (token,)), context=16, **sizes)
    folder = write_bundle(tmp_path / "b", model, examples=torch.tensor([[1, 2, 3, 4]]))
    spec = json.loads((folder / "spec.json").read_text())
    assert {"ffn_dim", "eps"} <= set(spec["args"])
    older = {"ffn_dim": "inner", "eps": "floor"}
    spec["args"] = {older.get(key, key): value for key, value in spec["args"].items()}
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "manifest.json").unlink()
    write_manifest(folder)
    found = load(folder)
    assert {"ffn_dim", "eps"} <= set(found.model.model.spec.args)
    assert found.model.model.norm.eps == 1e-5


def test_large_weights_stay_in_their_file(small, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_module, "LARGE", 0)
    x, _ = quadrants(20)
    model = cg.build("small", signature=SIGNATURE).eval()
    written = write_bundle(tmp_path / "b", model, examples=x)
    before = (written / "weights.safetensors").read_bytes()
    loaded = load(written).model
    assert torch.equal(loaded(x), model(x))
    assert all(
        weight.untyped_storage().data_ptr() in pages._FILES for weight in loaded.parameters()
    )
    loaded.train()
    loss = loaded(x).square().sum()
    loss.backward()
    torch.optim.SGD(loaded.parameters(), lr=0.1).step()
    assert not torch.equal(loaded.eval()(x), model(x))
    assert (written / "weights.safetensors").read_bytes() == before
    again = load(written).model
    write_bundle(written, loaded, examples=x, replace=True)  # the file that was mapped has gone
    assert torch.equal(again(x), model(x))


def test_a_size_that_nobody_said_is_the_former_one_where_the_weights_show_it(tmp_path):
    """Bundles from before the hidden size of a `transformer` followed from its width."""
    tokens = cg.Port("text", "text", ("t",), "int64", (0, 10), padding_id=0)
    nexts = cg.Port("next", "label", ("t", 11), task="translate")
    signature = cg.Signature((tokens, tokens), (nexts,))
    for said, wide in (({}, 32), ({"ffn_dim": 2048}, 2048)):
        spec = cg.Spec("transformer", {"dim": 8, "heads": 2, "depth": 1, "dropout": 0.0} | said)
        model = cg.build(spec, signature=signature)
        path = write_bundle(tmp_path / str(wide), model, examples=None)
        file = path / "spec.json"
        made = json.loads(file.read_text())
        made["args"].pop("ffn_dim", None)
        file.write_text(json.dumps(made))
        write_manifest(path)
        again = load(path).model
        assert again.model.stacks.encoder[0].feed_forward.up.out_features == wide
