import pytest
import torch

from cartograd.core.inference import SingleRow
from cartograd.practice.compression import float_products, quicker
from cartograd.practice.compression.fast_weights import MAKERS
from cartograd.practice.compression.float_products import Columns


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    for asked in (float_products.sums, float_products.onednn, float_products.exact):
        asked.cache_clear()


@pytest.mark.parametrize("other", [True, False])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 40])
@torch.no_grad()
def test_every_call_gives_the_product(monkeypatch, other, biased, rows):
    """Of a weight for which other calls than torch's product are tried, taken or not."""
    monkeypatch.setattr(float_products, "floats_are", lambda *_: other)
    float_products.sums.cache_clear()
    float_products.onednn.cache_clear()
    weight, x = torch.randn(257, 258), torch.randn(rows, 258)
    bias = torch.randn(257) if biased else None
    expected = torch.nn.functional.linear(
        x.double(), weight.double(), bias.double() if biased else None
    )
    product = Columns(weight, bias)
    torch.testing.assert_close(product(x).double(), expected, rtol=0, atol=1e-4)
    if rows == 1:
        found = torch.empty(1, 257)
        product.single()(x, found)
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-4)
    assert float_products.sums(258, 257) is other
    assert float_products.onednn(2, 258, 257) is other


def test_a_call_that_is_wrong_is_not_taken(monkeypatch):
    monkeypatch.setattr(float_products, "floats_are", lambda *_: True)
    monkeypatch.setattr(float_products, "right", lambda *_, **__: False)
    float_products.exact.cache_clear()
    assert not float_products.sums(300, 301)
    assert not float_products.onednn(8, 300, 301)


def test_a_measurement_is_kept(monkeypatch):
    asked = []
    monkeypatch.setattr(quicker, "keep", lambda *_: None)
    monkeypatch.setattr(quicker, "share", lambda usual, other: asked.append((usual, other)) or 0.5)
    assert float_products.sums(31, 2100)
    assert float_products.sums(31, 2100)
    for call in asked[0]:
        assert all(torch.equal(one.view(-1), torch.full((2100,), 31.0)) for one in call())
        assert len(call()) * 4 * 31 * 2100 > 3e7  # more than a cache holds
    assert len(asked) == 1


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("biased", [True, False])
@torch.inference_mode()
def test_the_shorter_way_of_a_row_is_the_same(name, biased):
    weight, x = torch.randn(64, 96), torch.randn(1, 96)
    product = MAKERS[name](weight, torch.randn(64) if biased else None)
    if not isinstance(product, SingleRow):
        assert name == "rows"
        return
    expected, write = product(x), product.single()
    if write is None:
        assert name == "compiled" or (name == "int4" and biased)
        return
    for _ in range(2):  # its memory is used again
        found = torch.full((1, 64), torch.nan)
        write(x, found)
        assert (found - expected).norm() <= 1e-2 * expected.norm()
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=2e-2)
