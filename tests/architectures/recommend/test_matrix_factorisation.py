"""Matrix factorisation: the best table of low rank, and nothing said of whom nobody knows."""

import numpy as np
import pytest
import torch

from cartograd.architectures.recommend.matrix_factorisation import MatrixFactorisation


def pairs(users, items):
    return torch.cartesian_prod(torch.arange(users), torch.arange(items)).float()


@pytest.mark.oracle("matrix-factorisation")
def test_a_full_table_is_learned_to_the_error_of_its_singular_values():
    torch.manual_seed(0)
    table = torch.randn(6, 5, dtype=torch.float64)
    left, sizes, right = np.linalg.svd(table.numpy())
    best = (sizes[2:] ** 2).sum()
    model = MatrixFactorisation(users=6, items=5, factors=2).double()
    x = pairs(6, 5).double()

    def error():
        user, item = model.rows(x)
        return ((user[:, 1:] * item[:, 1:]).sum(1) - table.flatten()).square().sum()

    learn = torch.optim.LBFGS(model.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        learn.zero_grad()
        found = error()
        found.backward()
        return found

    learn.step(closure)
    assert error().item() == pytest.approx(best, abs=1e-4)
    plain = left[:, :2] * sizes[:2] @ right[:2]
    assert torch.allclose(model(x).detach(), torch.from_numpy(plain).reshape(-1, 1), atol=1e-3)


@pytest.mark.law("matrix-factorisation")
def test_asked_of_a_user_alone_it_orders_items_as_it_rates_them():
    torch.manual_seed(0)
    rating = MatrixFactorisation(users=3, items=4).double()
    ranking = MatrixFactorisation(users=3, classes=4).double()
    torch.nn.init.normal_(rating.user.weight), torch.nn.init.normal_(rating.item.weight)
    ranking.load_state_dict(rating.state_dict(), strict=False)
    x, users = pairs(3, 4).double(), torch.arange(3)[:, None].double()
    scores = ranking(users) + rating.user.weight[:3, :1]
    torch.testing.assert_close(scores, rating(x).reshape(3, 4), rtol=0, atol=1e-12)
    ranking.saw(users, torch.tensor([2, 0, 2]))
    learning = scores - rating.user.weight[:3, :1]
    torch.testing.assert_close(ranking(users), learning, rtol=0, atol=1e-12)
    shown = ranking.eval()(users).isfinite()
    assert shown.sum(1).tolist() == [3, 3, 3]
    assert not shown[0, 2]
    assert ranking(torch.tensor([[3.0]]).double()).isfinite().all()


@pytest.mark.law("matrix-factorisation")
def test_whom_nobody_knows_is_answered_by_what_is_known():
    model = MatrixFactorisation(users=3, items=4)
    with torch.no_grad():
        model.user.weight[:3, 0], model.item.weight[:4, 0] = torch.arange(3.0), torch.arange(4.0)
    x = torch.tensor([[3.0, 2.0], [1.0, 4.0], [3.0, 4.0], [9.0, -1.0]])
    assert model(x).flatten().tolist() == [2.0, 1.0, 0.0, 0.0]
    model(torch.tensor([[1.0, 2.0], [3.0, 2.0]])).sum().backward()
    assert model.user.weight.grad is not None
    assert model.user.weight.grad.any(1).tolist() == [False, True, False, False]
    assert model.item.weight.grad is not None
    assert model.item.weight.grad.any(1).tolist() == [False, False, True, False, False]
