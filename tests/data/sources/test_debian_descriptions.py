"""Descriptions of Debian's packages, and the section of each."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.debian_descriptions import debian_descriptions


@pytest.fixture
def folder(tmp_path):
    """60 sources of two packages each, one of them twice described alike, one not described."""
    index, texts = [], []
    for i in range(60):
        for kind, section in (("bin", "games"), ("doc", "contrib/doc")):
            source = "" if kind == "bin" else f"Source: p{i}-bin (1.0)\n"
            index.append(
                f"Package: p{i}-{kind}\n{source}Section: {section}\nDescription-md5: {i}{kind}\n"
            )
            texts.append(
                f"Package: p{i}-{kind}\nDescription-md5: {i}{kind}\n"
                f"Description-en: thing {i} {kind}\n It is {kind}.\n .\n More of {i}.\n"
            )
    index += ["Package: p0-bin\nSection: games\nDescription-md5: 0bin\n"]
    index += ["Package: silent\nSection: games\nDescription-md5: x\n"]
    (tmp_path / "Packages").write_text("\n".join(index))
    (tmp_path / "Translation-en").write_text("\n".join(texts))
    return tmp_path


@pytest.mark.law("debian-descriptions")
def test_packages_come_back_with_their_sections(folder):
    data = debian_descriptions(folder, vocabulary=300)
    assert data.about["packages"] == 120
    assert data.signature.output.labels == ("doc", "games")
    targets = [y for part in (data.train, data.valid, data.test) for y in part.targets.tolist()]
    assert (targets.count(0), targets.count(1)) == (60, 60)


@pytest.mark.law("debian-descriptions")
def test_packages_of_one_source_are_in_one_part(folder):
    data = debian_descriptions(folder, vocabulary=300)
    for part in (data.train, data.valid, data.test):
        assert (part.targets == 0).sum() == (part.targets == 1).sum()


def test_the_text_itself_as_target(folder):
    data = debian_descriptions(folder, task="text", vocabulary=300, context=6)
    x, y = data.train.inputs, data.train.targets
    assert x.shape[1] == 6
    assert data.signature.output.dims == ("t", 300)
    assert (y[x != 0] == x[x != 0]).all()
    assert (y[x == 0] == -100).all()


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"expected an archive's Packages and Translation-en in"):
        debian_descriptions(tmp_path)
