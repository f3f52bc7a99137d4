import pytest
import torch
from torch import nn

from cartograd.frontier.security.apgd import apgd
from cartograd.frontier.security.fab import fab, onto
from tests.frontier.security.support import right, share, size
from tests.reference import Reference

optimize = Reference("scipy.optimize")


def plane(seed):
    generator = torch.Generator().manual_seed(seed)
    normal, x = torch.randn(2, 1, 6, generator=generator).double()
    x = x.sigmoid()
    normal[0, seed % 6] = 0.0
    most = torch.where(normal > 0, 1 - x, x)
    room = (normal.abs() * most).sum().item()
    return normal, x, (-1) ** seed * 0.7 * room * torch.rand((), generator=generator).item()


@pytest.mark.oracle("fab")
@pytest.mark.parametrize("seed", range(6))
def test_nearest_point_of_a_plane(seed):
    normal, x, needed = plane(seed)
    if needed < 0:  # the room is that of the other side
        needed = -0.5 * (normal.abs() * torch.where(normal > 0, x, 1 - x)).sum().item()
    ends, w = (torch.zeros_like(x), torch.ones_like(x)), normal[0].numpy()
    room = list(zip((-x[0]).tolist(), (1 - x[0]).tolist(), strict=True))
    change = onto(normal, torch.tensor([needed], dtype=torch.float64), x, ends, "linf")[0]
    # least r with -r <= d_i <= r
    found = optimize.linprog(
        [0] * 6 + [1], A_eq=[[*w, 0]], b_eq=[needed], bounds=[*room, (0, None)],
        A_ub=[[*(sign * row), -1] for row in torch.eye(6).numpy() for sign in (1, -1)],
        b_ub=[0] * 12,
    )  # fmt: skip
    assert (normal[0] @ change).item() == pytest.approx(needed, abs=1e-9)
    assert change.abs().max().item() == pytest.approx(found.fun, abs=1e-6)
    change = onto(normal, torch.tensor([needed], dtype=torch.float64), x, ends, "l2")[0]
    found = optimize.minimize(
        lambda d: d @ d, [0] * 6, jac=lambda d: 2 * d, bounds=room, method="SLSQP",
        constraints={"type": "eq", "fun": lambda d: w @ d - needed}, options={"ftol": 1e-14},
    )  # fmt: skip
    torch.testing.assert_close(change, torch.from_numpy(found.x), rtol=0, atol=1e-6)


def test_a_plane_out_of_reach_takes_all_the_room():
    normal, x, _ = plane(0)
    ends = torch.zeros_like(x), torch.ones_like(x)
    for norm in ("linf", "l2"):
        change = onto(normal, torch.tensor([100.0]).double(), x, ends, norm)
        torch.testing.assert_close(change, torch.where(normal > 0, 1 - x, -x) * (normal != 0))


@pytest.mark.law("fab")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_fab_finds_the_boundary_of_a_linear_model(norm):
    torch.manual_seed(0)
    model = nn.Linear(20, 2).double()
    x = torch.rand(50, 20).double() * 0.2 + 0.4
    y = model(x).argmax(1)
    outputs, normal = model(x), model.weight[1] - model.weight[0]
    dual = normal.abs().sum() if norm == "linf" else normal.norm()
    way = (outputs[:, 1] - outputs[:, 0]).abs() / dual
    found = fab(model, x, y, norm=norm, steps=20, bounds=(0.0, 1.0))
    length = size(found - x, norm)
    assert not right(model, found, y).any()
    assert (length >= way - 1e-9).all()
    assert (length <= 1.02 * way + 1e-6).all()


@pytest.mark.law("fab")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_as_near_as_the_least_ball_of_apgd(judge, norm):
    model, x, y = judge.model, judge.x[:40], judge.y[:40]
    found = fab(model, x, y, norm=norm, steps=15)
    assert not right(model, found, y).any()
    assert found.min() >= 0
    assert found.max() <= 1
    length = size(found - x, norm)
    eps = length.median().item()
    standing = share(model, apgd(model, x, y, eps=eps, norm=norm, steps=30), y)
    assert abs(standing - (length > eps).float().mean().item()) <= 0.06
