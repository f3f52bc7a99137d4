"""Debian's index: read as it is written, and fetched without touching the machine's own lists."""

import stat
import sys
import zipfile

import pytest

from cartograd.core.files import digest
from cartograd.data.store import debian, fetch
from cartograd.data.store.client import UnavailableError

CLIENT = """
import os, pathlib, re, sys
if sys.argv[1] == "indextargets":
    print("Other x http://example.org/other/\\nDebian x-security http://example.org/security/")
    print("Debian x http://example.org/debian/")
    sys.exit()
text = pathlib.Path(os.environ["APT_CONFIG"]).read_text()
asked = dict(re.findall(r'(\\S+) "(.*)";', text))
assert asked["Acquire::Languages"] == "en", asked
assert sorted(os.listdir(asked["Dir::Etc::Parts"])) == ["50proxy"]
source = pathlib.Path(asked["Dir::Etc::SourceList"]).read_text()
assert source.endswith(" http://example.org/debian/ forky main\\n"), source
lists = pathlib.Path(asked["Dir::State::Lists"])
(lists / "x_dists_forky_main_binary-amd64_Packages").write_text("Package: a\\n")
"""
SECOND = '(lists / "x_dists_forky_main_i18n_Translation-en").write_text("Package: a\\n")'


@pytest.fixture
def client(tmp_path, monkeypatch):
    """An apt-get that checks what it is asked for, and settings of the machine."""
    parts = tmp_path / "apt.conf.d"
    parts.mkdir()
    (parts / "50proxy").write_text('Acquire::http::Proxy "http://example.org";')
    (parts / "none").write_text('Acquire::Languages "none";')
    monkeypatch.setattr(debian, "CONFIGURATION", str(parts))
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(body):
        path = tmp_path / "apt-get"
        path.write_text(f"#!{sys.executable}\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return write


def test_an_index_is_the_same_file_each_time(client, tmp_path):
    client(CLIENT + SECOND)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = fetch.download("debian", "amd64", "forky", tmp_path / name)
        assert zipfile.ZipFile(path).namelist() == ["Packages", "Translation-en"]
    assert digest(tmp_path / "one" / "forky.zip") == digest(tmp_path / "two" / "forky.zip")


def test_half_an_index_is_none(client, tmp_path):
    client(CLIENT)
    with pytest.raises(UnavailableError, match="apt brought 0 files Translation-en"):
        debian.index("forky", "amd64", tmp_path / "a.zip")


def test_a_machine_without_debian(client, tmp_path):
    client("print('Ubuntu x http://example.org/')")
    with pytest.raises(UnavailableError, match="this machine's apt knows no archive of"):
        debian.index("forky", "amd64", tmp_path / "a.zip")


def test_control_files():
    text = (
        "Package: a\nTag: x::y,\n z\nSection: net\n\n\nPackage: b\nDescription-en: s\n l\n .\n m\n"
    )
    first, second = debian.paragraphs(text)
    assert first == {"Package": "a", "Tag": "x::y,\nz", "Section": "net"}
    assert debian.prose(second["Description-en"]) == "s\nl\n\nm"
