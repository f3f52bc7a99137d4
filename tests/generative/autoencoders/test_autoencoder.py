import pytest
import torch

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.regress import Regress


@pytest.mark.place("vae/autoencoder")
@pytest.mark.law("autoencoder")
def test_a_linear_one_learns_the_principal_components():
    """By Eckart and Young no linear map through two numbers does better."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(6, 6, generator=generator)
    x = torch.randn(400, 6, generator=generator) @ mixed + 1
    torch.manual_seed(0)
    model = build("autoencoder:features=6,latent=2,widths=[]")
    before = (model(x) - x).square().mean()
    batches = [(x, x)]
    fit(
        Regress(model=model), batches, optimizers="adam:lr=2e-2", epochs=300, device="cpu",
        schedule="cosine",
    )  # fmt: skip
    u, s, v = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    best = (x - x.mean(0) - u[:, :2] * s[:2] @ v[:2]).square().mean()
    found = (model(x) - x).square().mean()
    assert best < found < 1.01 * best < before / 3
    torch.testing.assert_close(model.decode(model.encode(x)), model(x))
