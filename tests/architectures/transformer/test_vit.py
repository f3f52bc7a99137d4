"""ViT against torchvision and transformers, and the published counts."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.transformer.vit import ViT, interpolated
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.transformer.published import (
    changed,
    compared,
    ours,
    same_file,
    saved,
    states,
)
from tests.architectures.transformer.support import agree, copy_attention, copy_norm

SIZES = {"size": 16, "patch_size": 4, "dim": 16, "heads": 2, "depth": 2, "classes": 3}


def torchvisions(mine):
    vision = pytest.importorskip("torchvision.models.vision_transformer")
    theirs = vision.VisionTransformer(16, 4, 2, 2, 16, 64, num_classes=3).double()
    with torch.no_grad():
        theirs.class_token.copy_(mine.class_token[None, None])
        theirs.encoder.pos_embedding.copy_(mine.positions[None])
    theirs.conv_proj.load_state_dict(mine.patches.state_dict())
    theirs.heads.head.load_state_dict(mine.head.state_dict())
    copy_norm(mine.norm, theirs.encoder.ln)
    for block, layer in zip(mine.blocks, theirs.encoder.layers, strict=True):
        copy_attention(block.attention, layer.self_attention)
        copy_norm(block.attention_norm, layer.ln_1)
        copy_norm(block.feed_forward_norm, layer.ln_2)
        layer.mlp[0].load_state_dict(block.feed_forward.up.state_dict())
        layer.mlp[3].load_state_dict(block.feed_forward.down.state_dict())
    return theirs


@pytest.mark.oracle("vit")
def test_equals_torchvision():
    torch.manual_seed(0)
    mine = ViT(**SIZES).double()
    for weight in mine.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    theirs = torchvisions(mine)
    agree(mine(x), theirs(x), (x,), mine, theirs)


def reference(path):
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=24,
        image_size=16, patch_size=4, num_labels=3,
    )  # fmt: skip
    return saved(transformers.ViTForImageClassification(config), path)


@pytest.mark.oracle("vit")
def test_equals_transformers(tmp_path):
    theirs, mine = reference(tmp_path), None
    mine = ours(tmp_path)
    pixels = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    expected = theirs((pixels - 0.5) / 0.5, output_hidden_states=True)
    seen = states(mine.model.blocks)
    answer = mine(pixels)
    for one, other in zip(seen, expected.hidden_states[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    same_file(tmp_path, mine, "no prefix")
    compared(theirs, mine, answer, expected.logits, [("classifier.weight", "model.head.weight")])


def test_another_form_is_refused(tmp_path):
    reference(tmp_path)
    with pytest.raises(UsageError, match="unknown architectures of vit 'ViTModel'"):
        hf(changed(tmp_path, architectures=["ViTModel"]))


@pytest.mark.paper("vit")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("vit-ti", 5_717_416),
        ("vit-s", 22_050_664),
        ("vit-b", 86_567_656),
        ("vit-b-32", 88_224_232),
        ("vit-l", 304_326_632),
    ],
)
def test_counts(name, count):
    with torch.device("meta"):
        assert sum(weight.numel() for weight in build(name).parameters()) == count


@pytest.mark.paper("vit")
def test_multiply_adds():
    with torch.device("meta"):
        model, x = build("vit-b").eval(), torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        model(x)
    assert round(counted.get_total_flops() / 2e9, 3) == 17.564


@pytest.mark.law("vit")
def test_without_positions_the_order_of_patches_makes_no_difference():
    torch.manual_seed(0)
    model = ViT(**SIZES).double().eval()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    moved = x.unflatten(3, (4, 4))[:, :, :, torch.randperm(4)].flatten(3)
    assert not torch.allclose(model(moved), model(x))
    torch.nn.init.zeros_(model.positions)
    torch.testing.assert_close(model(moved), model(x), rtol=1e-10, atol=1e-12)


@pytest.mark.oracle("vit")
@pytest.mark.parametrize(("before", "after"), [(2, 3), (14, 24), (14, 7), (7, 5), (4, 4)])
def test_positions_are_resampled_as_by_timm(before, after):
    theirs = pytest.importorskip("timm.layers.pos_embed").resample_abs_pos_embed
    positions = torch.randn(before**2 + 1, 6)
    expected = theirs(positions[None], new_size=[after, after], num_prefix_tokens=1)[0]
    torch.testing.assert_close(interpolated(positions, after), expected, rtol=0, atol=1e-5)


def test_a_network_for_pictures_of_another_size():
    """The patches keep their pixels, also where their size followed from that of the pictures."""
    model = ViT(size=32, channels=1, classes=3, dim=8, heads=2, depth=1)
    made, changed, told = model.resized(66)
    assert changed == {"size": 66, "patch_size": 4}
    assert told == "positions of 8x8 patches are interpolated to 17x17"
    assert made(torch.rand(2, 1, 66, 66)).shape == (2, 3)
    again = ViT(**changed, channels=1, classes=3, dim=8, heads=2, depth=1)
    again.load_state_dict(made.state_dict())
    x = torch.rand(2, 1, 66, 66)
    assert torch.equal(again(x), made(x))
    assert len(model.positions) == 65


def test_patches_follow_the_size():
    for size, patch, count in ((224, 16, 196), (64, 4, 256), (28, 4, 49), (30, 4, 64), (8, 2, 16)):
        with torch.device("meta"):
            model = ViT(size=size, channels=1)
            assert (model.patch, len(model.positions) - 1) == (patch, count)
            assert model(torch.empty(2, 1, size, size)).shape == (2, 1000)
