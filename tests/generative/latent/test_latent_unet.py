import pytest
import torch

from cartograd.generative.latent.latent_unet import LatentUNet


def takes(n):
    """Codes, times and tokens."""
    draw = torch.Generator().manual_seed(1)
    x, memory = torch.randn(n, 1, 4, 4, generator=draw), torch.randn(n, 3, 4, generator=draw)
    return x, 1000 * torch.rand(n, generator=draw), memory


def residual(ours, theirs):
    return {f"{ours}.{a}": f"{theirs}.{b}" for a, b in (
        ("norm1", "norm1"), ("norm2", "norm2"), ("conv1", "conv1"), ("conv2", "conv2"),
        ("told", "time_emb_proj"), ("carry", "conv_shortcut"),
    )}  # fmt: skip


def places(ours, theirs):
    inner = f"{theirs}.transformer_blocks.0"
    table = {"norm": f"{theirs}.norm", "inside": f"{theirs}.proj_in",
             "outside": f"{theirs}.proj_out", "feed_forward.down": f"{inner}.ff.net.2"}  # fmt: skip
    table |= {f"norms.{i}": f"{inner}.norm{i + 1}" for i in range(3)}
    for mine, yours in (("own", "attn1"), ("cross", "attn2")):
        for a, b in (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("out", "to_out.0")):
            table[f"{mine}.{a}"] = f"{inner}.{yours}.{b}"
    return {f"{ours}.{a}": b for a, b in table.items()}


def names(sizes, blocks):
    """Which of diffusers' layers is which of ours."""
    table = {"time.0": "time_embedding.linear_1", "time.2": "time_embedding.linear_2",
             "first": "conv_in", "norm": "conv_norm_out", "last": "conv_out"}  # fmt: skip
    for way, count, sample in (("down", blocks, "downsamplers.0.conv"),
                               ("up", blocks + 1, "upsamplers.0.conv")):  # fmt: skip
        place = 0
        for i in range(sizes):
            for j in range(count):
                theirs = f"{way}_blocks.{i}"
                table |= residual(f"{way}.{place}.block", f"{theirs}.resnets.{j}")
                table |= places(f"{way}.{place}.attention", f"{theirs}.attentions.{j}")
                place += 1
            end = ".conv" if way == "up" else ""
            table[f"{way}.{place}{end}"] = f"{way}_blocks.{i}.{sample}"
            place += i < sizes - 1
    table |= residual("middle.block", "mid_block.resnets.0")
    table |= places("middle.attention", "mid_block.attentions.0")
    return table | residual("after", "mid_block.resnets.1")


def translated(ours, theirs, table):
    """Their weights under our names; each is used."""
    made = {}
    for name in ours:
        layer, _, w = name.rpartition(".")
        if layer.endswith(("feed_forward.up", "feed_forward.gate")):
            block, _, part = layer.partition(".feed_forward.")
            down = table[f"{block}.feed_forward.down"].replace("net.2", "net.0.proj")
            made[name] = theirs[f"{down}.{w}"].chunk(2)[part == "gate"]
        else:
            made[name] = theirs[f"{table[layer]}.{w}"]
    assert sum(one.numel() for one in made.values()) == sum(one.numel() for one in theirs.values())
    return made


@pytest.mark.oracle("latent-unet")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_equals_diffusers():
    diffusers = pytest.importorskip("diffusers.models.unets.unet_2d_condition")
    torch.manual_seed(0)
    theirs = diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16, 16), layers_per_block=1, norm_num_groups=4,
        attention_head_dim=2, cross_attention_dim=6,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    ).double().eval()  # fmt: skip
    ours = LatentUNet(widths=(8, 16, 16), blocks=1, heads=2, memory_dim=6, groups=4).double()
    ours.load_state_dict(translated(ours.state_dict(), theirs.state_dict(), names(3, 1)))
    x, memory = torch.randn(2, 4, 8, 8).double(), torch.randn(2, 5, 6).double()
    time = torch.tensor([0, 512])  # their waves are in float32, exact enough here
    theirs.time_proj = Waves(8)
    expected = theirs(x, time, memory).sample
    torch.testing.assert_close(ours(x, time.double(), memory), expected, rtol=1e-10, atol=1e-10)


class Waves(torch.nn.Module):
    """What is told of the time, in float64; `test_denoiser` has it against theirs."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, time):
        from cartograd.generative.diffusion.told import waves

        return waves(time.double(), self.width)


@pytest.mark.place("diffusion/latent")
@pytest.mark.paper("latent-unet")
def test_the_published_unet_has_its_count():
    with torch.device("meta"):
        model = LatentUNet()
    assert sum(one.numel() for one in model.parameters()) == 859_520_964
