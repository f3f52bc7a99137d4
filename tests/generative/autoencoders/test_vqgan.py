import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.generative.autoencoders.vqgan import VQGAN
from cartograd.generative.level_distributions import nearest

F16 = {"channels": 3, "size": 256, "dim": 256, "widths": (128, 128, 256, 256, 512), "blocks": 2,
       "groups": 32}  # fmt: skip


def made(**options):
    """A small one, in double precision."""
    torch.manual_seed(0)
    usual = {"channels": 1, "size": 8, "codes": 5, "dim": 3, "widths": (4, 4), "groups": 2}
    usual |= {"width": 8, "heads": 2, "depth": 1}
    return build("vqgan", **(usual | options)).double()


@pytest.mark.paper("vqgan")
@pytest.mark.parametrize(("codes", "count"), [(1024, 72_141_699), (16_384, 76_073_859)])
def test_the_published_layout_has_its_count(codes, count):
    """The transformer apart, and with the codes, which are running means here."""
    with torch.device("meta"):
        model = VQGAN(codes=codes, width=16, heads=1, depth=1, **F16)
        places = model.vectors(torch.empty(1, 3, 256, 256)).shape
    own = [one for name, one in model.named_parameters() if not name.startswith("prior.")]
    assert sum(one.numel() for one in own) + model.book.codes.numel() == count
    assert places == (1, 256, 256)  # 16 by 16 places of 256 numbers


UP = "up_blocks.0.attentions."
RESIDUAL = ("norm1", "norm2", "conv1", "conv2")
ATTENTION = {"norm": "group_norm", "attention.query": "to_q", "attention.key": "to_k",
             "attention.value": "to_v", "attention.out": "to_out.0"}  # fmt: skip


def their_layers():
    """Which of diffusers' layers is which of ours, of two sizes and one block."""
    table = {"said": "quant_conv", "heard": "post_quant_conv"}
    pairs = {
        "encoder.down.0": "down_blocks.0.resnets.0", "encoder.down.2": "down_blocks.1.resnets.0",
        **{f"decoder.up.{2 * i}": f"up_blocks.0.resnets.{i}" for i in range(2)},
        **{f"decoder.up.{5 + i}": f"up_blocks.1.resnets.{i}" for i in range(2)},
    }  # fmt: skip
    looks = {"encoder.down.3": "down_blocks.1.attentions.0", "decoder.up.1": UP + "0",
             "decoder.up.3": UP + "1"}  # fmt: skip
    for half in ("encoder", "decoder"):
        table |= {f"{half}.first": "conv_in", f"{half}.last": "conv_out",
                  f"{half}.norm": "conv_norm_out"}  # fmt: skip
        pairs |= {f"{half}.middle.before": "mid_block.resnets.0",
                  f"{half}.middle.after": "mid_block.resnets.1"}  # fmt: skip
        looks[f"{half}.middle"] = "mid_block.attentions.0"
    table |= {"encoder.down.1.conv": "down_blocks.0.downsamplers.0.conv",
              "decoder.up.4.conv": "up_blocks.0.upsamplers.0.conv"}  # fmt: skip
    for ours, theirs in pairs.items():
        table |= {f"{ours}.{part}": f"{theirs}.{part}" for part in RESIDUAL}
        table[f"{ours}.carry"] = f"{theirs}.conv_shortcut"
    for ours, theirs in looks.items():
        table |= {f"{ours}.{part}": f"{theirs}.{name}" for part, name in ATTENTION.items()}
    return table


@pytest.mark.oracle("vqgan")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_equals_diffusers():
    vq = pytest.importorskip("diffusers.models.autoencoders.vq_model")
    torch.manual_seed(0)
    theirs = vq.VQModel(
        in_channels=3, out_channels=3, block_out_channels=(4, 8), layers_per_block=1,
        norm_num_groups=2, latent_channels=6, vq_embed_dim=6, num_vq_embeddings=5,
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
    ).double().eval()  # fmt: skip
    ours = made(channels=3, dim=6, widths=(4, 8))
    weights, table = dict(theirs.named_parameters()), their_layers()
    for name, weight in ours.named_parameters():
        layer, _, end = name.rpartition(".")
        if not name.startswith("prior."):
            half = f"{name.partition('.')[0]}." if layer not in ("said", "heard") else ""
            weight.data.copy_(weights[f"{half}{table[layer]}.{end}"].data)
    x, code = torch.rand(2, 3, 8, 8).double(), torch.randn(2, 16, 6).double()
    said = theirs.encode(2 * x - 1).latents.flatten(2).mT
    heard = theirs.decode(code.mT.unflatten(2, (4, 4)), force_not_quantize=True).sample
    for one, other in ((ours.vectors(x), said), (ours.picture(code), heard)):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
        one.square().sum().backward()
        other.square().sum().backward()
    slope, right = ours.encoder.first.weight.grad, weights["encoder.conv_in.weight"].grad
    torch.testing.assert_close(slope, right, rtol=1e-9, atol=1e-9)


@pytest.mark.law("vqgan")
def test_gradients_pass_straight_through_the_choice():
    model = made().train()
    z = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    code, number = model.book(z)
    assert torch.equal(code, model.book.codes[number])
    pull = torch.randn_like(z)
    (slope,) = torch.autograd.grad((code * pull).sum(), z)
    assert torch.equal(slope, pull)


@pytest.mark.law("vqgan")
def test_what_is_drawn_is_the_picture_of_codes_that_the_transformer_draws():
    model = made().eval()
    with torch.no_grad():
        model.prior.head.weight.normal_()
        drawn = model.sample(3, torch.Generator().manual_seed(2))
        levels = model.prior.sample(3, torch.Generator().manual_seed(2))
        number = nearest(levels, 5).flatten(1)
        assert torch.equal(levels.flatten(1), number.to(levels) / 4)
        assert number.unique().numel() > 2
        assert torch.equal(drawn, (model.picture(model.book.codes[number]) + 1) / 2)
        chances = model.nats(number)
    assert (chances < 0).all()


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(UsageError, match="expected a multiple of 2: give fewer widths="):
        made(size=7)
