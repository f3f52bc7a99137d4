import weakref

import pytest
import torch

from cartograd.core import large_pages
from cartograd.core.large_pages import LEAST, begin_anew, in_large_pages


@pytest.fixture
def small(monkeypatch):
    """Memory of which few tensors share a piece."""
    monkeypatch.setattr(large_pages, "SHARED", 1 << 18)
    begin_anew()
    yield
    begin_anew()


def test_copies_share_memory_until_it_is_full(small):
    given = [torch.randn(5000), torch.randn(70, 70).double(), torch.randint(9, (3, 7000))]
    found = [in_large_pages(one) for one in given]
    assert all(torch.equal(one, own) for one, own in zip(given, found, strict=True))
    assert found[0].untyped_storage().data_ptr() == found[1].untyped_storage().data_ptr()
    assert found[0].untyped_storage().data_ptr() == found[2].untyped_storage().data_ptr()
    other = in_large_pages(torch.randn(30000))
    assert other.untyped_storage().data_ptr() != found[0].untyped_storage().data_ptr()
    tiny = torch.ones(LEAST // 4 - 1)
    assert in_large_pages(tiny) is tiny


def test_what_was_copied_to_be_timed_can_go(small):
    timed = in_large_pages(torch.randn(5000))
    memory = weakref.ref(large_pages._shared.memory)
    begin_anew()
    del timed
    assert memory() is None
    assert in_large_pages(torch.randn(5000)).data_ptr() % 64 == 0
