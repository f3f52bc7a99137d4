import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.diffusion.dit import DiT, plane
from cartograd.generative.diffusion.told import waves

PATHS = ("ddpm", "edm", "flow-matching")


def takes(n):
    """Noisy pictures, times and classes."""
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(n, 1, 4, 4, generator=draw)
    return x, 1000 * torch.rand(n, generator=draw), torch.arange(n) % 4


class Waves(torch.nn.Module):
    """What is told of the time, in float64; `test_denoiser` has it against theirs."""

    def forward(self, time):
        return waves(time.double(), 256)


def ours_of(theirs, outputs):
    """Weights under our names, of diffusers' DiT."""
    rename = {
        "time.0": "transformer_blocks.0.norm1.emb.timestep_embedder.linear_1",
        "time.2": "transformer_blocks.0.norm1.emb.timestep_embedder.linear_2",
        "steer": "proj_out_1",
    }
    inside = {
        "attention.query": "attn1.to_q", "attention.key": "attn1.to_k",
        "attention.value": "attn1.to_v", "attention.out": "attn1.to_out.0",
        "feed_forward.up": "ff.net.0.proj", "feed_forward.down": "ff.net.2",
        "steer": "norm1.linear",
    }  # fmt: skip
    for i in range(2):
        rename |= {f"blocks.{i}.{to}": f"transformer_blocks.{i}.{by}" for to, by in inside.items()}
    pairs = {f"{to}.{w}": theirs[f"{by}.{w}"] for to, by in rename.items()
             for w in ("weight", "bias")}  # fmt: skip
    pairs["classes.weight"] = theirs[
        "transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight"
    ]
    pairs["first.weight"] = theirs["pos_embed.proj.weight"].flatten(1)
    pairs["first.bias"] = theirs["pos_embed.proj.bias"]
    for w in ("weight", "bias"):  # they have the channels last, we first
        last = theirs[f"proj_out_2.{w}"]
        pairs[f"last.{w}"] = last.unflatten(0, (4, outputs)).transpose(0, 1).flatten(0, 1)
    return pairs


@pytest.mark.oracle("dit")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_equals_diffusers():
    module = pytest.importorskip("diffusers.models.transformers.dit_transformer_2d")
    torch.manual_seed(0)
    theirs = module.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=3, out_channels=6, num_layers=2,
        sample_size=8, patch_size=2, num_embeds_ada_norm=5, norm_eps=1e-6,
    ).double().eval()  # fmt: skip
    first = theirs.transformer_blocks[0].norm1.emb
    first.time_proj = Waves()  # the paper's frequencies, which they change
    theirs.transformer_blocks[1].norm1.emb = first  # they keep one for each block
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    ours = DiT(channels=3, size=8, classes=5, dim=16, depth=2, heads=2, outputs=2).double()
    ours.positions = theirs.pos_embed.pos_embed[0]
    torch.testing.assert_close(plane(4, 16).double(), ours.positions, rtol=1e-6, atol=1e-6)
    ours.load_state_dict(ours_of(theirs.state_dict(), 6))
    x, time, y = torch.randn(3, 3, 8, 8).double(), torch.tensor([0, 17, 999]), torch.arange(3)
    expected = theirs(x, time, y).sample
    torch.testing.assert_close(ours(x, time.double(), y), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.paper("dit")
def test_counts():
    with torch.device("meta"):
        model = build("dit-xl-2", channels=4, size=32, classes=1000)
    net = model.denoiser.net
    assert sum(one.numel() for one in net.parameters()) + net.positions.numel() == 675_129_632
    assert net.positions.numel() == 294_912


@pytest.mark.law("dit")
@pytest.mark.parametrize("name", PATHS)
def test_a_new_network_answers_nought_on_every_path(name):
    port = Port("noise", "image", (1, 8, 8), mean=(0.0,), std=(1.0,))
    signature = Signature(
        (port, Port("class", "label", (), "int64", labels=("a", "b", "c"))),
        (Port("x", "image", (1, 8, 8), task="generate"),),
    )
    torch.manual_seed(0)
    model = build(f"{name}:network=(dit:patch_size=4,depth=1),width=4", signature=signature).model
    assert model.spec.args["network"] == Spec.parse("dit:patch_size=4,depth=1")
    again = build(Spec.parse(str(model.spec)))
    assert again.state_dict().keys() == model.state_dict().keys()
    x, y = torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 3, 0])
    assert not model.denoiser.net(x, torch.full((5,), 300.0), y).any()
    next(Denoising(model=model).losses((torch.randn_like(x), y, x))).value.sum().backward()
    assert model.denoiser.net.last.weight.grad.any()


def test_what_cannot_be_its_network_is_refused():
    with pytest.raises(UsageError, match=r"network=feed-forward takes no noise away; expected dit"):
        build("ddpm:network=feed-forward", channels=1, size=8)
    with pytest.raises(
        UsageError, match="network=dit is for square pictures; these have no channels"
    ):
        build("ddpm:network=dit", features=3)
    with pytest.raises(UsageError, match="network=3 is of the wrong type"):
        build("ddpm:network=3", features=3)
    with pytest.raises(UsageError, match="dim=6 is no multiple of 4"):
        build("ddpm:network=(dit:dim=6,heads=2)", channels=1, size=8)
