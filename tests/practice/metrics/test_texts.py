"""BLEU and chrF: the papers' formulas counted here, sacrebleu's figures, and their intervals."""

import math
import re
from collections import Counter

import pytest

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import texts
from cartograd.practice.metrics.bleu import bleu
from cartograd.practice.metrics.chrf import chrf
from cartograd.practice.metrics.exact_match import exact_match
from cartograd.practice.metrics.paired_share import bounds
from cartograd.practice.metrics.proportion import exact
from cartograd.practice.metrics.rouge import rouge
from cartograd.practice.metrics.word_error_rate import word_error_rate
from tests.reference import Reference

sacrebleu = Reference("sacrebleu")
rouge_scorer = Reference("rouge_score.rouge_scorer")

EXPECTED = [
    "The cat sat on the mat, and then it slept.",
    "A dog barks at the moon tonight.",
    "She sells sea shells by the sea shore.",
    "It was the best of times, it was the worst of times.",
] * 5  # fmt: skip
WRITTEN = [
    "The cat sat on a mat and then slept.",
    "The dog barks at a moon tonight!",
    "She sells shells by the shore of the sea.",
    "It was the best of times, it was worse.",
] * 5  # fmt: skip
WORSE = ["the the the mat", "dog", "she sells", "It was the best"] * 5


@pytest.mark.place("metric/bleu")
@pytest.mark.parametrize("words", ["13a", "zh", "char"])
def test_bleu_is_that_of_sacrebleu(words):
    expected = sacrebleu.corpus_bleu(WRITTEN, [EXPECTED], tokenize=words).score / 100
    assert bleu(WRITTEN, EXPECTED, tokenize=words) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("words", [0, 2])
def test_chrf_is_that_of_sacrebleu(words):
    expected = sacrebleu.corpus_chrf(WRITTEN, [EXPECTED], word_order=words).score / 100
    assert chrf(WRITTEN, EXPECTED, word_order=words) == pytest.approx(expected, abs=1e-12)


def counted(rows, size):
    """Runs of `size` words of a text, counted."""
    return Counter(tuple(rows[i : i + size]) for i in range(len(rows) - size + 1))


def papineni(written, expected):
    """BLEU from the formulas of 2002, of texts cut into words; unsmoothed."""
    shares = []
    for size in (1, 2, 3, 4):
        pairs = [
            (counted(w, size), counted(e, size)) for w, e in zip(written, expected, strict=True)
        ]
        right = sum((one & other).total() for one, other in pairs)
        shares.append(right / sum(one.total() for one, _ in pairs))
    c, r = sum(map(len, written)), sum(map(len, expected))
    brevity = 1.0 if c > r else math.exp(1 - r / c)
    return brevity * math.exp(sum(map(math.log, shares)) / 4) if all(shares) else 0.0


def cut(text):
    """Words, numbers and marks, as the rules of mteval-v13a cut these sentences."""
    return re.findall(r"\w+|[^\w\s]", text)


@pytest.mark.oracle("bleu")
@pytest.mark.parametrize("smooth", [True, False])
def test_bleu_is_the_papers_counts(smooth):
    """No library is asked: the figure is computed by sacrebleu, so it is no witness."""
    for rows in (WRITTEN, EXPECTED, WRITTEN[::-1], WORSE):
        expected = papineni(list(map(cut, rows)), list(map(cut, EXPECTED)))
        if expected or not smooth:
            assert bleu(rows, EXPECTED, smooth=smooth) == pytest.approx(expected, abs=1e-12)
    letters = papineni([list(t.replace(" ", "")) for t in WRITTEN],
                       [list(t.replace(" ", "")) for t in EXPECTED])  # fmt: skip
    assert bleu(WRITTEN, EXPECTED, tokenize="char") == pytest.approx(letters, abs=1e-12)


def popovic(written, expected, order, beta=2.0):
    """ChrF from the formula of 2015: letters without spaces, orders without a run left out."""
    shares = []
    for size in range(1, order + 1):
        pairs = [
            (counted(w.replace(" ", ""), size), counted(e.replace(" ", ""), size))
            for w, e in zip(written, expected, strict=True)
        ]
        right = sum((one & other).total() for one, other in pairs)
        shares.append(
            (right / sum(a.total() for a, _ in pairs), right / sum(b.total() for _, b in pairs))
        )
    precision, recall = (sum(each) / order for each in zip(*shares, strict=True))
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


@pytest.mark.oracle("chrf")
def test_chrf_is_the_papers_counts():
    for rows in (WRITTEN, EXPECTED, WRITTEN[::-1], WORSE):
        assert chrf(rows, EXPECTED) == pytest.approx(popovic(rows, EXPECTED, 6), abs=1e-12)


@pytest.mark.law("bleu")
def test_bleu_by_hand():
    """Of `a b c d e x` against `a b c d e f g`: 5/6, 4/5, 3/4 and 2/3 right, and too short."""
    expected = math.exp(1 - 7 / 6) * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25
    assert bleu(["a b c d e x"], ["a b c d e f g"]) == pytest.approx(expected, abs=1e-12)
    assert bleu(EXPECTED, EXPECTED) == pytest.approx(1)
    assert bleu(["a b c x y z"], ["a b c d e f"], smooth=False) == 0
    assert bleu(["a b c x y z"], ["a b c d e f"]) > 0.1


@pytest.mark.law("chrf")
def test_chrf_by_hand():
    """Of `ab` against `abc`: one letter runs 2/2 and 2/3, two letter runs 1/1 and 1/2."""
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    expected = 5 * precision * recall / (4 * precision + recall)
    assert chrf(["ab"], ["abc"]) == pytest.approx(expected, abs=1e-12)
    assert chrf(EXPECTED, EXPECTED) == 1
    assert chrf(["xyz"], ["abc"]) == 0


def test_a_corpus_is_no_mean_of_its_texts():
    short, long = ("a", "a"), ("b c d e f g h i", "z c d e f g h i")
    together = bleu([short[0], long[0]], [short[1], long[1]])
    single = bleu([long[0]], [long[1]])
    assert together == pytest.approx(single, abs=0.1)
    assert abs(together - (single + bleu([short[0]], [short[1]])) / 2) > 0.01


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_intervals_hold_the_value_and_do_not_know_the_order(name):
    measure = build(name, kind="text-metric")
    low, high = texts.interval(name, WRITTEN, EXPECTED)
    assert low < measure(WRITTEN, EXPECTED) < high
    assert high - low < 0.3
    assert texts.interval(measure, WRITTEN, EXPECTED) == (low, high)
    same = texts.interval(name, EXPECTED, EXPECTED)
    assert same == pytest.approx((1, 1))


def test_the_interval_of_a_difference_is_drawn_in_pairs():
    low, high = texts.interval("chrf", WRITTEN, EXPECTED, instead=WORSE)
    assert 0 < low < high
    assert low < chrf(WRITTEN, EXPECTED) - chrf(WORSE, EXPECTED) < high
    none = texts.interval("chrf", WRITTEN, EXPECTED, instead=WRITTEN)
    assert none == (0, 0)


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="2 texts were written and 1 expected"):
        bleu(["a", "b"], ["a"])
    with pytest.raises(UsageError, match="0 texts were written"):
        chrf([], [])
    with pytest.raises(UsageError, match="expected a list of texts"):
        chrf("abc", "abc")
    with pytest.raises(UsageError, match="'blue'"):
        texts.interval("blue", ["a"], ["a"])


@pytest.mark.oracle("rouge")
@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("counted", ["1", "2", "L", "Lsum"])
def test_rouge_is_that_of_rouge_score(counted, stem):
    written, expected = (
        [text.replace(", ", "\n") for text in rows] for rows in (WRITTEN, EXPECTED)
    )
    scorer = rouge_scorer.RougeScorer([f"rouge{counted}"], use_stemmer=stem)
    each = [
        scorer.score(right, said)[f"rouge{counted}"].fmeasure
        for right, said in zip(expected, written, strict=True)
    ]
    found = rouge(written, expected, counted=counted, stem=stem)
    assert found == pytest.approx(sum(each) / len(each), abs=1e-12)


def lin(written, expected, longest):
    """F of what two lists of words have in common: words, or the longest sequence."""
    if longest:
        table = [[0] * (len(expected) + 1) for _ in range(len(written) + 1)]
        for i, a in enumerate(written):
            for j, b in enumerate(expected):
                more = max(table[i][j + 1], table[i + 1][j])
                table[i + 1][j + 1] = table[i][j] + 1 if a == b else more
        both = table[-1][-1]
    else:
        both = (Counter(written) & Counter(expected)).total()
    return 2 * both / (len(written) + len(expected))


@pytest.mark.law("rouge")
@pytest.mark.parametrize("counted", ["1", "L"])
def test_rouge_is_the_papers(counted):
    words = [[re.findall("[a-z]+", text.lower()) for text in rows] for rows in (WRITTEN, EXPECTED)]
    each = [lin(a, b, counted == "L") for a, b in zip(*words, strict=True)]
    found = rouge(WRITTEN, EXPECTED, counted=counted)
    assert found == pytest.approx(sum(each) / len(each), abs=1e-12)


@pytest.mark.law("rouge")
def test_rouge_of_the_same_of_nothing_and_of_chinese():
    assert rouge(EXPECTED, EXPECTED) == 1
    assert rouge(["dogs bark"], ["a cat"]) == 0
    assert build("rouge-1", kind="text-metric")(["我爱猫"], ["我爱狗"]) == pytest.approx(2 / 3)
    assert rouge(["我爱猫"], ["我爱狗"], tokenize="english") == 0
    with pytest.raises(UsageError, match="endings of English words"):
        rouge(["我爱猫"], ["我爱狗"], stem=True)
    low, high = texts.interval("rouge-2", WRITTEN, EXPECTED)
    assert low < rouge(WRITTEN, EXPECTED, counted="2") < high


@pytest.mark.law("exact-match")
@pytest.mark.parametrize("strict", [True, False])
def test_a_text_matches_exactly_where_no_word_has_to_be_edited(strict):
    for rows in (WRITTEN, EXPECTED, [text.upper() for text in EXPECTED], WORSE):
        pairs = zip(rows, EXPECTED, strict=True)
        errors = [word_error_rate([a], [b], strict=strict) for a, b in pairs]
        assert exact_match(rows, EXPECTED, strict=strict) == errors.count(0) / len(errors)
    said, right = ["Paris", " paris. ", "Paris, France"], ["Paris"] * 3
    assert exact_match(said, right, strict=strict) == pytest.approx((1 if strict else 2) / 3)
    with pytest.raises(UsageError, match="give one of each"):
        exact_match(["Paris"], [])


@pytest.mark.law("exact-match")
def test_intervals_of_exact_match_are_those_of_shares():
    written, none = [*EXPECTED[:13], *WORSE[13:]], ["no"] * 20
    assert texts.interval("exact-match", written, EXPECTED) == exact(13, 20)
    assert texts.interval("exact-match", none, EXPECTED) == exact(0, 20) != (0.0, 0.0)
    found = texts.interval("exact-match", written, EXPECTED, instead=none)
    assert found == bounds(13, 0, 20, level=0.975)
    low, high = texts.interval("exact-match", none, EXPECTED, instead=none)
    assert low < 0 < high
