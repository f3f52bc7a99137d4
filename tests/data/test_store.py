"""The store: fetched once, checked always, and honest where a package cannot be had.

The clients are played by small programs on the PATH, which hand out a package made here.
"""

import re
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from cartograd.core.errors import UsageError
from cartograd.core.files import digest
from cartograd.data import fetch, store

CONTENT = b"a,b\n1,2\n"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder that is all of the PATH, and a function that puts a program there."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def program(name, body):
        path = folder / name
        path.write_text(f"#!{sys.executable}\nimport pathlib, shutil, sys, time\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", str(folder))
    return program


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A store with one entry, `toy`, in a cache of its own; returns the package's file."""
    archive = tmp_path / "toy_1.0_all.deb"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("usr/share/toy.csv", CONTENT)
    inside = tmp_path / "inside"
    inside.write_bytes(CONTENT)
    entry = {
        "title": "A toy", "zh": "玩具", "manager": "apt", "package": "toy", "version": "1.0",
        "sha256": digest(archive), "size": archive.stat().st_size, "licence": "MIT",
        "source": "https://example.org", "otherwise": "or use your own",
        "files": {"toy.csv": {"path": "usr/share/toy.csv", "sha256": digest(inside)}},
    }  # fmt: skip
    monkeypatch.setattr(store, "_entries", lambda: {"toy": entry})
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))
    return archive


@pytest.fixture
def debian(programs, shelf, tmp_path):
    """An apt-get that knows `toy` after an update, and a dpkg-deb that unpacks zip files."""
    log = tmp_path / "log"
    programs(
        "apt-get",
        f"open({str(log)!r}, 'a').write(sys.argv[-1] + '\\n')\n"
        f"known = pathlib.Path({str(tmp_path / 'updated')!r})\n"
        "if sys.argv[-1] == 'update':\n    known.touch()\n"
        "elif not known.exists():\n    sys.exit('E: Unable to locate package toy')\n"
        f"else:\n    time.sleep(0.2); shutil.copy({str(shelf)!r}, '.')",
    )
    programs("dpkg-deb", "shutil.unpack_archive(sys.argv[2], sys.argv[3], 'zip')")
    return log


@pytest.fixture
def lists(monkeypatch, tmp_path):
    """Let the lists of packages be renewed."""
    monkeypatch.setattr(fetch, "LISTS", str(tmp_path))


@pytest.fixture
def no_lists(monkeypatch, tmp_path):
    """Let nobody renew the lists of packages."""
    monkeypatch.setattr(fetch, "LISTS", str(tmp_path / "none"))


def test_fetched_once_and_found_again(debian, lists):
    assert store.show("toy").path is None
    item = store.get("toy")
    assert (item.path / "toy.csv").read_bytes() == CONTENT
    assert debian.read_text().split() == ["toy=1.0", "update", "toy=1.0"]
    assert store.get("toy") == item
    assert store.where("toy") == item.path
    assert store.show("toy") == item
    assert [item.name for item in store.available()] == ["toy"]
    assert len(debian.read_text().split()) == 3
    assert [path.name for path in item.path.parent.iterdir() if path.name[0] != "."] == [
        item.path.name
    ]


def test_where_lists_may_not_be_renewed(debian, no_lists):
    item = store.get("toy")
    assert item.path is None
    assert item.reason == ("apt-get failed: E: Unable to locate package toy; or use your own")


def test_without_the_client(programs, shelf):
    item = store.get("toy")
    assert item.path is None
    assert item.reason == "apt-get is not on this machine; or use your own"
    with pytest.raises(UsageError, match="toy has not been fetched: cartograd data get toy, or"):
        store.where("toy")


def test_another_package_than_the_pinned_one_is_refused(debian, lists, shelf):
    with zipfile.ZipFile(shelf, "a") as file:
        file.writestr("more", b"")
    item = store.get("toy")
    assert item.path is None
    assert "is not the file expected (its sha256 differs)" in item.reason
    assert not list(store.cache_folder().rglob("*.csv"))


def test_other_content_is_refused(debian, lists):
    store._entries()["toy"]["files"]["toy.csv"]["sha256"] = "0" * 64
    assert "toy.csv is not the file expected" in store.get("toy").reason
    store._entries()["toy"]["files"]["toy.csv"]["path"] = "usr/share/other.csv"
    assert store.get("toy").reason.startswith("toy does not hold usr/share/other.csv")


def test_a_changed_file_is_noticed_and_fetched_again(debian, lists):
    path = store.get("toy").path
    (path / "toy.csv").write_bytes(b"changed")
    with pytest.raises(UsageError, match=r"toy.csv is missing or was changed; fetch it again"):
        store.where("toy")
    assert store.get("toy").path == path
    assert (path / "toy.csv").read_bytes() == CONTENT


def test_at_the_same_time_it_is_fetched_once(debian, lists):
    items = []
    threads = [threading.Thread(target=lambda: items.append(store.get("toy"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({item.path for item in items}) == 1
    assert len(items) == 4
    assert debian.read_text().split() == ["toy=1.0", "update", "toy=1.0"]


def test_a_cache_that_cannot_be_written(debian, lists, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot write"):
        store.get("toy")


def test_a_client_that_hangs(programs, shelf, monkeypatch, no_lists):
    monkeypatch.setattr(fetch, "SECONDS", 0.5)
    programs("apt-get", "time.sleep(30)")
    assert store.get("toy").reason.startswith("apt-get took more than 0.5 s")


def test_wheels_come_by_pip(tmp_path, monkeypatch):
    wheel = tmp_path / "shop" / "toy-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("toy/toy.csv", CONTENT)
        file.writestr(
            "toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n"
        )
        file.writestr("toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("toy-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    work = tmp_path / "work"
    work.mkdir()
    archive = fetch.download("pip", "toy", "1.0", work)
    fetch.unpack(archive, work / "out")
    assert (work / "out" / "toy" / "toy.csv").read_bytes() == CONTENT
    with pytest.raises(fetch.UnavailableError, match="failed: ERROR: "):
        fetch.download("pip", "toy", "2.0", tmp_path / "shop")


def test_a_damaged_wheel(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"no zip")
    with pytest.raises(fetch.UnavailableError, match=r"a.whl is damaged"):
        fetch.unpack(tmp_path / "a.whl", tmp_path / "out")


def test_a_missing_reader_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdata", None)
    (tmp_path / "Rdata.rdx").write_bytes(b"x\x9c\x03\x00\x00\x00\x00\x01")
    with pytest.raises(fetch.UnavailableError, match=r"pip install 'cartograd\[tables\]'"):
        fetch.extract(tmp_path / "Rdata.rdb", "toy")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".cache/cartograd"),
        ("linux", {"XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere/cartograd"),
        ("darwin", {}, "Library/Caches/cartograd"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/cartograd"),
        ("linux", {"CARTOGRAD_CACHE": "/mine"}, "/mine"),
    ],
)
def test_where_the_cache_is(monkeypatch, platform, variables, expected):
    for name in ("CARTOGRAD_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert store.cache_folder() == Path.home() / expected


def test_unknown_names_show_the_nearest():
    with pytest.raises(UsageError, match="unknown data set 'fashion'; did you mean"):
        store.get("fashion")


def test_every_entry_is_complete():
    for item in store.available():
        assert item.licence
        assert item.source.startswith("https://")
        assert item.size > 0
        assert re.search(r"[一-鿿]", item.zh)
        entry = store._entries()[item.name]
        pins = [entry["sha256"], *(part["sha256"] for part in entry["files"].values())]
        assert all(re.fullmatch("[0-9a-f]{64}", pin) for pin in pins)


def test_what_was_fetched_is_whole():
    """On a machine that has fetched them: the real files are what they were pinned to be."""
    there = [item for item in store.available() if item.path is not None]
    if not there:
        pytest.skip("nothing has been fetched (cartograd data get NAME)")
    for item in there:
        assert store.where(item.name) == item.path


def test_lending_club_has_the_known_shape():
    from cartograd.data.table import read_table

    try:
        path = store.where("lending-club") / "lending_club.csv"
    except UsageError as error:
        pytest.skip(f"lending-club is not there: {error}")
    table = read_table(path)
    assert len(table) == 9857
    assert len(table.header) == 23
    assert table.column("Class").count("bad") == 517


def test_real_clients_agree(tmp_path):
    """dpkg-deb itself, where it is: a package made and unpacked."""
    try:
        made = tmp_path / "pkg"
        (made / "DEBIAN").mkdir(parents=True)
        (made / "DEBIAN" / "control").write_text(
            "Package: toy\nVersion: 1.0\nArchitecture: all\nMaintainer: T <t@example.org>\n"
            "Description: toy\n"
        )
        (made / "toy.csv").write_bytes(CONTENT)
        subprocess.run(
            ["dpkg-deb", "-b", str(made), str(tmp_path / "toy.deb")],
            check=True, capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("dpkg-deb is not on this machine")
    fetch.unpack(tmp_path / "toy.deb", tmp_path / "out")
    assert (tmp_path / "out" / "toy.csv").read_bytes() == CONTENT
