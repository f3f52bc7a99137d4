import itertools

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.generative import NotSupported
from cartograd.generative.autoregressive.palette import nearest_grey, palette


def made(**given):
    """One whose head is not zero any more."""
    torch.manual_seed(0)
    sizes = {"channels": 1, "size": 2, "levels": 3, "dim": 8, "heads": 2, "depth": 2} | given
    model = build("imagegpt", **sizes).double().eval()
    torch.nn.init.normal_(model.head.weight, std=0.3)
    return model


@pytest.mark.place("ar/imagegpt")
@pytest.mark.law("imagegpt")
@pytest.mark.parametrize(("levels", "codes"), [(3, 9), (5, 3)])
def test_the_chances_of_all_pictures_sum_to_one(levels, codes):
    model = made(levels=levels, codes=codes)
    every = torch.tensor(list(itertools.product(range(levels), repeat=4))).double() / (levels - 1)
    with torch.no_grad():
        assert model(every.reshape(-1, 1, 2, 2)).exp().sum().item() == pytest.approx(1, abs=1e-12)


@torch.no_grad()
@pytest.mark.law("imagegpt")
def test_drawing_with_kept_keys_is_drawing_from_whole_passes():
    model, seed = made(size=3), torch.Generator().manual_seed
    drawn = model.sample(5, seed(1))
    u = torch.rand(5, 9, generator=seed(1), dtype=torch.float64)
    token = torch.zeros(5, 9, dtype=torch.long)
    for place in range(9):
        chances = model.scores(token)[:, place].softmax(1).cumsum(1)
        token[:, place] = (chances < u[:, place, None]).sum(1)
    assert torch.equal(drawn.flatten(1), token / 2)
    each = model.scores(token).log_softmax(2).gather(2, token[:, :, None]).sum((1, 2))
    torch.testing.assert_close(model(drawn), each)  # the sum of the sampler's conditionals
    known = torch.zeros(5, 1, 3, 3)
    known[:, :, :2] = 1
    filled = model.inpaint(drawn, known, seed(2))
    assert torch.equal(filled[:, :, :2], drawn[:, :, :2])
    with pytest.raises(NotSupported, match="raster order"):
        model.inpaint(drawn, 1 - known, seed(2))


@pytest.mark.place("ar/imagegpt")
@pytest.mark.law("imagegpt")
def test_a_pixel_is_told_by_all_before_it_and_by_none_after():
    """By the slopes of each pixel's scores to the tokens' vectors: no blind spot, no leak."""
    model, seen = made(size=3), []
    model.tokens.register_forward_hook(lambda *given: seen.append(given[-1].requires_grad_()))
    scores = model.scores(torch.randint(3, (1, 9)))
    for place in range(9):
        (slope,) = torch.autograd.grad(
            scores[0, place].square().sum(), seen, retain_graph=True, allow_unused=True
        )
        reach = torch.zeros(8) if slope is None else slope[0].abs().amax(1)
        assert (reach[:place] > 0).all()
        assert (reach[place:] == 0).all()


@pytest.mark.oracle("imagegpt")
def test_equals_transformers():
    from transformers import ImageGPTConfig, ImageGPTForCausalImageModeling

    config = ImageGPTConfig(
        vocab_size=6, n_positions=9, n_embd=8, n_layer=2, n_head=2, embd_pdrop=0.0,
        resid_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    torch.manual_seed(1)
    theirs = ImageGPTForCausalImageModeling(config).double().eval()
    model = made(size=3, levels=5)
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
        inner = theirs.transformer
        model.tokens.weight.copy_(inner.wte.weight[:5])
        model.start.copy_(inner.wte.weight[5])
        model.places.weight.copy_(inner.wpe.weight)
        model.norm.weight.copy_(inner.ln_f.weight)
        model.head.weight.copy_(theirs.lm_head.weight)
        for ours, other in zip(model.blocks, inner.h, strict=True):
            ours.attention_norm.weight.copy_(other.ln_1.weight)
            ours.feed_forward_norm.weight.copy_(other.ln_2.weight)
            parts = other.attn.c_attn.weight.T.chunk(3), other.attn.c_attn.bias.chunk(3)
            names = (ours.attention.query, ours.attention.key, ours.attention.value)
            for layer, weight, bias in zip(names, *parts, strict=True):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)
            pairs = (
                (ours.attention.out, other.attn.c_proj), (ours.feed_forward.up, other.mlp.c_fc),
                (ours.feed_forward.down, other.mlp.c_proj),
            )  # fmt: skip
            for layer, given in pairs:
                layer.weight.copy_(given.weight.T)
                layer.bias.copy_(given.bias)
        token = torch.randint(5, (4, 9))
        start = torch.full((4, 1), 5)
        expected = theirs(torch.cat([start, token[:, :-1]], 1)).logits
        torch.testing.assert_close(model.scores(token), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.law("imagegpt")
def test_the_palette_is_where_k_means_stays():
    from sklearn.cluster import KMeans

    level = (torch.randn(3000, generator=torch.Generator().manual_seed(0)) * 20 + 128).round()
    counts = level.long().clamp(0, 255).bincount(minlength=256).double()
    greys = palette(counts, 8)
    start = greys.numpy()[:, None]
    seen = torch.arange(256.0).double()[:, None].numpy()
    kept = KMeans(8, init=start, n_init=1).fit(seen, sample_weight=counts.numpy() + 1e-9)
    assert greys.tolist() == pytest.approx(sorted(kept.cluster_centers_[:, 0]), abs=1e-6)
    assert (greys.diff() > 0).all()
    assert nearest_grey(greys, greys).tolist() == list(range(8))
    model = build("imagegpt:channels=1,size=10,levels=256,codes=8,dim=8,heads=2,depth=1")
    model.train()(level.clamp(0, 255).reshape(30, 1, 10, 10) / 255)
    torch.testing.assert_close(model.greys, greys.float())


def test_colours_are_refused():
    with pytest.raises(UsageError, match="pictures of greys, and these have 3 channels"):
        made(channels=3)
