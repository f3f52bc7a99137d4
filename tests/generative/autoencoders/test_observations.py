import torch

from cartograd.generative.autoencoders.observations import Grey


def test_the_mean_of_greys_is_that_of_their_levels():
    """Also where the middle lies far beyond black or white, which the mean cannot."""
    torch.manual_seed(0)
    grey = Grey(40, 256).double()
    with torch.no_grad():
        grey.log_scale.copy_(torch.linspace(-9, 1, 40))
    said = 3 * torch.randn(50, 40, dtype=torch.float64)
    given = torch.stack([torch.zeros_like(said), said, grey.log_scale.expand_as(said)], -1)
    chances = grey.distribution.table(given).exp()
    expected = chances @ torch.linspace(0, 1, 256, dtype=torch.float64)
    torch.testing.assert_close(grey.mean(said), expected, rtol=0, atol=2e-3)
    assert (grey.mean(said) >= 0).all()
    assert (grey.mean(said) <= 1).all()


def test_black_can_be_as_good_as_certain():
    """A middle that could not leave the range would pay a bit for each black number."""
    grey = Grey(1, 256)
    assert grey.log_prob(torch.zeros(1, 1), torch.full((1, 1), -5.0)) > -1e-6
