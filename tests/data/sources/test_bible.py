"""The Bible in two languages: SWORD modules, and the real ones where they have been fetched."""

import struct
import zlib

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.bible import bible, verses
from cartograd.data.store import packages


def module(folder, stem, texts):
    """A module of two blocks; an empty text has no place in them."""
    half, blocks, places = len(texts) // 2, [b"", b""], b""
    for number, text in enumerate(texts):
        block, content = int(number >= half), text.encode()
        places += struct.pack("<IIH", block, len(blocks[block]), len(content))
        blocks[block] += content
    packed = [zlib.compress(block) for block in blocks]
    starts = struct.pack("<III", 0, len(packed[0]), len(blocks[0]))
    starts += struct.pack("<III", len(packed[0]), len(packed[1]), len(blocks[1]))
    for end, content in (("bzs", starts), ("bzv", places), ("bzz", b"".join(packed))):
        (folder / f"{stem}.{end}").write_bytes(content)


@pytest.fixture
def folder(tmp_path):
    for part in ("ot", "nt"):
        marked = [
            f"<chapter n='{i}'/> And <w lemma='x'>verse</w> {i}<note>or\nso</note>; "
            for i in range(40)
        ]
        module(tmp_path, f"kjv-{part}", ["<title>Book</title>", *marked, "only here"])
        module(tmp_path, f"rv-{part}", ["", *(f"Y versículo <b>{i}</b>.\n" for i in range(40)), ""])
    return tmp_path


@pytest.mark.law("bible")
def test_verses_without_marks_and_notes(folder):
    assert verses(folder, "kjv-ot") == ["", *(f"And verse {i};" for i in range(40)), "only here"]
    assert verses(folder, "rv-nt") == ["", *(f"Y versículo {i}." for i in range(40)), ""]


@pytest.mark.law("bible")
def test_pairs_are_those_in_both_languages(folder):
    data = bible(folder, vocabulary=300)
    assert data.about["pairs"] == 80
    assert len(data.train) + len(data.valid) + len(data.test) == 80
    back = bible(folder, source="es", vocabulary=300)
    assert back.about["languages"] == "es-en"
    assert back.train.names == data.train.names
    assert back.train.stored.tolist() != data.train.stored.tolist()


def test_a_damaged_module(folder):
    whole = (folder / "rv-nt.bzz").read_bytes()
    (folder / "rv-nt.bzz").write_bytes(whole[:-20])
    with pytest.raises(UsageError, match="rv-nt is no whole SWORD module"):
        bible(folder)
    (folder / "rv-nt.bzz").unlink()
    with pytest.raises(UsageError, match=r"cannot read .*rv-nt\.bzz: No such file"):
        bible(folder)


@pytest.mark.paper("bible")
def test_the_real_new_testament_has_all_verses():
    try:
        folder = packages.where("bible")
    except UsageError as error:
        pytest.skip(f"bible: {error}")
    found = [verses(folder, f"{stem}-nt") for stem in ("kjv", "rv")]
    assert [sum(map(bool, one)) for one in found] == [7957, 7955]
    first = [next(filter(None, one)) for one in found]
    assert first[0].startswith("The book of the generation of Jesus Christ, the son of David")
    assert first[1].startswith("LIBRO de la generación de Jesucristo")
