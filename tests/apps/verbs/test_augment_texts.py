"""More texts with labels: from methods that change words, and from two translators."""

import csv
from pathlib import Path

import pytest
import torch

import cartograd as cg
from cartograd.apps.verbs import augment_texts
from cartograd.apps.verbs.augment_texts import Translator, augment
from cartograd.core.errors import UsageError
from tests.commands import command

WORDS = ("fine", "sad", "dull", "bright")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "reviews.csv"
    rows = [f"a {WORDS[i % 4]} film number {i},{('yes', 'no')[i % 2]}" for i in range(60)]
    path.write_text("\n".join(["text,label", *rows]))
    return path


def read(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_holds_old_texts_and_new_ones_and_keeps_the_parts(table, tmp_path):
    spec = f"{table},target=label"
    before = cg.dataset(spec)
    done = augment(spec, tmp_path / "more.csv", method="random-swap", copies=3, seed=1)
    rows, own = read(done.path), read(table)
    labels = {row["text"]: row["label"] for row in own}
    known = {text.split()[-1]: label for text, label in labels.items()}
    new = [row for row in rows if row["text"] not in labels]
    assert len(new) == done.kept > 30
    assert done.kept + done.unchanged + done.heard == 3 * done.texts == 3 * len(before.train)
    assert len({" ".join(row["text"].split()) for row in rows}) == len(rows)
    assert {row["split"] for row in new} == {"train"}
    for row in new:  # the words are those of a text for training, and so is the label
        number = next(word for word in row["text"].split() if word.isdigit())
        assert row["label"] == known[number]
    after = cg.dataset(f"{done.path},target=label")
    for part in ("valid", "test"):
        one, other = (getattr(data, part).table.column("text") for data in (before, after))
        assert one == other
    assert len(after.train) == len(before.train) + done.kept


@pytest.fixture
def scripted(monkeypatch):
    """Translators are functions of known answers."""

    def begin(self, target, /, **options):
        self.said, self.cut = target, 0

    monkeypatch.setattr(Translator, "__init__", begin)
    monkeypatch.setattr(Translator, "__call__", lambda self, texts: [self.said(t) for t in texts])


@pytest.mark.law("back-translation")
@pytest.mark.usefixtures("scripted")
def test_what_two_translators_make_is_sorted_out(table, tmp_path):
    data = cg.dataset(f"{table},target=label")
    tested = data.test.table.column("text")[0]

    def back(text):
        number = int(text.split()[-1])
        if number % 5 == 0:
            return "A FILM that says the same"  # the second one is another text already
        if number % 5 == 1:
            return tested.upper()  # what the test says must not be learned from
        if number % 5 == 2:
            return ""  # no end was found
        return text.replace("película", "movie" if number % 5 == 3 else "film")

    def there(text):
        return text.replace("film", "película")

    done = augment(data, tmp_path / "more.csv", there=there, back=back)
    numbers = [int(text.split()[-1]) % 5 for text in data.train.table.column("text")]
    assert done.kept == numbers.count(3) + 1
    assert done.heard == numbers.count(0) - 1 + numbers.count(1)
    assert done.unchanged == numbers.count(2) + numbers.count(4)
    assert 0.5 < done.shared < 0.85
    new = [row["text"] for row in read(done.path)][len(data.train) :][: done.kept]
    assert sum("movie" in text for text in new) == done.kept - 1
    assert tested.upper() not in new


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    path = folder / "pairs.tsv"
    lines = [f"a {w} film number {i}\t{i} {w}" for i in range(60) for w in WORDS]
    path.write_text("\n".join(lines))
    data = cg.dataset(f"pairs:{path},vocabulary=280")
    torch.manual_seed(0)
    model = cg.build("seq2seq-bahdanau:dim=8", signature=data.signature)
    with torch.no_grad():
        model.model.head.bias[data.tokenizer.end] += 3  # answers are short, and most of them end
    model.tokenizer = data.tokenizer
    return cg.save(model, folder / "run" / "bundle").parent


@pytest.mark.law("back-translation")
def test_translations_are_those_of_generate(translator, monkeypatch):
    """In groups by length, and nothing of what does not end; drawn ones by the seed."""
    monkeypatch.setattr(augment_texts, "TOGETHER", 2)
    texts = [f"a {WORDS[i % 4]} film" + " so" * (2 - i) for i in range(3)] + [""]
    drawn = {"samplers": ["temperature:temperature=0.9"]}
    for options in ({"beams": 2}, drawn | {"seed": 4}):
        ours = Translator(translator, **options)
        found, wanted = ours(texts), []
        for call, group in enumerate(([2, 1], [0])):  # by length, two at once
            rows = [texts[i] for i in group]
            room = 2 * max(len(ours.writing.encoded(row)) for row in rows)
            seed = {"seed": 4 + call} if "seed" in options else {}
            wanted += cg.generate(ours.writing, rows, length=room, **options | seed)
        assert [found[i] for i in (2, 1, 0)] == [one.text if one.ended else "" for one in wanted]
        assert ours.cut == sum(not one.ended for one in wanted)
        assert found[3] == ""
    assert len({tuple(Translator(translator, **drawn, seed=s)(texts)) for s in range(3)}) > 1


def test_the_command_and_its_mistakes(table, translator, tmp_path, capsys, monkeypatch):
    out, cli = tmp_path / "more.csv", command(capsys, monkeypatch)
    words = ("augment", table, "--target", "label", "--out", out)
    ways = ("--there", translator, "--back", f"{translator}/bundle")
    done = cli(*words, *ways, "--temperature", "0.7", "--json")
    assert done.code == 0
    assert len(read(out)) == 60 + done.json["kept"]
    assert len(cg.dataset(out, target="label").test) == len(cg.dataset(table, target="label").test)
    mistakes = {
        "needs two trained translators": ways[:2],
        "copies=2 of a beam search would be equal": (*ways, "--copies", "2"),
        "give beams or samplers": (*ways, "--beams", "2", "--temperature", "1"),
        "translates nothing": (*ways, "--method", "random-swap"),
        "flip changes no texts": ("--method", "flip"),
        "cannot be both ways": ("--there", "a", "--back", "a"),
    }
    out.unlink()
    for message, options in mistakes.items():
        done = cli(*words, *options)
        assert done.code == 2
        assert message in done.err
        assert not out.exists()


def test_other_data_and_names_are_refused(tmp_path):
    with pytest.raises(UsageError, match="these data are of kind 'image'"):
        augment("digits", tmp_path / "more.csv", method="random-swap")
    with pytest.raises(UsageError, match=r"one that ends in \.csv"):
        augment("digits", tmp_path / "more.txt", method="random-swap")
