import pytest
import torch

import cartograd as cg
from cartograd.core.build import build
from cartograd.core.signed import Signed
from cartograd.generative.projection import projected
from tests.generative.gan.games import pictures_of_noise, signature


def test_of_a_linear_generator_it_is_the_least_squares():
    matrix, x = torch.randn(6, 3, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)
    found = projected(lambda z: z @ matrix.T, x, latent=(3,))
    right = torch.linalg.lstsq(matrix, x.T).solution.T
    torch.testing.assert_close(found, right, rtol=1e-2, atol=1e-2)
    alone = projected(lambda z: z @ matrix.T, x[2:3], latent=(3,))
    torch.testing.assert_close(alone, found[2:3])  # of an example whatever is beside it


def test_what_is_unknown_does_not_count():
    matrix, x = torch.randn(6, 3, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)
    known = torch.tensor([1.0, 1, 1, 1, 0, 0], dtype=torch.float64).expand(4, 6)
    found, other = (
        projected(lambda z: z @ matrix.T, x + 9 * (1 - known) * more, latent=(3,), known=known)
        for more in (0, 1)
    )
    assert torch.equal(found, other)
    right = torch.linalg.lstsq(matrix[:4], x[:, :4].T).solution.T
    torch.testing.assert_close(found, right, rtol=3e-2, atol=3e-2)


def test_of_several_ends_the_best_counts():
    """Of two valleys one is deeper: from a single place it is not always found."""
    fall = lambda z: (z.square() - 1).square() + 0.3 * z  # noqa: E731
    x = torch.full((1, 1), -10.0)
    ends = [projected(fall, x, latent=(1,), starts=1, seed=seed) for seed in range(12)]
    assert min(ends).item() < -0.9
    assert max(ends).item() > 0.8
    assert all(projected(fall, x, latent=(1,), starts=8, seed=seed) < -0.9 for seed in range(3))


@pytest.mark.law("gan")
def test_a_gan_finds_the_noise_of_what_it_made_and_tells_its_error_for_the_rest():
    torch.manual_seed(0)
    model = build("gan", kind="model", signature=signature(6), latent=3, width=8)
    for part in model.modules():  # as steep as trained ones are
        if isinstance(part, torch.nn.Linear):
            torch.nn.init.orthogonal_(part.weight, gain=1.3)
    can = cg.generative_model(model)
    assert can.capabilities()["encode"] == "projection"
    x = can.decode(torch.randn(5, 3))
    own, other = can.round_trip(x), can.round_trip(3 * torch.randn(5, 6))
    assert own.median() < 0.02 * x.std()
    assert other.min() > 10 * own.median()
    known = torch.tensor([1.0, 1, 1, 1, 1, 0])
    made = can.inpaint(x, known)
    assert torch.equal(made[:, :5], x[:, :5])
    assert (made[:, 5] - x[:, 5]).abs().median() < 0.1 * x.std()
    way = can.interpolate(x[0], x[1], 3)
    assert (way[0] - x[0]).abs().max() < 0.2


def test_a_class_is_kept_while_its_noise_is_looked_for():
    torch.manual_seed(0)
    model = build("gan", kind="model", signature=pictures_of_noise(), latent=4, width=4)
    with torch.no_grad():
        model.model.net.told.weight.mul_(20)
    can = cg.generative_model(Signed(model.model, pictures_of_noise()))
    x = can.decode(torch.randn(2, 4), condition=[0, 1])
    right, wrong = (can.round_trip(x, condition=y, steps=60) for y in ([0, 1], [1, 0]))
    assert (right < wrong).all()
