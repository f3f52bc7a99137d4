import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.restoration.context_encoder import ContextEncoder
from cartograd.generative.restoration.espcn import shuffled
from cartograd.generative.restoration.restore import Restore
from cartograd.generative.restoration.srcnn import SRCNN
from cartograd.generative.restoration.srresnet import SRResNet


def taught():
    """A small network, and n pictures with black and white versions of them."""
    draw = torch.Generator().manual_seed(1)

    def pictures(n):
        whole = torch.rand(n, 1, 4, 4, generator=draw)
        return (whole > 0.5).float(), whole

    return lambda: nn.Conv2d(1, 1, 3, padding=1), pictures


@pytest.mark.oracle("restore")
@pytest.mark.parametrize("loss", ["mse", "absolute-error"])
def test_losses_are_torchs(loss):
    model, pictures = taught()
    seen, whole = pictures(3)
    net = model()
    found = next(Restore(model=net, loss=loss).losses((seen, whole))).value
    name = {"mse": "mse_loss", "absolute-error": "l1_loss"}[loss]
    theirs = getattr(nn.functional, name)(net(seen), whole, reduction="none").mean((1, 2, 3))
    torch.testing.assert_close(found, theirs, atol=1e-7, rtol=0)


@pytest.mark.place("gan/applications")
@pytest.mark.oracle("espcn")
def test_pixel_shuffle_is_torchs():
    for scale in (2, 3):
        x = torch.randn(2, 3 * scale**2, 5, 4)
        assert torch.equal(shuffled(x, scale), nn.functional.pixel_shuffle(x, scale))


@pytest.mark.paper("srcnn")
def test_srcnn_has_the_weights_of_the_paper():
    for kernel_size, expected in ((1, 8032), (5, 57_184)):
        net = SRCNN(kernel_size=kernel_size)
        assert sum(one.numel() for one in net.parameters() if one.ndim > 1) == expected


@pytest.mark.law("srresnet")
def test_blocks_of_srresnet_begin_and_end_with_what_they_were_given():
    net = SRResNet(width=4, depth=2, channels=1).eval()
    for norm in (net.blocks[-1], *(block.layers[-1] for block in net.blocks[:-2])):
        nn.init.zeros_(norm.weight)
    x = torch.rand(2, 1, 6, 6)
    assert torch.equal(net(x), net.last(net.first(x)))
    assert net(x).shape == (2, 1, 24, 24)


@pytest.mark.place("gan/applications")
@pytest.mark.law("context-encoder")
def test_known_pixels_stay_bit_for_bit():
    net = ContextEncoder(size=12, width=4, degradation="hole:size=6").eval()
    x = torch.rand(2, 1, 12, 12)
    inside = net.hole.inside(x)
    found = net(x)
    assert torch.equal(found[..., ~inside], x[..., ~inside])
    assert torch.equal(found, net(x.masked_fill(inside, 0.7)))
    assert found[..., inside].var() > 0


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("espcn:degradation=edges", "super-resolution undoes"),
        ("context-encoder:degradation=edges,size=8", "leaves no hole"),
        ("context-encoder:size=10", "a multiple of 4"),
        ("srresnet:degradation=(smaller:scale=3)", "doubles sides"),
    ],
)
def test_what_a_network_cannot_undo_is_refused(spec, said):
    with pytest.raises(UsageError, match=said):
        build(spec, kind="model")


def test_a_run_is_measured_and_writes_pictures(tmp_path, capsys):
    from PIL import Image

    from cartograd.apps.cli import main

    run = cg.train("espcn:width=4", "digits", epochs=1, folder=tmp_path / "run")
    found = cg.evaluate(run, "digits", metrics=["psnr"])
    assert "enlarging by cubic interpolation" in found.baseline
    with pytest.raises(UsageError, match="this model answers with a picture"):
        run.model.signature.task.check("attack")
    small = Image.new("L", (4, 4), 128)
    small.save(tmp_path / "small.png")
    out = tmp_path / "big.png"
    asked = ["predict", str(tmp_path / "run"), str(tmp_path / "small.png"), "--out", str(out)]
    assert main(asked) == 0
    with Image.open(out) as big:
        assert big.size == (8, 8)
