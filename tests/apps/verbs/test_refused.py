"""What can be answered is, and what cannot is named: by `predict`, its command and the server."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import cartograd as cg
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load
from cartograd.core.errors import UsageError
from tests.commands import command


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A model of pictures, and a folder with two good files and two bad ones."""
    folder = tmp_path_factory.mktemp("refused")
    for i in range(40):
        path = folder / "data" / ("dark", "light")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 200 * (i % 2) + i, np.uint8)).save(path)
    cg.train("mlp:widths=[8]", f"folder:{folder / 'data'}", folder=folder / "run", epochs=1)
    new = folder / "new" / "deeper"
    new.mkdir(parents=True)
    for name in ("a.png", "d.png"):
        Image.new("L", (8, 8), 9).save(new / name)
    (new / "b.png").write_text("no picture")
    (new / "c.png").write_bytes((new / "a.png").read_bytes()[:50])
    return folder / "run", new.parent


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    rows = [f"{i},{'yes' if i % 2 else 'no'}" for i in range(60)]
    (folder / "old.csv").write_text("\n".join(["x,late", *rows]))
    cg.train(
        "mlp:widths=[4]", f"csv:{folder / 'old.csv'},target=late", folder=folder / "run", epochs=1
    )
    (folder / "new.csv").write_text("x\n1\nmany\n3\n")
    return folder / "run", folder / "new.csv"


def test_good_pictures_are_answered_and_bad_ones_named(pictures):
    run, new = pictures
    with pytest.raises(UsageError, match=r"b.png is not a readable picture"):
        cg.predict(run, new)
    found = cg.predict(run, [new, new / "gone.png"], strict=False)
    assert [answer["source"][-5:] for answer in found] == ["a.png", "d.png"]
    assert found.refused[0] == f"there is no file or folder {new / 'gone.png'}"
    assert [line.partition(" ")[0][-8:] for line in found.refused[1:]] == ["er/b.png", "er/c.png"]
    assert list(found) == list(cg.predict(run, [new / "deeper/a.png", new / "deeper/d.png"]))
    with pytest.raises(UsageError, match=r"none of 2 inputs can be read: .*b.png.*c.png"):
        cg.predict(run, [new / "deeper/b.png", new / "deeper/c.png"], strict=False)


def test_the_command_says_so_and_exits_with_one(pictures, capsys, monkeypatch):
    run, new = pictures
    told = command(capsys, monkeypatch)
    done = told("predict", run, new, "--csv")
    assert done.code == 1
    assert len(done.out.splitlines()) == 3
    assert done.err.count("not answered: ") == 2
    assert told("predict", run, new / "deeper/b.png").code == 2
    assert told("predict", run, new / "deeper/a.png").code == 0


def test_rows_of_a_table_one_by_one(table, capsys, monkeypatch):
    run, new = table
    done = command(capsys, monkeypatch)("predict", run, new, "--csv")
    assert done.code == 1
    assert [line.partition(",")[0][-5:] for line in done.out.splitlines()[1:]] == ["row 1", "row 3"]
    assert "line 3: 'many' in the numeric column 'x'" in done.err
    whole = cg.predict(run, [{"x": 1}, {"x": 3}])
    labels = [line.split(",")[1] for line in done.out.splitlines()[1:]]
    assert labels == [answer["label"] for answer in whole]


def test_the_server_answers_the_others(table, pictures):
    client = TestClient(application(load(table[0])))
    done = client.post("/predict", json={"inputs": [{"x": 1}, {"x": "many"}, {"z": 1}, {"x": 3}]})
    assert done.status_code == 200
    found = done.json()["predictions"]
    assert ["label" in one for one in found] == [True, False, False, True]
    assert found[1]["error"].startswith("it: 'many' in the numeric column 'x'")
    assert "lacks 1 of the 1 columns" in found[2]["error"]
    alone = client.post("/predict", json={"inputs": [{"x": 3}]}).json()["predictions"]
    assert alone == found[3:]
    assert client.post("/predict", json={"inputs": [{"x": "many"}] * 2}).status_code == 422

    client = TestClient(application(load(pictures[0])))
    out = io.BytesIO()
    Image.new("L", (8, 8), 9).save(out, "PNG")
    good, bad = ({"base64": base64.b64encode(one).decode()} for one in (out.getvalue(), b"none"))
    found = client.post("/predict", json={"inputs": [bad, good]}).json()["predictions"]
    assert found[0]["error"].startswith("it is not a readable picture")
    assert "label" in found[1]
