"""What a model cannot know is answered and named: by `predict`, its command and the server."""

import pytest
from starlette.testclient import TestClient

import cartograd as cg
from cartograd.apps.load.source import examples_for
from cartograd.apps.report.cells import cells_of, shown
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load
from cartograd.core.errors import UsageError
from tests.commands import command


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unknown")
    towns = ("Rome", "Oslo", "Bern")
    rows = [f"{towns[i % 3]},{20 + i / 7:.2f},{'ABC'[i % 3]}" for i in range(120)]
    path = folder / "towns.csv"
    path.write_text("\n".join(["town,temp,label", *rows]), "utf-8")
    cg.train("mlp:widths=[8]", f"csv:{path},target=label", folder=folder / "run", epochs=2)
    new = folder / "new.csv"
    new.write_text("id,temp,town\n1,20,Rome\n2,20,Graz\n3,20,rome\n4,,\n", "utf-8")
    return folder / "run", new


def test_predict_answers_and_names_them(trained):
    run, new = trained
    answers = cg.predict(run, new)
    assert len(answers) == 4
    (line,) = answers.notes
    assert "'town' has 'Graz', 'rome' in 2 rows" in line
    assert cg.predict(run, {"town": "Rome", "temp": 20}).notes == ()
    (line,) = cg.predict(run, {"town": "Graz", "temp": None}).notes
    assert "'Graz'" in line


def test_the_command_names_them_beside_its_answers(trained, capsys, monkeypatch):
    run, new = trained
    done = command(capsys, monkeypatch)("predict", run, new, "--csv")
    assert done.code == 0
    assert len(done.out.splitlines()) == 5
    assert "'Graz', 'rome'" in done.err


def test_the_server_names_them(trained):
    run, _ = trained
    client = TestClient(application(load(run)))
    rows = [{"town": "Rome", "temp": 20}, {"town": "Graz", "temp": 20.5}]
    answer = client.post("/predict", json={"inputs": rows}).json()
    assert len(answer["predictions"]) == 2
    assert "'Graz'" in answer["notes"][0]
    assert "notes" not in client.post("/predict", json={"inputs": rows[:1]}).json()


def test_evaluate_on_other_rows_names_them_and_reports_show_them_as_they_stand(trained, tmp_path):
    run, _ = trained
    towns = ("Rome", "Graz", "", "Bern")
    rows = [f"{towns[i % 4]},{20 + i / 7:.2f},{'ABC'[i % 3]}" for i in range(60)]
    path = tmp_path / "later.csv"
    path.write_text("\n".join(["town,temp,label", *rows]), "utf-8")
    with pytest.warns(UserWarning, match="'town' has 'Graz' in 15 rows"):
        result = cg.evaluate(run, f"csv:{path},target=label", part="all")
    assert result.examples == 60
    data = cg.dataset(f"csv:{path},target=label")
    told = {shown(cell["town"]) for cell in cells_of(data.train)}
    assert told == {"Rome", "Graz", "Bern", "missing"}


def test_a_model_shows_what_it_does_not_know_as_it_stands(trained, tmp_path):
    run, _ = trained
    rows = [f"{('Rome', 'Graz', '')[i % 3]},{20 + i / 7:.2f},{'ABC'[i % 3]}" for i in range(60)]
    path = tmp_path / "later.csv"
    path.write_text("\n".join(["town,temp,label", *rows]), "utf-8")
    signature = cg.load(run).signature
    with pytest.warns(UserWarning, match="Graz"):
        part = examples_for(signature, f"csv:{path},target=label", "all")
    assert {cell["town"] for cell in cells_of(part)} == {"Rome", "Graz", None}


def test_files_in_the_encoding_of_the_training_are_read(tmp_path):
    rows = [("Köln,a", "Rome,b")[i % 2] for i in range(60)]
    old, new, plain = (tmp_path / name for name in ("old.csv", "new.csv", "plain.csv"))
    old.write_text("\n".join(["town,label", *rows]), "cp1252")
    data = f"csv:{old},target=label,encoding=cp1252"
    run = cg.train("mlp:widths=[4]", data, folder=tmp_path / "run", epochs=1)
    new.write_text("town\nKöln\n", "cp1252")
    plain.write_text("town\nKöln\n", "utf-8")
    for target in (run, run.folder, cg.load(run.folder)):
        (one,), (other,) = (cg.predict(target, path) for path in (new, plain))
        assert one["probability"] == other["probability"]
        assert not cg.predict(target, new).notes
    with pytest.raises(
        UsageError, match=r"new.csv is not UTF-8 text \(line \d+, byte \d+: [0-9a-f ]+\)"
    ):
        cg.predict(run.model, new)
