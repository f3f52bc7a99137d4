import pytest
import torch

from cartograd.generative.latent.autoencoder_kl import AutoencoderKL


def takes(n):
    """Pictures."""
    return (torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(1)),)


RESIDUAL = ("norm1", "norm2", "conv1", "conv2")
ATTENTION = {"norm": "group_norm", "attention.query": "to_q", "attention.key": "to_k",
             "attention.value": "to_v", "attention.out": "to_out.0"}  # fmt: skip


def names(sizes, blocks):
    """Which of diffusers' layers is which of ours."""
    table = {"said": "quant_conv", "heard": "post_quant_conv"}
    for half, way, count, sample in (
        ("encoder", "down", blocks, "downsamplers"), ("decoder", "up", blocks + 1, "upsamplers")
    ):  # fmt: skip
        table |= {f"{half}.first": f"{half}.conv_in", f"{half}.last": f"{half}.conv_out",
                  f"{half}.norm": f"{half}.conv_norm_out"}  # fmt: skip
        pairs, place = {}, 0
        for i in range(sizes):
            for j in range(count):
                pairs[f"{half}.{way}.{place}"] = f"{half}.{way}_blocks.{i}.resnets.{j}"
                place += 1
            if i < sizes - 1:
                theirs = f"{half}.{way}_blocks.{i}.{sample}.0.conv"
                table[f"{half}.{way}.{place}.conv"] = theirs
                place += 1
        pairs |= {f"{half}.middle.before": f"{half}.mid_block.resnets.0",
                  f"{half}.middle.after": f"{half}.mid_block.resnets.1"}  # fmt: skip
        for ours, theirs in pairs.items():
            table |= {f"{ours}.{part}": f"{theirs}.{part}" for part in RESIDUAL}
            table[f"{ours}.carry"] = f"{theirs}.conv_shortcut"
        for ours, theirs in ATTENTION.items():
            table[f"{half}.middle.{ours}"] = f"{half}.mid_block.attentions.0.{theirs}"
    return table


def their_name(name):
    layer, _, end = name.rpartition(".")
    return f"{names(2, 1)[layer]}.{end}"


@pytest.mark.oracle("autoencoder-kl")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_equals_diffusers():
    kl = pytest.importorskip("diffusers.models.autoencoders.autoencoder_kl")
    torch.manual_seed(0)
    theirs = kl.AutoencoderKL(
        block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    ).double().eval()  # fmt: skip
    ours = AutoencoderKL(widths=(4, 8), blocks=1, groups=2).double()
    weights = dict(theirs.named_parameters())
    assert {their_name(name) for name in ours.state_dict()} == set(weights)
    ours.load_state_dict({name: weights[their_name(name)] for name in ours.state_dict()})
    x, z = torch.randn(2, 3, 6, 10).double(), torch.randn(2, 4, 3, 5).double()
    behind = theirs.encode(x).latent_dist
    answers = (*ours.posterior(x), ours.decode(z))
    expected = (behind.mean, behind.logvar, theirs.decode(z).sample)
    for one, other in zip(answers, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
        one.square().sum().backward(retain_graph=True)
        other.square().sum().backward(retain_graph=True)
    for name, weight in ours.named_parameters():
        right = weights[their_name(name)].grad
        torch.testing.assert_close(weight.grad, right, rtol=1e-9, atol=1e-9)
    single, theirs = ours.float().decode(z.float()), theirs.float()
    torch.testing.assert_close(single, theirs.decode(z.float()).sample, rtol=1e-5, atol=1e-5)


@pytest.mark.place("diffusion/latent")
@pytest.mark.paper("autoencoder-kl")
def test_the_published_autoencoder_has_its_count():
    with torch.device("meta"):
        model = AutoencoderKL()
    assert sum(one.numel() for one in model.parameters()) == 83_653_863
    assert model.encoder(torch.empty(1, 3, 64, 64, device="meta")).shape == (1, 8, 8, 8)
