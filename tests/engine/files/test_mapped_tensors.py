import struct

import pytest
import torch
from safetensors.torch import save_file

from cartograd.core import pages
from cartograd.core.errors import UsageError
from cartograd.core.pages import give_back, unread
from cartograd.engine.files import mapped_tensors as mapped_tensors_module
from cartograd.engine.files.mapped_tensors import leave, mapped_tensors


@pytest.fixture
def kept(tmp_path):
    torch.manual_seed(0)
    tensors = {
        "large": torch.randn(300, 200), "half": torch.randn(7, 3).bfloat16(),
        "none": torch.zeros(0, 4), "one": torch.tensor(5), "odd": torch.tensor([True]),
    }  # fmt: skip
    save_file(tensors, tmp_path / "model.safetensors")
    return tensors, tmp_path / "model.safetensors"


def test_the_numbers_are_those_of_the_file(kept):
    tensors, path = kept
    found = mapped_tensors(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
    assert all(found[name].untyped_storage().nbytes() == found[name].nbytes for name in found)


def test_what_is_written_to_a_tensor_stays_out_of_the_file(kept):
    tensors, path = kept
    before = path.read_bytes()
    large = mapped_tensors(path)["large"]
    large[3] = 7.0
    give_back(large)
    assert torch.equal(large[3], torch.full((200,), 7.0))
    assert torch.equal(large[4:], tensors["large"][4:])
    assert path.read_bytes() == before


def test_a_file_may_go_while_it_is_read(kept):
    tensors, path = kept
    found = mapped_tensors(path)
    path.unlink()
    assert torch.equal(found["large"], tensors["large"])


@pytest.mark.parametrize("whose", ["writable by others", "another user's"])
def test_what_others_may_change_is_read_as_a_whole(kept, monkeypatch, whose):
    tensors, path = kept
    if whose == "writable by others":
        path.chmod(0o666)
    else:
        monkeypatch.setattr(mapped_tensors_module, "own", lambda uid: False)
    found = mapped_tensors(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert torch.equal(found["large"], tensors["large"])


def test_numbers_at_an_odd_place_are_copied(kept):
    """A header of another length puts them there."""
    tensors, path = kept
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    shifted = struct.pack("<Q", length + 1) + content[8 : 8 + length] + b" " + content[8 + length :]
    path.write_bytes(shifted)
    for name, tensor in mapped_tensors(path).items():
        assert torch.equal(tensors[name], tensor)


def test_pages_are_given_back_of_files_alone(kept, monkeypatch):
    asked = []
    monkeypatch.setattr(pages, "madvise", lambda: lambda *told: asked.append(told))
    found = mapped_tensors(kept[1])
    give_back(torch.randn(300, 200))
    assert not asked
    give_back(found["large"])
    ((first, size, advice),) = asked
    assert first.value >= found["large"].data_ptr()
    assert first.value + size.value <= found["large"].data_ptr() + found["large"].nbytes
    assert advice == pages.PAGE_OUT
    monkeypatch.setattr(pages, "madvise", lambda: None)  # another system
    give_back(found["large"])


def test_what_was_only_read_is_let_go_and_read_again(kept):
    tensors, path = kept
    found = mapped_tensors(path)
    assert torch.equal(found["large"], tensors["large"])
    leave(found | {"no tensor": {"epoch": 3}})
    assert torch.equal(found["large"], tensors["large"])


def test_memory_where_a_file_once_lay_is_left_alone(kept, monkeypatch):
    asked = []
    monkeypatch.setattr(pages, "madvise", lambda: lambda *told: asked.append(told))
    found = mapped_tensors(kept[1])
    place = found["large"].untyped_storage().data_ptr()
    del found
    assert pages._FILES[place]() is None
    fresh = torch.randn(300, 200)
    pages._FILES[fresh.untyped_storage().data_ptr()] = pages._FILES[place]
    unread(fresh)
    assert not asked


@pytest.mark.parametrize("content", [b"", b"12345678", struct.pack("<Q", 2**40) + b"{}"])
def test_what_is_no_such_file_is_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        mapped_tensors(path)
    with pytest.raises(UsageError, match="cannot be read"):
        mapped_tensors(tmp_path / "other")
