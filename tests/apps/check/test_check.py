"""What is the matter with data is named before they are learned from: each planted fault."""

import json

import numpy as np
import pytest
import soundfile
from PIL import Image

import cartograd as cg
from cartograd.apps.check import kept
from cartograd.core.errors import UsageError
from tests.commands import command


def found(card):
    """The findings by what they are."""
    return {one.what: one for one in card.findings}


def churn(path, rng):
    """A table with a fault of every kind."""
    rows = ["customer_id,age,city,income,since,refund,same,gone,split,churn"]
    for i in range(300):
        part = "train" if i < 200 else "test"
        left = rng.random() < 0.5
        income = 9999 if i % 17 == 0 else 1000 + i * 13 % 4000
        since = "1900-01-01" if i % 19 == 0 else f"20{10 + i % 12}-{1 + i % 12:02}-{1 + i % 27:02}"
        rows.append(
            f"{1000 + i},{20 + i % 40 + (25 if part == 'test' else 0)},"
            f"{'Lima' if part == 'test' and i % 3 else ('Rome', 'Oslo')[i % 2]},{income},{since},"
            f"{'yes' if left else 'no'},x,{'' if i % 3 else i * 7 % 11},{part},{int(left)}"
        )
    rows.append(rows[5].replace(",train,", ",test,"))
    path.write_text("\n".join(rows), "utf-8")
    return path


def grating(rng, across):
    """A noisy picture of stripes."""
    at = np.arange(48) / 48
    wave = 0.5 + 0.4 * np.sin(rng.uniform(9, 18) * at + rng.uniform(0, 6))
    x = np.tile(wave, (48, 1)) if across else np.tile(wave[:, None], (1, 48))
    x = x + 0.08 * rng.standard_normal((48, 48)) + 0.2 * rng.uniform(-1, 1)
    return Image.fromarray((255 * x.clip(0, 1)).astype(np.uint8))


def photos(root, rng, count=30):
    """Stripes in two classes, parted by hand."""
    for part, share in (("train", count), ("test", count // 2)):
        for label in ("across", "down"):
            (root / part / label).mkdir(parents=True)
            for number in range(share):
                grating(rng, label == "across").save(root / part / label / f"{number:02}.png")
    return root


@pytest.mark.place("data/prepare")
def test_every_fault_of_a_table_is_named_with_what_mends_it(tmp_path):
    path = churn(tmp_path / "churn.csv", np.random.default_rng(0))
    card = cg.data_check(path, target="churn")
    what = found(card)
    assert card.code() == 0
    assert card.code(strict=True) == 1
    assert card.kind == "rows of a table of 2 classes"
    assert sum(card.parts.values()) == 301
    assert card.parts["test"] == 101
    lines = "\n".join(one.line for one in card.findings)
    for said in (
        "'customer_id' is another whole number in each row",
        "'income' is 9999 in 18 of 301 rows",
        "missing=9999",
        "'since' is 1900-01-01 in 16 of 301 rows",
        "'gone' is missing in 201 of 301 rows",
        "'refund' alone takes away 100.0 %",
        "ignore=[refund]",
        "age differs between training and test",
        "'city' has 1 categories in",
        "1 column: the same in every training row (such as same)",
    ):
        assert said in lines, (said, lines)
    assert what["copies in two parts"].examples == ("line 6 (train) = line 302 (test)",)
    leak = what["leak"]
    assert leak.figure == 1.0
    assert abs(leak.control) < 0.3
    assert any("customer_id" in line for line in card.decided)


def test_a_table_without_target_is_looked_at_by_its_last_column(tmp_path):
    path = churn(tmp_path / "churn.csv", np.random.default_rng(0))
    card = cg.data_check(str(path))
    assert card.code() == 2
    assert found(card)["no target"].mend == "--target churn"
    path.write_text(path.read_text().replace(",0\n", ",\n", 3))
    card = cg.data_check(f"{path},target=churn")
    assert found(card)["cannot be read"].mend == "drop_missing=true"
    assert sum(card.parts.values()) == 298


@pytest.mark.place("data/prepare")
def test_every_fault_of_a_folder_of_pictures_is_named(tmp_path):
    rng = np.random.default_rng(1)
    root = photos(tmp_path / "photos", rng)
    first = Image.open(root / "train/across/00.png")
    first.resize((60, 60)).save(root / "test/across/smaller.jpg", quality=70)
    Image.open(root / "train/down/01.png").save(root / "train/down/again.png")
    Image.open(root / "train/down/02.png").save(root / "train/across/other.png")
    Image.new("L", (48, 48), 30).save(root / "train/down/blank.png")
    (root / "train/down/broken.png").write_bytes((root / "train/down/03.png").read_bytes()[:300])
    (root / "train/across/none.jpg").write_text("no picture")
    card = cg.data_check(str(root))
    what = found(card)
    assert card.code() == 2
    assert set(what["broken files"].examples) == {"train/down/broken.png", "train/across/none.jpg"}
    assert "broken=leave-out" in what["broken files"].mend
    assert what["blank pictures"].examples == ("train/down/blank.png",)
    copied = {
        name for one in card.findings if one.what.startswith("copies") for name in one.examples
    }
    assert any("again.png" in name for name in copied)
    [twins] = what["copies with other answers"].examples
    assert twins.replace(" (valid)", "") == "train/across/other.png = train/down/02.png"
    assert any("smaller.jpg" in name for name in what["near copies in two parts"].examples)
    assert any("train/across/other.png" in name for name in what["labels in doubt"].examples)
    assert card.classes["down"]["test"] == 15
    page = card.draw(tmp_path / "card.html").read_text()
    assert "data:image/png;base64" in page
    assert "broken=leave-out" in page
    with pytest.raises(UsageError, match="2 pictures"):
        cg.dataset(f"folder:{root},size=48")
    data = cg.dataset(f"folder:{root},size=48,broken=leave-out")
    assert "left out, 2 files that cannot be read" in data.decided[1]


def test_clean_data_have_no_warning(tmp_path):
    card = cg.data_check(str(photos(tmp_path / "photos", np.random.default_rng(2), count=60)))
    assert [one.line for one in card.findings if one.severity != "note"] == []
    assert card.verdict.startswith("fit for training: 0 to look at")
    rng = np.random.default_rng(3)
    rows = [f"{rng.normal():.3f},{rng.normal():.3f},{('no', 'yes')[i % 2]}" for i in range(200)]
    path = tmp_path / "noise.csv"
    path.write_text("\n".join(["a,b,label", *rows]))
    card = cg.data_check(str(path))
    assert card.findings == ()
    assert "labels in doubt" in card.skipped  # nothing can be learned, so nothing is doubted


def test_sounds_and_texts(tmp_path):
    rng = np.random.default_rng(4)
    for label, pitch in (("low", 0.1), ("high", 0.5)):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for number in range(14):
            wave = 0.3 * np.sin(pitch * rng.uniform(0.8, 1.2) * np.arange(4000))
            wave *= np.exp(-np.arange(4000) / rng.uniform(300, 3000))
            soundfile.write(tmp_path / "sounds" / label / f"{number}.wav", wave, 8000)
    home = tmp_path / "sounds" / "low"
    soundfile.write(home / "still.wav", np.zeros(4000), 8000)
    (home / "half.wav").write_bytes((home / "1.wav").read_bytes()[:900])
    what = found(cg.data_check(str(tmp_path / "sounds")))
    assert what["broken files"].examples == ("low/half.wav",)
    assert what["silence"].examples == ("low/still.wav",)
    words = ["".join(rng.choice(list("abcdefghijklmnop"), 6)) for _ in range(200)]
    rows = [
        f"{said},{' '.join(rng.choice(words, 14))} {'fine' if said == 'pos' else 'poor'}"
        for said in ("neg", "pos") * 60
    ]
    rows[7] = rows[8].replace("neg,", "pos,").replace("poor", "poor!")
    rows[10] = "neg,the cafÃ© was bad and poor"
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["label,text", *rows]), "utf-8")
    what = found(cg.data_check(str(path)))
    assert what["garbled texts"].examples == ("line 12",)
    [pair] = what["near copies with other answers"].examples
    assert "line 9" in pair
    assert "line 10" in pair


def test_pairs_of_texts_and_equal_rows_with_other_values(tmp_path):
    lines = [f"number {i} of many\tel número {i} {'de muchos ' * (i % 7)}" for i in range(80)]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines), "utf-8")
    card = cg.data_check(str(tmp_path / "pairs.tsv"))
    assert card.source == "pairs"
    assert card.code() == 0
    rows = [f"{i % 20},{i * 7 % 13},{i * 17 % 101 / 7:.3f}" for i in range(300)]
    (tmp_path / "noisy.csv").write_text("\n".join(["a,b,target", *rows]))
    what = found(cg.data_check(str(tmp_path / "noisy.csv")))
    assert not [name for name in what if name.startswith("copies")]  # noise makes no copies


def test_classes_that_are_rare_or_missing(tmp_path):
    rows = [f"{i * 7 % 101},{'fraud' if i % 40 == 0 else 'fine'}" for i in range(400)]
    path = tmp_path / "fraud.csv"
    path.write_text("\n".join(["x,label", *rows]))
    what = found(cg.data_check(str(path)))
    assert what["unequal classes"].mend == "--set class_weights=balanced"
    assert what["small classes"].examples[0].startswith("fraud")


def test_the_command_prints_writes_and_refuses(tmp_path, capsys, monkeypatch):
    line = command(capsys, monkeypatch)
    path = churn(tmp_path / "churn.csv", np.random.default_rng(0))
    done = line("data", "check", path, "--target", "churn", "--out", tmp_path / "card.html")
    assert done.code == 0, done.err
    assert "missing=1900-01-01" in done.out
    assert "columns of numbers:" in done.err
    assert (tmp_path / "card.html").is_file()
    done = line("data", "check", path, "--target", "churn", "--strict", "--json")
    assert done.code == 1
    assert done.json["findings"][0]["severity"] == "warn"
    assert line("data", "check", path, "--json").code == 2
    assert "ends in .html" in line("data", "check", path, "--out", tmp_path / "a.png").err
    done = line("data", "check", tmp_path / "nothing")
    assert (done.code, done.out) == (2, "")
    assert line("data", "check", path, "--target", "churn", "--seconds", 0).code == 2


def test_what_the_time_does_not_reach_is_named(tmp_path):
    path = churn(tmp_path / "churn.csv", np.random.default_rng(0))
    card = cg.data_check(path, target="churn", seconds=1e-9)
    assert card.skipped["leaks"] == "the time was over (1e-09 s)"
    assert "copies in two parts" not in found(card)


@pytest.mark.place("data/prepare")
def test_a_training_keeps_the_card_and_says_what_misleads_it(tmp_path, capsys, monkeypatch):
    path = churn(tmp_path / "churn.csv", np.random.default_rng(0))
    line, run = command(capsys, monkeypatch), tmp_path / "run"
    done = line("train", "--data", path, "--target", "churn", "--epochs", 1, "--folder", run)
    assert done.code == 0, done.err
    assert "csv: spike: 'income' is 9999" in done.err
    assert "more to look at" in done.err
    card = json.loads((run / "data.json").read_text())
    assert {one["what"] for one in card["findings"]} >= {"leak", "an id", "spike"}
    assert card["skipped"]["labels in doubt"].startswith("not in the fast part")
    assert 'href="data.html"' in (run / "report.html").read_text()
    assert "such as 1" not in (run / "data.html").read_text()


def test_a_check_that_fails_is_no_reason_to_lose_a_training(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(kept, "quick", broken)
    path = churn(tmp_path / "churn.csv", np.random.default_rng(0))
    with pytest.warns(UserWarning, match=r"not checked before training: RuntimeError: out of luck"):
        run = cg.train("mlp:widths=[4]", f"{path},target=churn", folder=tmp_path / "run", epochs=1)
    assert run.stopped is None or run.history
    assert not (tmp_path / "run/data.html").exists()


@pytest.mark.parametrize("name", ["moons", "breast-cancer", "copying"])
def test_built_in_sources_have_cards(name):
    card = cg.data_check(name)
    assert card.code() == 0
    assert sum(card.parts.values()) >= card.looked > 0
    assert not [one for one in card.findings if one.what.startswith(("leak", "drift", "spike"))]
    json.dumps(card.to_json())


@pytest.mark.place("data/prepare")
def test_no_copy_of_a_row_that_is_trained_on_is_held_back(tmp_path):
    rng = np.random.default_rng(5)
    rows = [f"{rng.normal():.4f},{('no', 'yes')[i % 2]}" for i in range(100)]
    rows += [rows[i] for i in range(40)] + ["0.5,", "0.7,"]
    path = tmp_path / "twice.csv"
    path.write_text("\n".join(["x,label", *rows]))
    data = cg.dataset(f"{path},drop_missing=true")
    assert "2 of 142 rows have none and are left out" in "\n".join(data.decided)
    cells = [set(map(tuple, part.table.rows)) for part in (data.train, data.valid, data.test)]
    assert len(set.union(*cells)) == sum(map(len, cells))
    what = found(cg.data_check(f"{path},drop_missing=true"))
    assert what["copies"].count == 40
    assert "copies in two parts" not in what
