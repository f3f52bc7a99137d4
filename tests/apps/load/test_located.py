"""A path in place of a source: taken for what it holds, and said; or a line that helps."""

import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.load.located import located
from cartograd.core.errors import UsageError
from tests.commands import command


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "churn.csv"
    rows = [f"{i / 7:.2f},{'AB'[i % 2]},{('no', 'yes')[i % 3 > 0]}" for i in range(60)]
    path.write_text("\n".join(["age,town,churn", *rows]), "utf-8")
    return path


@pytest.fixture
def photos(tmp_path):
    for label in ("cat", "dog"):
        folder = tmp_path / "photos" / label
        folder.mkdir(parents=True)
        for number in range(10):
            shade = Image.new("L", (8, 8), 20 * number + (label == "dog"))
            shade.save(folder / f"{number}.png")
    return tmp_path / "photos"


def test_a_table_with_its_target(table):
    assert located(f"{table},target=churn").name == "csv"
    data = cg.dataset(f"{table},target=churn,ignore=town")
    assert [column.name for column in data.signature.input.columns] == ["age"]
    assert data.decided[0] == f"{table} is taken as csv: a table of 60 rows"


def test_a_table_without_target_is_told_its_columns(table):
    with pytest.raises(UsageError, match=r"say which .*\(age, town, churn\): .*--target churn"):
        cg.dataset(str(table))
    assert not any("by its name" in line for line in cg.data_check(str(table)).decided)


def test_a_folder_of_pictures(photos):
    data = cg.dataset(str(photos))
    assert data.signature.output.labels == ("cat", "dog")
    assert str(located(f"{photos},size=4")) == f"folder:{photos},size=4"


def test_the_name_of_a_source_comes_first(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert located("digits").subject is None
    with pytest.raises(
        UsageError, match=r"holds neither pictures, sounds nor texts \(it is empty\)"
    ):
        located("./digits")


def test_a_home_folder_and_other_files(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert located("~/photos").subject == str(photos)
    (tmp_path / "verse.txt").write_text("words\n" * 100)
    assert located(str(tmp_path / "verse.txt")).name == "text"
    as_table = located(f"{tmp_path / 'verse.txt'},target=words")
    assert (as_table.name, as_table.args) == ("csv", {"target": "words"})
    (tmp_path / "model.bin").write_bytes(b"\0")
    with pytest.raises(UsageError, match=r"ends in .bin; expected a folder, or .*\.csv"):
        located(str(tmp_path / "model.bin"))
    with pytest.raises(UsageError, match=r"there is no file or folder .*nowhere\.csv"):
        located(str(tmp_path / "nowhere.csv"))


def test_train_and_evaluate_take_paths_and_the_run_names_the_source(
    table, tmp_path, capsys, monkeypatch
):
    run = tmp_path / "run"
    line = command(capsys, monkeypatch)
    words = ("train", "mlp:widths=[4]", "--data", table, "--target", "churn", "--epochs", 1)
    done = line(*words, "--folder", run)
    assert done.code == 0, done.err
    assert f"{table} is taken as csv" in done.err
    assert f'data = "csv:{table},target=churn"' in (run / "config.toml").read_text()
    done = line("evaluate", run, "--data", f"{table},target=churn", "--json")
    assert done.code in (0, 1), done.err
    done = line(*words, "--target", "age", "--folder", tmp_path / "other")
    assert done.code == 2
    done = line("train", "mlp", "--data", table, "--folder", tmp_path / "other")
    assert done.code == 2
    assert "say which of its columns" in done.err
    assert not (tmp_path / "other").exists()


def test_numbers_are_the_same_as_by_the_sources_name(table):
    by_path = cg.dataset(f"{table},target=churn")
    by_name = cg.dataset(f"csv:{table},target=churn")
    assert torch.equal(by_path.train.inputs, by_name.train.inputs)


def test_a_folder_of_texts_and_a_mistyped_path(tmp_path):
    (tmp_path / "verse.txt").write_text("a b c " * 50)
    assert located(str(tmp_path)).name == "text"
    for name in ("pos", "neg"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("a b c")
    assert located(str(tmp_path)).name == "text-folder"
    assert located(f"{tmp_path},context=9").args == {"context": 9}
    (tmp_path / "reviews.jsonl").touch()
    with pytest.raises(UsageError, match=r"did you mean '.*reviews\.jsonl'\?"):
        located(f"{tmp_path}/revews.jsonl,target=label")
    with pytest.raises(UsageError, match="the data's path is empty"):
        located(" ")


def test_a_path_object_is_data_wherever_its_text_is(table, photos, tmp_path):
    odd = table.rename(tmp_path / "a, b=c.csv")
    with pytest.raises(UsageError, match=r"is a table; say which .*\(age, town, churn\)"):
        cg.dataset(odd)
    data = cg.dataset(odd, target="churn")
    assert data.signature.output.labels == ("no", "yes")
    assert data.decided[0] == f"{odd} is taken as csv: a table of 60 rows"
    with pytest.raises(UsageError, match=r"there is no file .*photo; did you mean .*photos"):
        cg.dataset(tmp_path / "photo")
    run = cg.train("mlp:widths=[2]", photos, epochs=1, folder=tmp_path / "run")
    assert cg.look(tmp_path / "run").settings["data"] == f"folder:{photos}"
    assert cg.evaluate(run, photos).seen.data == str(photos)
    assert cg.evaluate(run, str(photos)).metrics == cg.evaluate(run, photos).metrics


@pytest.mark.parametrize("word", ["nothing.here", "some/where", "a b.c"])
def test_a_word_that_no_source_can_be_called_is_a_path_that_is_not_there(word):
    with pytest.raises(UsageError, match=f"there is no file or folder {word}"):
        located(word)


def test_settings_of_a_path_follow_a_comma(photos):
    with pytest.raises(UsageError, match=rf"follow a comma: {photos},size=16"):
        located(f"{photos}:size=16")
