import numpy as np
import pytest
import torch

from cartograd.engine.loop.fit import fit
from cartograd.training.optimizers import adam, soap
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants
from tests.training.optimizers.support import START, close, gradient, ours


class PowerCutError(BaseException):
    """Nobody catches it, and nothing is saved."""


def papers(start, slope, steps, *, lr, betas, shampoo_beta, weight_decay, precondition_frequency):
    """Algorithm 3 of the paper for one matrix, its first step left out as in the code."""
    w = start.numpy().copy()
    m, s, path = np.zeros_like(w), np.zeros_like(w), []
    for t in range(steps):
        g = slope(torch.from_numpy(w)).numpy()
        if t == 0:
            left, right = (1 - shampoo_beta) * g @ g.T, (1 - shampoo_beta) * g.T @ g
            ql, qr = np.linalg.eigh(left)[1][:, ::-1], np.linalg.eigh(right)[1][:, ::-1]
            path.append(w.copy())
            continue
        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * (ql.T @ g @ qr) ** 2
        unbiased = np.sqrt(s / (1 - betas[1] ** t) + 0.0)
        # The code adds its eps to the biased root; 1e-8 of it is beyond what is compared.
        step = (
            (ql.T @ m @ qr) / (1 - betas[0] ** t) / (unbiased + 1e-8 / (1 - betas[1] ** t) ** 0.5)
        )
        w = (w - lr * ql @ step @ qr.T) * (1 - lr * weight_decay)
        left = shampoo_beta * left + (1 - shampoo_beta) * g @ g.T
        right = shampoo_beta * right + (1 - shampoo_beta) * g.T @ g
        if t % precondition_frequency == 0:
            rows = np.argsort(-np.einsum("ij,ik,kj->j", ql, left, ql))
            columns = np.argsort(-np.einsum("ij,ik,kj->j", qr, right, qr))
            s = s[rows][:, columns]
            ql = np.linalg.qr(left @ ql[:, rows])[0]
            qr = np.linalg.qr(right @ qr[:, columns])[0]
        path.append(w.copy())
    return torch.from_numpy(np.stack(path))


def noisy(slope):
    """Gradients of batches, the same ones in each path.

    In the directions of the first gradient that gradient is diagonal: were the second one the same,
    its other entries would be nothing but rounding.
    """
    draw = torch.Generator().manual_seed(1)

    def of_a_batch(w):
        return slope(w) + torch.randn(w.shape, dtype=w.dtype, generator=draw)

    return of_a_batch


SETTINGS = {"lr": 0.05, "betas": (0.9, 0.95), "shampoo_beta": 0.9, "weight_decay": 0.1}


@pytest.mark.oracle("soap")
@pytest.mark.parametrize("precondition_frequency", [1, 4, 10])
@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (4, 3)])
def test_equals_the_formula(shape, precondition_frequency):
    draw = torch.Generator().manual_seed(0)
    start, target, bend = torch.randn(3, *shape, dtype=torch.float64, generator=draw)

    def slope(w):
        return (1 + bend**2) * (w - target) + 0.3 * w.sin()

    expected = papers(
        start, noisy(slope), 25, precondition_frequency=precondition_frequency, **SETTINGS
    )
    path = ours(
        soap.update,
        start=start,
        slope=noisy(slope),
        steps=25,
        precondition_frequency=precondition_frequency,
        **SETTINGS,
    )
    close(path, expected)


@pytest.mark.law("soap")
@pytest.mark.parametrize(
    ("start", "most"), [(START, 1), (START[0], 10_000), (START.reshape(2, 3, 1), 10_000)]
)
def test_without_directions_it_is_adam_a_step_behind(start, most):
    def slope(w):
        return gradient(w.reshape(-1, 3)).reshape(w.shape) if w.ndim != 1 else 2 * w

    settings = {"lr": 0.05, "betas": (0.9, 0.95)}
    path = ours(
        soap.update, start=start, slope=slope, steps=21, max_precond_dim=most, weight_decay=0.0,
        eps=0.0, **settings,
    )  # fmt: skip
    torch.testing.assert_close(path[0], start, rtol=0, atol=0)
    close(path[1:], ours(adam.update, start=start, slope=slope, eps=0.0, **settings))


@pytest.mark.law("soap")
def test_a_turned_problem_has_a_turned_path():
    draw = torch.Generator().manual_seed(0)
    u, v = (
        torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=draw)).Q for n in (4, 3)
    )
    bend, target, start = torch.rand(3, 4, 3, dtype=torch.float64, generator=draw)

    def slope(w):
        return (0.1 + bend) * (w - target)

    def turned(batch):
        return lambda w: u @ batch(u.T @ w @ v) @ v.T

    for update, alike in ((soap.update, True), (adam.update, False)):
        one = ours(update, start=start, slope=noisy(slope), lr=0.05, eps=0.0)
        other = ours(update, start=u @ start @ v.T, slope=turned(noisy(slope)), lr=0.05, eps=0.0)
        assert torch.allclose(u @ one @ v.T, other, atol=1e-8) == alike


def test_a_run_by_name_learns_and_resumes_exactly(tmp_path):
    x, y = quadrants(200)
    options = {
        "optimizers": "soap:lr=0.01,precondition_frequency=3",
        "schedules": "cosine",
        "epochs": 6,
        "seed": 1,
    }
    torch.manual_seed(0)
    whole, broken, again = mlp(2, 16, 2), mlp(2, 16, 2), mlp(2, 16, 2)
    broken.load_state_dict(whole.state_dict())
    run = fit(Supervised(whole), Toy(x, y, batch_size=20), **options)
    assert run.history[-1]["train/loss"] < 0.9 * run.history[0]["train/loss"]

    class Stopping(Toy):
        def epoch(self, number, /, *, seed, start=0):
            for i, batch in enumerate(super().epoch(number, seed=seed, start=start)):
                if number == 3 and i == 4:
                    raise PowerCutError
                yield batch

    with pytest.raises(PowerCutError):
        fit(
            Supervised(broken), Stopping(x, y, batch_size=20), folder=tmp_path / "r", save_every=7,
            **options,
        )  # fmt: skip
    fit(Supervised(again), Toy(x, y, batch_size=20), folder=tmp_path / "r", resume=True, **options)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
