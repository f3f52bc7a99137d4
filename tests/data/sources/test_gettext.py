"""Messages of programs in two languages."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.gettext import gettext, message_pairs, plain
from cartograd.data.store import packages
from tests.conformance.subjects import messages


def catalogue(folder, language="zh_CN"):
    pairs = {f"Open the file number {i}": f"打开第 {i} 个文件(_O)" for i in range(60)}
    pairs |= {
        "OK": "好",
        "_Save it as a file": "保存为文件(_S)",
        "menu\x04_Save it as a file": "保存为文件",
        "the same in both": "the same in both",
        "not yet translated message": "",
        "%d file of all\0%d files of all": "%d 个文件",
    }
    messages(folder / language / "LC_MESSAGES" / "toy.mo", pairs)
    return folder


@pytest.mark.law("gettext")
def test_pairs_once_without_plurals_and_marks(tmp_path):
    data = gettext(catalogue(tmp_path), vocabulary=400)
    assert data.about["pairs"] == 61
    assert data.about["catalogues"] == 1
    assert gettext(tmp_path, min_words=1, vocabulary=400).about["pairs"] == 62
    messages(tmp_path / "zh_CN.more.mo", {"OK then, do it": "好吧,去做"})
    assert gettext(tmp_path, vocabulary=400).about["pairs"] == 62


def test_marks():
    assert plain("Save _as...") == "Save as..."
    assert plain("另存为(_A)...") == "另存为..."
    assert plain("a _\n b") == "a _ b"


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UsageError, match="holds no catalogues of 'de'"):
        gettext(catalogue(tmp_path), language="de")
    (tmp_path / "de" / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "de" / "LC_MESSAGES" / "bad.mo").write_bytes(b"no catalogue at all")
    with pytest.raises(UsageError, match=r"bad\.mo is no whole gettext catalogue"):
        gettext(tmp_path, language="de")


def test_the_real_ones():
    try:
        folder = packages.where("gettext")
    except UsageError as error:
        pytest.skip(f"gettext: {error}")
    found = [pair for file in sorted(folder.glob("*.mo")) for pair in message_pairs(file)]
    assert len(found) == 19_940
    assert ("Quit", "退出") in found
