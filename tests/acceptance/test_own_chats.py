"""What the row on one's own chats learns from and is asked, on a dictionary of a few words."""

import json

from acceptance.own_chats import CHATS, definitions, write_chats, write_swapped

WORDS = [(f"word{n}", f"the thing that is number {n}") for n in range(3 * CHATS)]


def test_common_words_have_their_first_sense_without_examples(tmp_path):
    senses = [
        b'00 03 n 01 bee 0 000 | a n\xc3\xa4me of an insect; "bees hum"\n',
        b"00 03 n 01 spelling_bee 0 000 | a contest; of spelling\n",
    ]
    for part in ("noun", "verb", "adj"):
        (tmp_path / f"data.{part}").write_bytes(b"".join(senses))
        (tmp_path / f"index.{part}").write_text("  1 a licence\n")
    second = len(senses[0])
    (tmp_path / "index.noun").write_text(
        "  1 a licence\n"
        f"bee n 2 1 @ 2 5 {0:08} {second:08}\n"
        f"contest n 1 2 @ ~ 1 3 {second:08}\n"
        f"rare n 1 1 @ 1 2 {second:08}\n"
        f"two_words n 1 1 @ 1 9 {second:08}\n"
    )
    assert definitions(tmp_path) == [("bee", "a näme of an insect"), ("contest", "a contest")]


def test_chats_are_those_of_a_seed_and_no_question_comes_twice(tmp_path):
    files = [tmp_path / name for name in ("one", "again", "other")]
    for file, seed in zip(files, (0, 0, 1), strict=True):
        write_chats(file, WORDS, seed)
    one, again, other = (file.read_text().splitlines() for file in files)
    assert one == again != other
    answers = {json.loads(line)["messages"][-1]["content"] for line in one}
    assert len(one) == len(answers) == CHATS


def test_swapped_answers_are_the_same_answers_none_at_its_own_question(tmp_path):
    chats, swapped = tmp_path / "chats", tmp_path / "swapped"
    write_chats(chats, WORDS, 0)
    write_swapped(swapped, chats)
    own, other = ([json.loads(line)["messages"] for line in file.read_text().splitlines()]
                  for file in (chats, swapped))  # fmt: skip
    assert [one[:2] for one in own] == [one[:2] for one in other]
    assert sorted(one[2]["content"] for one in own) == sorted(one[2]["content"] for one in other)
    assert all(a[2] != b[2] for a, b in zip(own, other, strict=True))
