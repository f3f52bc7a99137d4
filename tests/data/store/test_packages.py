"""The store: fetched once, checked always, and honest where a package cannot be had.

The clients are played by small programs on the PATH, which hand out a package made here.
"""

import contextlib
import hashlib
import io
import re
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from cartograd.core.errors import UsageError
from cartograd.core.files import digest
from cartograd.data.store import client, fetch, packages

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
    monkeypatch.setattr(packages, "_entries", lambda: {"toy": entry})
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
    assert packages.show("toy").path is None
    item = packages.get("toy")
    assert (item.path / "toy.csv").read_bytes() == CONTENT
    assert debian.read_text().split() == ["toy=1.0", "update", "toy=1.0"]
    assert packages.get("toy") == item
    assert packages.where("toy") == item.path
    assert packages.show("toy") == item
    assert [item.name for item in packages.available()] == ["toy"]
    assert len(debian.read_text().split()) == 3
    assert [path.name for path in item.path.parent.iterdir() if path.name[0] != "."] == [
        item.path.name
    ]


def test_where_lists_may_not_be_renewed(debian, no_lists):
    item = packages.get("toy")
    assert item.path is None
    assert item.reason == ("apt-get failed: E: Unable to locate package toy; or use your own")


def test_a_whole_folder_is_kept_and_checked(debian, lists, shelf):
    with zipfile.ZipFile(shelf, "a") as file:
        file.writestr("opt/sounds/a.wav", b"a")
        file.writestr("opt/sounds/digits/1.wav", b"one")
    listing = shelf.with_name("listing")
    listing.write_text(
        f"{hashlib.sha256(b'a').hexdigest()}  a.wav\n"
        f"{hashlib.sha256(b'one').hexdigest()}  digits/1.wav\n"
    )
    entry = packages._entries()["toy"]
    entry["sha256"] = digest(shelf)
    entry["files"]["sounds"] = {"path": "opt/sounds", "sha256": digest(listing)}
    path = packages.get("toy").path
    assert (path / "sounds" / "digits" / "1.wav").read_bytes() == b"one"
    assert packages.where("toy") == path
    (path / "sounds" / "more.wav").write_bytes(b"added")
    with pytest.raises(UsageError, match="sounds is missing or was changed"):
        packages.where("toy")


def test_without_the_client(programs, shelf):
    item = packages.get("toy")
    assert item.path is None
    assert item.reason == "apt-get is not on this machine; or use your own"
    with pytest.raises(UsageError, match="toy has not been fetched: cartograd data get toy, or"):
        packages.where("toy")


def test_another_package_than_the_pinned_one_is_refused(debian, lists, shelf):
    with zipfile.ZipFile(shelf, "a") as file:
        file.writestr("more", b"")
    item = packages.get("toy")
    assert item.path is None
    assert "is not the file expected (its sha256 differs)" in item.reason
    assert not list(packages.cache_folder().rglob("*.csv"))


def test_other_content_is_refused(debian, lists):
    packages._entries()["toy"]["files"]["toy.csv"]["sha256"] = "0" * 64
    assert "toy.csv is not the file expected" in packages.get("toy").reason
    packages._entries()["toy"]["files"]["toy.csv"]["path"] = "usr/share/other.csv"
    assert packages.get("toy").reason.startswith("toy does not hold usr/share/other.csv")


def test_a_changed_file_is_noticed_and_fetched_again(debian, lists):
    path = packages.get("toy").path
    (path / "toy.csv").write_bytes(b"changed")
    with pytest.raises(UsageError, match=r"toy.csv is missing or was changed; fetch it again"):
        packages.where("toy")
    assert packages.get("toy").path == path
    assert (path / "toy.csv").read_bytes() == CONTENT


def test_at_the_same_time_it_is_fetched_once(debian, lists):
    items = []
    threads = [threading.Thread(target=lambda: items.append(packages.get("toy"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({item.path for item in items}) == 1
    assert len(items) == 4
    assert debian.read_text().split() == ["toy=1.0", "update", "toy=1.0"]
    assert not list(items[0].path.parent.glob(".*"))


def test_what_is_interrupted_leaves_no_lock(programs, shelf, monkeypatch, tmp_path):
    def stopped(*_):
        assert list((tmp_path / "cache/data").glob(".toy-*.lock"))
        raise KeyboardInterrupt

    monkeypatch.setattr(packages, "_fill", stopped)
    with pytest.raises(KeyboardInterrupt):
        packages.get("toy")
    assert not list((tmp_path / "cache/data").iterdir())


def test_a_cache_that_cannot_be_written(debian, lists, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot write"):
        packages.get("toy")


def test_a_client_that_hangs(programs, shelf, monkeypatch, no_lists):
    monkeypatch.setattr(client, "SECONDS", 0.5)
    programs("apt-get", "time.sleep(30)")
    assert packages.get("toy").reason.startswith("apt-get took more than 0.5 s")


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
    with pytest.raises(client.UnavailableError, match="failed: ERROR: "):
        fetch.download("pip", "toy", "2.0", tmp_path / "shop")


def test_pip_refuses_a_file_that_is_not_the_pinned_one(tmp_path, monkeypatch):
    """A source archive's setup.py is the archive's own code: it must not run before the check."""
    shop, work = tmp_path / "shop", tmp_path / "work"
    shop.mkdir()
    work.mkdir()
    trap = tmp_path / "trap"
    packed(shop / "toy-1.0.tar.gz", {"toy-1.0/setup.py": f"open({str(trap)!r}, 'w')".encode()})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop))
    with pytest.raises(client.UnavailableError, match=r"failed: ERROR: "):
        fetch.download("pip", "toy", "1.0", work, sha256="0" * 64)
    assert not trap.exists()


def packed(path, files, **links):
    """A tar file of such content, and of symbolic links."""
    with tarfile.open(path, "w:gz") as file:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            file.addfile(entry)
    return path


def test_npm_packages(programs, shelf, tmp_path):
    archive = packed(tmp_path / "toy-1.0.tgz", {f"package/c{i}": b"%d" % i for i in (2, 1)})
    joined = b"\fc1\n1\n\fc2\n2\n"
    (tmp_path / "joined").write_bytes(joined)
    pin = {"manager": "npm", "sha256": digest(archive)}
    files = {"all.txt": {"path": "package/c*", "named": True}}
    files["all.txt"]["sha256"] = digest(tmp_path / "joined")
    packages._entries()["toy"] |= pin | {"files": files}
    programs("npm", f"assert sys.argv[-1] == 'toy@1.0'; shutil.copy({str(archive)!r}, '.')")
    assert (packages.get("toy").path / "all.txt").read_bytes() == joined
    programs("npm", "sys.exit('npm error code E404\\nnpm error a log of this run is kept')")
    with pytest.raises(client.UnavailableError, match="npm failed: npm error code E404"):
        fetch.download("npm", "toy", "1.0", tmp_path)


def test_several_packages_and_a_file_in_parts(debian, lists, shelf, tmp_path):
    """One set may come in several packages, and one of its files in pieces."""
    second = packed(tmp_path / "tail-2.tgz", {"part2": b"3,4\n"})
    (tmp_path / "whole").write_bytes(CONTENT + b"3,4\n")
    entry = packages._entries()["toy"]
    entry["more"] = [
        {"manager": "npm", "package": "tail", "version": "2", "sha256": digest(second), "size": 9}
    ]
    npm = tmp_path / "bin" / "npm"
    npm.write_text(f"#!{sys.executable}\nimport shutil; shutil.copy({str(second)!r}, '.')\n")
    npm.chmod(0o755)
    entry["files"]["toy.csv"] = {
        "path": ["usr/share/toy.csv", "part2"], "sha256": digest(tmp_path / "whole")
    }  # fmt: skip
    item = packages.get("toy")
    assert (item.path / "toy.csv").read_bytes() == CONTENT + b"3,4\n"
    assert item.package == "apt toy 1.0, npm tail 2"
    assert item.size == shelf.stat().st_size + 9
    entry["more"][0]["sha256"] = "0" * 64
    assert packages.show("toy").path is None, "another pin of any part is another folder"
    assert "tail-2.tgz is not the file expected" in packages.get("toy").reason


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside"])
def test_nothing_is_unpacked_outside(tmp_path, name):
    """A name that leads out is refused, or (as a leading slash) taken as one within."""
    home = tmp_path / "home"
    home.mkdir()
    name = f"{tmp_path}/outside" if name[0] == "/" else name
    for archive in (packed(home / "a.tgz", {name: b"x"}), home / "b.whl"):
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive, "w") as file:
                file.writestr(name, b"x")
        with contextlib.suppress(client.UnavailableError):
            fetch.unpack(archive, home / "o/p")
    found = {path.relative_to(tmp_path).parts[:3] for path in tmp_path.rglob("outside")}
    assert found <= {("home", "o", "p")}


def test_a_link_that_leads_outside_is_refused(tmp_path):
    archive = packed(tmp_path / "a.tar.gz", {}, door="../..")
    with pytest.raises(client.UnavailableError, match=r"a.tar.gz is damaged"):
        fetch.unpack(archive, tmp_path / "o")


@pytest.mark.parametrize("name", ["a.whl", "a.tgz"])
def test_a_damaged_archive(tmp_path, name):
    (tmp_path / name).write_bytes(b"no zip")
    with pytest.raises(client.UnavailableError, match=rf"{name} is damaged"):
        fetch.unpack(tmp_path / name, tmp_path / "out")
    packed(tmp_path / "b.tgz", {"x": bytes(range(256)) * 99})
    (tmp_path / "b.tgz").write_bytes((tmp_path / "b.tgz").read_bytes()[:200])
    with pytest.raises(client.UnavailableError, match=r"b.tgz is damaged"):
        fetch.unpack(tmp_path / "b.tgz", tmp_path / "out")


def test_a_missing_reader_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdata", None)
    (tmp_path / "Rdata.rdx").write_bytes(b"x\x9c\x03\x00\x00\x00\x00\x01")
    with pytest.raises(client.UnavailableError, match=r"pip install 'cartograd\[tables\]'"):
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
    assert packages.cache_folder() == Path.home() / expected


def test_unknown_names_show_the_nearest():
    with pytest.raises(UsageError, match="unknown data set 'fashion'; did you mean"):
        packages.get("fashion")


def test_every_entry_is_complete():
    for item in packages.available():
        assert item.licence
        assert item.source.startswith("https://")
        assert item.size > 0
        assert re.search(r"[一-鿿]", item.zh)
        entry = packages._entries()[item.name]
        pins = [entry["sha256"], *(part["sha256"] for part in entry["files"].values())]
        assert all(re.fullmatch("[0-9a-f]{64}", pin) for pin in pins)


def test_what_was_fetched_is_whole():
    """On a machine that has fetched them: the real files are what they were pinned to be."""
    there = [item for item in packages.available() if item.path is not None]
    if not there:
        pytest.skip("nothing has been fetched (cartograd data get NAME)")
    for item in there:
        assert packages.where(item.name) == item.path


def test_lending_club_has_the_known_shape():
    from cartograd.data.decode.table_files import read_table

    try:
        path = packages.where("lending-club") / "lending_club.csv"
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
