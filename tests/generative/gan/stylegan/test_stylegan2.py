import pytest
import torch

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.generative.gan.stylegan.critic import StyleCritic
from cartograd.generative.gan.stylegan.mapping import Mapping
from cartograd.generative.gan.stylegan.stylegan2 import StyleGAN2
from cartograd.generative.gan.stylegan.stylegan2_game import mixed
from tests.generative.gan.games import pictures_of_noise


def made(**settings):
    """A small generator, and noise."""
    torch.manual_seed(0)
    known = {"channels": 1, "size": 16, "latent": 5, "width": 4, "max_width": 8, "depth": 2}
    return StyleGAN2(**known | settings), torch.randn(4, 5)


@pytest.mark.law("stylegan2")
def test_the_noise_of_layers_changes_nothing_at_first():
    model, noise = made()
    w = model.styles(noise)
    first, second = (model.synthesis(w, torch.randn(4, model.synthesis.noises)) for _ in "ab")
    assert torch.equal(first, second)
    with torch.no_grad():
        for conv in model.synthesis.convs:
            conv.noise_strength.fill_(0.1)
    assert not torch.equal(model.train()(noise), model.eval()(noise))
    torch.testing.assert_close(model(noise)[1:2], model(noise[1:2]))
    torch.testing.assert_close(model(noise), model(9 * noise), rtol=1e-4, atol=1e-5)


@pytest.mark.law("stylegan2")
@pytest.mark.place("gan/stylegan")
def test_without_truncation_left_all_pictures_are_the_mean_one():
    model, noise = made()
    for _ in range(3):
        model.train()(torch.randn(64, 5))
    model.eval()
    assert len(model.truncated(noise, 0.0).flatten(1).unique(dim=0)) == 1
    torch.testing.assert_close(model.truncated(noise, 1.0), model(noise))
    spreads = [model.truncated(noise, psi).std(0).mean().item() for psi in (0.2, 0.5, 1.0)]
    assert spreads == sorted(spreads)


@pytest.mark.law("stylegan2")
@pytest.mark.place("gan/stylegan")
def test_styles_mixed_from_a_layer_on_change_what_comes_from_there_alone():
    model, noise = made()
    seen = []
    for conv in model.synthesis.convs:
        conv.register_forward_hook(lambda *a: seen.append(a[-1]))
    w = model.styles(noise).contiguous()
    other = model.styles(noise.flip(0)).contiguous()
    pictures = [model.pictures(mixed(w, other, torch.full((4,), cut)), noise) for cut in (6.0, 3.0)]
    before, after = seen[:5], seen[5:]
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True] * 3 + [
        False
    ] * 2
    assert torch.equal(pictures[0], model.pictures(w, noise))
    assert not torch.equal(*pictures)


@pytest.mark.law("stylegan2")
def test_all_weights_are_stored_at_size_one():
    """But for the mapping network's, which is to learn a hundred times more slowly."""
    torch.manual_seed(0)
    model = StyleGAN2(channels=3, size=16, latent=64, width=32, max_width=64, depth=2)
    for name, weight in model.named_parameters():
        if name.endswith("weight"):
            size = 100 if name.startswith("mapping.layers") else 1
            assert weight.std().item() == pytest.approx(size, rel=0.15), name


def test_a_latents_length_does_not_count_and_the_class_does():
    torch.manual_seed(0)
    mapping = Mapping(6, depth=2, classes=3).eval()
    z, y = torch.randn(3, 6), torch.arange(3)
    torch.testing.assert_close(mapping(z, y), mapping(9 * z, y))
    same = mapping(z[:1].expand(3, 6), y)
    assert len(same.unique(dim=0)) == 3
    assert torch.equal(mapping.mean, torch.zeros(6))


@pytest.mark.paper("stylegan2")
@pytest.mark.parametrize(("depth", "weights"), [(2, 28_794_124), (8, 30_370_060)])
def test_the_layout_for_ffhq_has_the_published_size(depth, weights):
    """To the unit as the authors' program says at 1024 by 1024, with its mapping network of 2
    layers; the paper's has 8, six more of 512 * 513, and tells 30 million and 29.
    """
    with torch.device("meta"):
        model = build("stylegan2-ffhq", kind="model", channels=3, depth=depth)
        critic = StyleCritic(
            channels=3, size=1024, width=32, max_width=512, classes=None, group_size=4
        )
    assert sum(p.numel() for p in model.parameters()) == weights
    assert sum(p.numel() for p in critic.parameters()) == 29_012_513
    last = model.synthesis.convs[-2:], model.synthesis.colours[-1:]
    assert [sum(p.numel() for p in one.parameters()) for part in last for one in part] == [
        51_297, 25_665, 16_515,
    ]  # fmt: skip


def test_truncation_is_a_setting_of_sampling():
    model, _ = made(size=8, classes=2, latent=4)
    signed = Signed(model, pictures_of_noise())
    model.mapping.mean.normal_()
    x = cg.sample(signed, 6, truncation=0.0, condition=1)
    assert len(x.flatten(1).unique(dim=0)) == 1
    assert torch.equal(cg.sample(signed, 6, truncation=1.0), cg.sample(signed, 6))
    with pytest.raises(UsageError, match="truncation"):
        cg.sample(Signed(build("gan", kind="model", signature=pictures_of_noise(), latent=4),
                         pictures_of_noise()), 6, truncation=0.5)  # fmt: skip


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(UsageError, match="side 30"):
        made(size=30)
