import copy

import pytest
import torch
from starlette.testclient import TestClient

import cartograd as cg
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load as load_served
from cartograd.apps.verbs.compress import compress_to
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.narrowed import narrowing_of
from cartograd.core.ports import Port, Signature
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.practice.compression.cut import masked
from cartograd.practice.compression.dependencies import dependencies
from cartograd.practice.compression.prune_blocks import prune_blocks, scored
from cartograd.practice.compression.prune_heads import prune_heads

pytestmark = pytest.mark.compile


def seeing(depth=4):
    """A vision transformer of four heads."""
    torch.manual_seed(0)
    picture = Port("image", "image", (1, 8, 8), "float32", (0.0, 1.0))
    signature = Signature((picture,), (Port("class", "label", (3,), task="classify"),))
    return build("vit:patch=4,dim=16,heads=4", kind="model", signature=signature, depth=depth)


def writing(**args):
    """A language model."""
    torch.manual_seed(0)
    text = Port("text", "text", ("t",), "int64", (0, 10))
    token = Port("next", "label", ("t", 11), task="next-token")
    sizes = {"dim": 16, "depth": 2, "heads": 4, "context": 16}
    name = "llama" if "kv_heads" in args else "gpt"
    return build(name, kind="model", signature=Signature((text,), (token,)), **sizes, **args)


@pytest.mark.law("prune-heads")
@pytest.mark.parametrize("model", [seeing, writing, lambda: writing(kv_heads=2)])
def test_heads_are_gone(model):
    whole = model().double().eval()
    port = whole.signature.input
    x = torch.randint(11, (2, 6)) if port.kind == "text" else torch.rand(2, 1, 8, 8).double()
    small = prune_heads(whole, amount=0.5)
    for block in small.model.blocks:
        assert block.attention.query.weight.shape == (8, 16)
        assert block.attention.out.weight.shape == (16, 8)
    found = dependencies(whole, (x,))
    gone = {
        group
        for width in found.widths
        if width.heads
        for group in sorted(
            width.groups,
            key=lambda g: sum(
                float(whole.get_parameter(name).detach().abs().movedim(dim, 0)
                      [found.groups_of(name, dim) == g].sum())
                for name, dims in found.units.items() for dim in dims
            ),
        )[: len(width.groups) // 2]
    }  # fmt: skip
    expected = masked(whole, found, gone)(x)
    torch.testing.assert_close(small(x), expected, rtol=1e-12, atol=1e-12)
    assert (small(x) - whole(x)).abs().max() > 1e-6
    if port.kind == "text":  # token by token, it writes from the smaller cache
        decoder = small.model.decoder(2, 6)
        parts = [decoder.read(x[:, :4]), decoder.read(x[:, 4:5]), decoder.read(x[:, 5:])]
        torch.testing.assert_close(torch.cat(parts, 1), small.model(x), rtol=1e-9, atol=1e-9)


@pytest.mark.law("prune-heads")
def test_all_else_keeps_its_size():
    whole = seeing(depth=2)
    small = prune_heads(whole, amount=0.25)
    before, after = whole.model.state_dict(), small.model.state_dict()
    changed = {name for name in before if before[name].shape != after[name].shape}
    assert changed == {
        f"blocks.{n}.attention.{name}"
        for n in (0, 1)
        for name in ("query.weight", "query.bias", "key.weight", "key.bias", "value.weight",
                     "value.bias", "out.weight")
    }  # fmt: skip
    with pytest.raises(UsageError, match="one cache for all"):
        prune_heads(writing(), scope="global")
    with pytest.raises(UsageError, match="no heads of this model"):
        prune_heads(build("mlp", kind="model", signature=whole.signature))


@pytest.mark.law("prune-blocks")
def test_blocks_that_add_nothing_go():
    model = seeing().double().eval()
    with torch.no_grad():
        for number in (1, 2):
            for part in (model.model.blocks[number].attention.out,
                         model.model.blocks[number].feed_forward.down):  # fmt: skip
                part.weight.zero_()
                part.bias.zero_()
    x = torch.rand(2, 1, 8, 8).double()
    small = prune_blocks(model, amount=0.5)
    assert len(small.model.blocks) == 2
    assert narrowing_of(small.model).kept == {"blocks": (0, 3)}
    torch.testing.assert_close(small(x), model(x), rtol=1e-12, atol=1e-12)
    one = scored(model, [(x,)])["model.blocks"]
    assert one[1] == pytest.approx(0, abs=1e-12) == one[2]
    assert min(one[0], one[3]) > 1e-4


@pytest.mark.law("prune-blocks")
def test_a_bundle_builds_it_again(tmp_path):
    model, x = seeing().eval(), torch.rand(2, 1, 8, 8)
    small = model
    half = "prune-blocks:amount=0.5"
    for method in ("prune-heads", half, "prune-channels", half, "prune-magnitude"):
        small = cg.compress(small, method=method)
    assert len(small.model.blocks) == 1
    write_bundle(tmp_path / "small", small, examples=x)
    again = load(tmp_path / "small").model
    assert torch.equal(again(x), small(x))
    assert narrowing_of(again.model) == narrowing_of(small.model)
    assert len(model.model.blocks) == 4


def test_what_is_cut_trains_on_and_is_rounded_exported_explained_and_served(tmp_path):
    spec = "vit:patch=4,dim=16,heads=4,depth=2"
    small = build(spec, kind="model", signature=cg.dataset("digits").signature)
    for method in ("prune-heads", "prune-blocks:amount=0.5"):
        small = cg.compress(small, method=method)
    x = torch.rand(3, 1, 8, 8)
    write_bundle(tmp_path / "small", small, examples=x)
    more = cg.train(str(tmp_path / "small"), "digits", epochs=1, seed=0, yardstick="none",
                    folder=tmp_path / "more")  # fmt: skip
    shapes = {name: one.shape for name, one in small.state_dict().items()}
    assert {name: one.shape for name, one in more.model.state_dict().items()} == shapes
    assert cg.export(tmp_path / "more", tmp_path / "small.onnx", check=True).agree
    compress_to(tmp_path / "more", tmp_path / "eight", "digits", method="quantize-static")
    assert load(tmp_path / "eight").model(x).shape == (3, 10)
    assert cg.explain(tmp_path / "more", x, method="integrated_gradients:steps=4").abs().sum() > 0
    with TestClient(application(load_served(tmp_path / "more"))) as client:
        answer = client.post("/predict", json={"inputs": x.tolist()}).json()
    best = load(tmp_path / "more").model(x).argmax(1)
    assert [one["label"] for one in answer["predictions"]] == [str(int(n)) for n in best]


def test_what_cannot_be_shortened_says_so():
    with pytest.raises(UsageError, match="less than one block"):
        prune_blocks(seeing(), amount=0.1)
    model = copy.deepcopy(seeing(depth=1))
    with pytest.raises(UsageError, match="no list of like blocks"):
        prune_blocks(model)
