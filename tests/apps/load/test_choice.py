"""A path alone is enough: what it is, which model it gets and why; or what it is and why not."""

import json

import numpy as np
import pytest
import soundfile
from PIL import Image

import cartograd as cg
from cartograd.apps.load import brought as bringing
from cartograd.apps.load import choice as choosing
from cartograd.apps.load.choice import choice
from cartograd.apps.load.located import located
from cartograd.core.errors import UsageError
from tests.commands import command
from tests.conformance.boxed import coco_files, yolo_files


def pictures(root, sides, labels=("cat", "dog"), count=12):
    for label in labels:
        (root / label).mkdir(parents=True)
        for number in range(count):
            shade = 15 * number + 5 * (label == labels[-1])
            Image.new("RGB", sides[number % len(sides)], (shade, 9, 9)).save(
                root / label / f"{number}.png"
            )
    return root


def table(path, header, rows):
    path.write_text("\n".join([header, *rows]), "utf-8")
    return path


@pytest.fixture(autouse=True)
def nothing_published(monkeypatch):
    for one in (bringing, choosing):
        monkeypatch.setattr(one, "is_here", lambda name: False)


def test_small_pictures_get_a_small_network(tmp_path):
    found = choice(str(pictures(tmp_path / "tiny", [(8, 8)])))
    assert found.model == "lenet5"
    assert found.data.decided[0].endswith("24 pictures in 2 folders, one for each class")
    assert "8 x 8" in found.told


def test_photos_of_all_sizes_are_brought_to_one_and_the_reason_is_said(tmp_path):
    root = pictures(tmp_path / "photos", [(200, 150), (90, 120), (300, 200)])
    found = choice(str(root))
    assert found.model == "resnet:depth=8,width=16"
    assert found.data.signature.input.dims == (3, 64, 64)
    assert found.word == f"folder:{root},size=64"
    assert "size=64: what all are brought to" in found.data.decided[1]
    assert "cartograd data get efficientnet-lite0-imagenet" in found.told


def test_published_weights_are_taken_where_they_are(tmp_path, monkeypatch):
    for one in (bringing, choosing):
        monkeypatch.setattr(one, "is_here", lambda name: True)
    found = choice(str(pictures(tmp_path / "photos", [(200, 150), (150, 130)])))
    assert (found.model, found.data.signature.input.dims) == (choosing.EFFICIENT, (3, 128, 128))
    assert found.settings == {"freeze": True, "epochs": 20}
    rows = [f"{'good' if i % 2 else 'bad'},words of film number {i} here" for i in range(40)]
    assert choice(str(table(tmp_path / "a.csv", "label,text", rows))).model == "minilm"
    rows = [f"{'好' if i % 2 else '坏'},这部电影第{i}次看还是很有意思的" for i in range(40)]
    chinese = choice(str(table(tmp_path / "b.csv", "标签,评论", rows)))
    assert chinese.model == "lstm"
    assert "English" in chinese.told


def test_pictures_of_no_class_are_learned_to_be_drawn(tmp_path):
    for number in range(20):
        Image.new("L", (40, 40), 9 * number).save(tmp_path / f"{number}.png")
    found = choice(str(tmp_path))
    assert found.model == "v-diffusion:width=16"
    assert "pictures of no class" in found.data.decided[0]
    assert found.data.signature.example.dims == (1, 32, 32)


def test_parts_in_any_spelling_and_a_flat_test_folder(tmp_path):
    for part in ("Training_set", "TEST-set"):
        pictures(tmp_path / part, [(8, 8)])
    data = choice(str(tmp_path)).data
    assert (len(data.test), data.signature.output.labels) == (24, ("cat", "dog"))


def test_sounds_of_several_lengths_and_rates(tmp_path):
    for label, pitch in (("low", 0.05), ("high", 0.2)):
        (tmp_path / label).mkdir()
        for number in range(12):
            rate = 8000 if number else 16000
            wave = 0.5 * np.sin(pitch * np.arange(800 + 100 * number))
            soundfile.write(tmp_path / label / f"{number}.wav", wave, rate)
    found = choice(str(tmp_path))
    assert found.model == "mel-resnet"
    assert found.word.endswith("sample_rate=8000,seconds=0.175")
    assert "24 sounds in 2 folders" in found.data.decided[0]


def test_tables_and_texts_by_the_name_of_their_target(tmp_path):
    rows = [f"{i / 7:.2f},{'AB'[i % 2]},{'no' if i % 3 else 'yes'}" for i in range(60)]
    path = table(tmp_path / "churn.csv", "age,town,Label", rows)
    found = choice(str(path))
    assert found.model == "mlp"
    assert found.data.decided[1] == "Label is to be predicted, by its name (--target)"
    with pytest.raises(UsageError, match=r"say which .*\(label, town, class\)"):
        choice(str(table(tmp_path / "two.csv", "label,town,class", rows)))
    texts = [f"{'neg' if i % 2 else 'pos'},what a film of number {i} this is" for i in range(60)]
    assert choice(str(table(tmp_path / "reviews.csv", "label,text", texts))).model == "lstm"
    saved = table(tmp_path / "saved.txt", "age;town;label", [row.replace(",", ";") for row in rows])
    assert located(str(saved)).name == "csv"


def test_texts_pairs_and_captions(tmp_path):
    pairs = [f"the number {i} here\tel número {i} aquí" for i in range(60)]
    found = choice(str(table(tmp_path / "pairs.tsv", "in English now\ten español ahora", pairs)))
    assert (found.model, len(found.data.train) > 20) == ("seq2seq", True)
    twins = table(tmp_path / "twins.tsv", "number one here\tnumber one here", pairs)
    assert located(str(twins)).name == "pairs"
    for label in ("pos", "neg"):
        (tmp_path / "mails" / label).mkdir(parents=True)
        for number in range(12):
            (tmp_path / "mails" / label / f"{number}.txt").write_text(f"a {label} mail {number}")
    assert choice(str(tmp_path / "mails")).model == "lstm"
    (tmp_path / "verse.txt").write_text("All that is. And more\n" * 400)
    assert choice(str(tmp_path / "verse.txt")).model == "lstm-language-model"
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    for number in range(12):
        Image.new("L", (8, 8), 9 * number).save(drawn / f"{number}.png")
    table(drawn / "metadata.csv", "file_name,text", [f"{i}.png,shade {i}" for i in range(12)])
    found = choice(str(drawn))
    assert (found.data.name, found.model) == ("captions", "latent-diffusion-tiny")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "chat.jsonl",
            json.dumps({"messages": [{"role": "user", "content": "hi"}]}),
            "holds no chat with an answer",
        ),
        ("boxes.json", '{"images": [], "annotations": []}', "has no list 'categories'"),
        ("list.json", "[1, 2]", r"expected JSON lines \(\.jsonl\)"),
        ("all.zip", "PK", "an archive: unpack it"),
        ("old.xls", "x", "save it as .xlsx or .csv"),
        ("x.npy", "x", "cartograd.tensors"),
        ("film.mp4", "x", "write its frames as pictures"),
    ],
)
def test_what_nothing_reads_is_named_with_the_nearest_kind(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=said):
        choice(str(tmp_path / name))


def test_boxes_beside_pictures_are_refused_by_name(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "1.png")
    (tmp_path / "1.xml").write_text("<annotation><object><bndbox/></object></annotation>")
    with pytest.raises(UsageError, match=r"boxes in Pascal VOC's format \(1\.xml\)"):
        choice(str(tmp_path))
    (tmp_path / "1.xml").unlink()
    (tmp_path / "data.yaml").write_text("nc: 1")
    with pytest.raises(UsageError, match="classes without names"):
        choice(str(tmp_path))


def test_boxes_beside_pictures_are_found_by_a_detector(tmp_path):
    for make, name in ((coco_files, "coco"), (yolo_files, "yolo")):
        make(tmp_path / name)
        found = choice(str(tmp_path / name))
        assert found.data.name == name
        assert found.model.startswith("fcos")
        assert "30 pictures with 43 boxes of 2 classes" in found.data.told[0]


def test_a_path_is_trained_on_and_what_was_chosen_is_kept(tmp_path, capsys, monkeypatch):
    root, run = pictures(tmp_path / "shades", [(9, 8), (12, 14)]), tmp_path / "run"
    line = command(capsys, monkeypatch)
    done = line("train", "--data", root, "--epochs", 1, "--folder", run)
    assert done.code == 0, done.err
    assert "model: lenet5, a small network for small pictures (12 x 12)" in done.err
    config = (run / "config.toml").read_text()
    assert 'model = "lenet5"' in config
    assert f'data = "folder:{root},size=12"' in config
    assert cg.look(run).state == "finished"
    done = line("train", "--data", root, "--print-config")
    assert "lenet5" in done.out


def test_a_table_of_ratings_is_pointed_to_its_source(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("userId,movieId,stars\n" + "".join(f"{n % 7},{n},{n % 5}\n" for n in range(40)))
    with pytest.raises(UsageError, match=r"recommend items to users: --data ratings:.*r\.csv"):
        choice(str(path))


def test_chats_are_for_weights_that_know_a_language(tmp_path, monkeypatch):
    rows = [{"prompt": f"What is {i}?", "completion": f"It is {i}."} for i in range(20)]
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr("cartograd.apps.load.choice.is_here", lambda _: False)
    with pytest.raises(UsageError, match=r"20 chats teach .* `cartograd data get smollm2`"):
        choice(str(path))
    monkeypatch.setattr("cartograd.apps.load.choice.is_here", lambda _: True)
    found = choice(f"chats:{path}")
    assert (found.model, found.settings) == ("smollm2", {"adapter": "lora:rank=8"})
    assert found.told.endswith("with lora:rank=8 beside them for 20 chats")
