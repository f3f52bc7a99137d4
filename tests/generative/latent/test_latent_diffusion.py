import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.generative.latent.latent_diffusion import LatentDiffusion


@pytest.mark.paper("latent-diffusion")
def test_stable_diffusion_has_its_count():
    with torch.device("meta"):
        model = LatentDiffusion(channels=3, size=512, vocabulary=49_408)
    assert sum(one.numel() for one in model.parameters()) == 1_066_235_307
    assert model.dims == (4, 64, 64)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 12}, "cannot be made 8 times as small"),
        ({"autoencoder": "latent-unet"}, "autoencoder=latent-unet has no codes"),
        ({"encoder": "positions"}, "positions"),
        ({"beta_schedule": "scaled-linear:begin=1"}, "begin"),
        ({"beta_schedule": "scaled-linear:start=0.9,end=0.1"}, "are no betas"),
        ({"beta_schedule": "linear:spacing=odd"}, "spacing"),
        ({"sampling_steps": 1001}, r"^sampling_steps=1001 .* chain of this model has 1000"),
    ],
)
def test_what_cannot_be_is_said(given, message):
    with torch.device("meta"), pytest.raises(UsageError, match=message):
        LatentDiffusion(**{"channels": 3, "size": 64, "vocabulary": 9} | given)
