"""Pairs of texts from a file: what models of translation are given."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.pairs import pairs
from cartograd.data.text.vocabularies import BEGIN, END, PADDING

LINES = [f"the {i}th of  them\tel número {i}, ¿no?" for i in range(120)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join([*LINES, LINES[0], "", "the 1th of them\tel primero"]))
    return path


@pytest.mark.law("pairs")
def test_targets_are_one_place_later_and_decode_to_the_line(file):
    data = pairs(file, vocabulary=320, valid=0.1, test=0.1)
    found = {}
    tokenizer = data.tokenizer
    for part in (data.train, data.valid, data.test):
        for source, target, goal, name in zip(
            *part.arguments, part.targets, part.names, strict=True
        ):
            words = goal[goal != -100].tolist()
            assert target.tolist()[: len(words)] == [BEGIN, *words[:-1]]
            assert words[-1] == END
            assert set(target.tolist()[len(words) :]) <= {PADDING}
            kept = [token for token in source.tolist() if token != PADDING]
            assert kept[-1] == END
            found[int(name.split()[1]) - 1] = (
                tokenizer.decode(kept[:-1]),
                tokenizer.decode(words[:-1]),
            )
    assert found == dict(enumerate(_all()))


def _all():
    """The pairs as they should be read: blanks tidied, each once."""
    return [
        (f"the {i}th of them", f"el número {i}, ¿no?") for i in range(120)
    ] + [("the 1th of them", "el primero")]  # fmt: skip


def _numbers(split):
    return [int(name.split()[1]) - 1 for name in split.names]


def test_a_new_text_is_encoded_as_those_of_the_training(file):
    """A translator is asked in words: it has to see what it was trained on, the end included."""
    data = pairs(file, vocabulary=300)
    number = _numbers(data.train)[0]
    row = data.train.stored[0]
    assert data.tokenizer.encode(_all()[number][0]) == row[row != PADDING].tolist()


def test_translations_of_one_source_stay_together(tmp_path):
    path = tmp_path / "twice.tsv"
    path.write_text(
        "\n".join(f"number {i}\t{word} {i}" for word in ("uno", "dos") for i in range(60))
    )
    data = pairs(path, vocabulary=300, valid=0.3, test=0.3)
    for part in (data.train, data.valid, data.test):
        sources = [number % 60 for number in _numbers(part)]
        assert all(sources.count(number) == 2 for number in sources)


def test_long_ones_are_left_out_and_counted(file):
    file.write_text(file.read_text() + "\n" + "a b c d " * 20 + "\tx")
    data = pairs(file, vocabulary=300, context=40)
    assert data.about["left out"] == 1
    assert data.decided[0].startswith(
        "the second text of a pair is written from the first: 122 different pairs, both cut into"
    )
    assert data.decided[1] == "left out, 1 of 122 pairs of more than 40 tokens"
    assert max(one.shape[1] for one in data.train.arguments) <= 40
    with pytest.raises(UsageError, match="no pair has fewer than context=2 tokens"):
        pairs(file, vocabulary=300, context=2)


def test_the_signature_gives_models_their_sizes(file):
    data = pairs(file, vocabulary=300)
    assert [port.name for port in data.signature.inputs] == ["source", "target"]
    assert data.signature.sizes() == {"classes": 300, "vocabulary": 300, "padding_id": PADDING}


@pytest.mark.parametrize("line", ["no tabulator", "two\ttabs\there", "\tempty", "empty\t "])
def test_lines_that_are_no_pairs_are_named(tmp_path, line):
    path = tmp_path / "bad.tsv"
    path.write_text("a\tb\n" + line)
    with pytest.raises(UsageError, match=r"bad\.tsv line 2: expected two texts"):
        pairs(path)
    path.write_text("a\tb\n")
    with pytest.raises(UsageError, match="there are 1 pairs; expected at least 10"):
        pairs(path)
    with pytest.raises(UsageError, match=r"cannot read .*none\.tsv"):
        pairs(tmp_path / "none.tsv")


@pytest.mark.parametrize(
    ("end", "encoding"),
    [("\n", "utf-8"), ("\r\n", "utf-8-sig"), ("\n", "utf-16"), ("\r\n", "cp1252")],
)
def test_files_of_any_system_give_the_same_pairs(tmp_path, end, encoding):
    path = tmp_path / "pairs.tsv"
    path.write_bytes((end.join(LINES) + end).encode(encoding))
    args = {"encoding": encoding} if encoding == "cp1252" else {}
    if args:
        with pytest.raises(UsageError, match=r"give encoding=.*reads 'the 0th"):
            pairs(path, vocabulary=320)
    data = pairs(path, vocabulary=320, **args)
    assert data.about["pairs"] == 120
    number = _numbers(data.train)[0]
    row = data.train.stored[0]
    assert data.tokenizer.encode(_all()[number][0]) == row[row != PADDING].tolist()


def test_a_line_ends_at_its_newline_alone(tmp_path):
    """U+2028, form feeds and the like are characters of a text: two pairs were made of one."""
    path = tmp_path / "pairs.tsv"
    strange = ["one\u2028two\tuno\u2028dos", "page\x0cbreak\tsalto\x0bde"]
    path.write_text("\n".join([*strange, *LINES]), "utf-8")
    assert pairs(path, vocabulary=320).about["pairs"] == 122
    path.write_text("\n".join([*strange, "no tabulator"]), "utf-8")
    with pytest.raises(UsageError, match=r"line 3: expected two texts"):
        pairs(path, vocabulary=320)
