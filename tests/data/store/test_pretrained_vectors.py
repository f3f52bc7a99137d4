"""Published vectors of words: their hash, their table, and how alike ours are."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.store import pretrained_vectors
from cartograd.data.store.pretrained_vectors import _rows, agreement, murmur, published


def test_the_hash_is_murmur_with_every_length_of_tail():
    """The first is what spaCy's own table has for `the`; the others differ in one byte each."""
    assert murmur(b"the") == 0x670E66A635739A92
    found = {murmur(b"abcdefghijklmnopq"[:n]) for n in range(18)}
    assert len(found) == 18
    assert murmur(b"abcdefgh", 1) != murmur(b"abcdefgh", 2)


def test_a_table_of_rows(tmp_path):
    numbers = [(3, 5), (200, 127), (70_000, 300), (2**40, 70_000)]

    def packed(n):
        for mark, width in ((None, 0), (0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
            if n < (128 if mark is None else 256**width):
                return bytes([n]) if mark is None else bytes([mark]) + n.to_bytes(width, "big")
        raise AssertionError

    body = b"".join(packed(key) + packed(row) for key, row in numbers)
    (tmp_path / "rows").write_bytes(b"\xdf" + len(numbers).to_bytes(4, "big") + body)
    assert _rows(tmp_path / "rows") == dict(numbers)


def test_agreement_with_itself_and_with_noise(monkeypatch):
    draw = torch.Generator().manual_seed(0)
    theirs = torch.randn(80, 16, generator=draw)
    words = [f"w{i}" for i in range(80)]
    monkeypatch.setattr(
        pretrained_vectors, "published", lambda some: {w: theirs[int(w[1:])] for w in some}
    )
    turn = torch.linalg.qr(torch.randn(16, 16, generator=draw))[0]
    assert agreement(3 * theirs @ turn, words, first=5, count=60) == pytest.approx(1, abs=1e-6)
    noise = torch.randn(80, 16, generator=draw)
    assert abs(agreement(noise, words, first=5, count=60)) < 0.1


def test_the_real_ones():
    try:
        found = published(["king", "queen", "stone", "xyzzyx"])
    except UsageError as error:
        pytest.skip(f"spacy-vectors: {error}")
    assert set(found) == {"king", "queen", "stone"}
    near, far = (torch.cosine_similarity(found["king"], found[w], 0) for w in ("queen", "stone"))
    assert near > far + 0.1
