"""Separable points: the margin and the radius are what they are said to be."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartograd.core.errors import UsageError
from cartograd.data.sources.separable import separable


@pytest.mark.law("separable")
@given(
    features=st.integers(1, 40),
    margin=st.floats(0.001, 0.9),
    seed=st.integers(0, 20),
)
def test_margin_and_radius(features, margin, seed):
    data = separable(examples=40, features=features, margin=margin, seed=seed)
    normal = torch.tensor(data.about["normal"], dtype=torch.float64)
    assert normal.norm().item() == pytest.approx(1)
    for split in (data.train, data.valid, data.test):
        points = split.inputs.double()
        sides = (points @ normal) * (2 * split.targets - 1)
        assert (sides >= margin).all()
        assert (points.norm(dim=1) <= 1).all()
    assert data.signature.input.mean == ()


@pytest.mark.law("separable")
def test_the_margin_is_nearly_reached():
    data = separable(examples=20_000, margin=0.2)
    normal = torch.tensor(data.about["normal"])
    assert (data.train.inputs @ normal).abs().min() < 0.201
    assert data.train.inputs.norm(dim=1).max() > 0.99


@pytest.mark.parametrize("margin", [0.0, 0.95, -1.0])
def test_no_room_for_the_margin(margin):
    with pytest.raises(UsageError, match=f"margin={margin} is out of range"):
        separable(margin=margin)
