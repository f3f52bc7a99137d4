import pytest
import torch

from cartograd.generative.autoencoders.codebook import Codebook, perplexity


@pytest.mark.place("vae/vq")
@pytest.mark.law("vq-vae")
def test_without_memory_it_is_one_step_of_lloyds_algorithm():
    from sklearn.cluster import KMeans

    torch.manual_seed(0)
    x = torch.randn(300, 3, dtype=torch.float64)
    book = Codebook(7, 3, decay=0.0).double()
    start = book.codes.clone()
    book.learn(x, book.nearest(x))
    lloyd = KMeans(7, init=start.numpy(), n_init=1, max_iter=1).fit(x.numpy())
    expected = torch.from_numpy(lloyd.cluster_centers_)
    torch.testing.assert_close(book.codes, expected, rtol=0, atol=1e-12)


def test_running_sums_are_a_weighted_mean_of_the_batches():
    book = Codebook(1, 2, decay=0.9).double()
    book.restart(torch.ones(100, 2, dtype=torch.float64))  # so many that a new code counts as one
    first = book.codes[0].clone()
    assert torch.equal(first, torch.ones(2).double())
    x = torch.randn(20, 2, dtype=torch.float64)
    book.learn(x, torch.zeros(20, dtype=torch.long))
    expected = (0.9 * first + 0.1 * x.sum(0)) / (0.9 + 0.1 * 20)
    torch.testing.assert_close(book.codes[0], expected)


@pytest.mark.law("vq-vae")
def test_gradients_pass_straight_through_and_codes_stand_for_themselves():
    book = Codebook(5, 3, decay=0.9)
    z = torch.randn(8, 3, requires_grad=True)
    code, number = book(z)
    assert torch.allclose(code, book.codes[number])
    weight = torch.randn(8, 3)
    (code * weight).sum().backward()
    assert torch.equal(z.grad, weight)
    assert torch.equal(book.nearest(book.codes), torch.arange(5))
    assert perplexity(torch.zeros(9, dtype=torch.long), 5) == 1


@pytest.mark.law("vq-vae")
@pytest.mark.parametrize(("vectors", "rare", "enough"), [(600, 0.5, 1.0), (6, 0.04, 0.05)])
def test_codes_that_nothing_is_near_to_begin_anew_at_the_batch(vectors, rare, enough):
    """Of a batch of six vectors a code that gets one in twenty batches is one in use."""
    torch.manual_seed(0)
    book = Codebook(4, 2, decay=0.9)
    book.counts.copy_(torch.tensor([0.0, 3.0, rare, enough]))
    before, z = book.codes.clone(), 10 + torch.rand(vectors, 2)
    book.restart(z)
    for number, moved in enumerate((True, False, True, False)):
        at_the_batch = (book.codes[number] == z).all(1).any()
        assert at_the_batch == moved
        assert torch.equal(book.codes[number], before[number]) != moved
    fewest = min(1.0, 0.03 * vectors / 4)
    torch.testing.assert_close(book.counts, torch.tensor([fewest, 3.0, fewest, enough]))
    sums = book.sums / book.counts[:, None]
    torch.testing.assert_close(sums[[0, 2]], book.codes[[0, 2]])
