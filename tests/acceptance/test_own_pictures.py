"""What the row on one's own pictures counts, on small numbers."""

import torch

from acceptance.own_pictures import NEW, STALE, Found, normals, reached


def test_normal_pictures_have_the_mean_and_covariance_of_their_class():
    torch.manual_seed(0)
    y = torch.arange(60) % 2
    x = (0.5 + 0.05 * torch.randn(60, 1, 2, 2) * (1 + y).view(-1, 1, 1, 1)).clamp(0, 1)
    asked = torch.arange(20_000) % 2
    made = normals(x, y, asked)
    for number in range(2):
        own, drawn = (a[b == number].flatten(1) for a, b in ((x, y), (made, asked)))
        torch.testing.assert_close(drawn.mean(0), own.mean(0), atol=4e-3, rtol=0)
        torch.testing.assert_close(torch.cov(drawn.T), torch.cov(own.T), atol=4e-4, rtol=0)


def test_copies_noise_and_blurs_do_not_pass():
    plain, good = Found(4.0, 0.9, 0.8), Found(3.0, 0.9, 0.9)
    assert reached(good, plain)
    for wrong in (
        good._replace(far=4.0),
        good._replace(right=0.7),
        good._replace(new=NEW / 2),
        good._replace(new=2 * STALE),
    ):
        assert not reached(wrong, plain)
