"""Exams of models of ours, of files and of addresses; votes, judges, and two side by side."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cartograd.apps.exams import own_model
from cartograd.apps.exams.endpoint_model import EndpointModel
from cartograd.apps.exams.exam import Exam, Pipeline, Rubric, Shots, Writes
from cartograd.apps.exams.examinee import Asked, Examinee, Likelihood
from cartograd.apps.exams.own_model import OwnModel
from cartograd.apps.exams.read import read
from cartograd.apps.exams.sit import examine
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.practice.metrics.proportion import exact
from tests.apps.exams.endpoints import served
from tests.apps.exams.tiny import folder
from tests.architectures.pretrained.published_folders import write

TASKS = Path(__file__).parent / "tasks"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return f"hf:{folder(tmp_path_factory.mktemp('tiny') / 'model')}"


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return f"hf:{folder(tmp_path_factory.mktemp('other') / 'model', seed=1)}"


def of_bytes():
    torch.manual_seed(0)
    model = build("gpt", vocabulary=256, dim=16, heads=2, depth=1, context=256)
    tokens = Port("text", "text", ("t",), "int64", (0, 255), padding_id=0)
    nexts = Port("next", "label", ("t", 256), task="next-token")
    return Signed(model, Signature((tokens,), (nexts,)), tokenizer=Tokenizer.bytes())


class Told:
    """An examinee that says what it is told to, by prompt."""

    name, notes = "told", ()

    def __init__(self, says):
        self.says, self.asked = says, []

    def likelihoods(self, pairs, /):
        return [[Likelihood(-float(len(one)), False) for one in ends] for _, ends in pairs]

    def whole(self, texts, /):
        return [-float(len(one)) for one in texts]

    def written(self, asked, how, /):
        self.asked += asked
        return [self.says(one) for one in asked]


def sums(**more):
    items = tuple({"q": f"{i} + 1?", "a": str(i + 1)} for i in range(6))
    return Exam("sums", "generate_until", items, "{{q}}", "{{a}}", metrics=("exact_match",), **more)


@pytest.mark.place("llm/prompting")
def test_any_model_is_asked_the_same(tiny, tmp_path):
    """A folder, a module of another family, a GGUF file and an address sit the same exam."""
    from cartograd.apps.verbs.export import export

    own = OwnModel(tiny)
    gguf = tmp_path / "tiny.gguf"
    export(tiny, gguf, to="gguf")
    names = ["choices", "texts", "written"]
    files = [TASKS / f"{name}.yaml" for name in names]
    first = examine(own, files)
    for one, two in zip(first[:2], examine(f"gguf:{gguf}", files[:2]), strict=True):
        for here, there in zip(one.answers, two.answers, strict=True):
            assert there.logs == pytest.approx(here.logs, rel=5e-3)  # the file holds half precision
    with served(own) as address:
        (far,) = examine(address, files[:1], limit=2)
        (wrote,) = examine(address, files[2:], limit=2)
    near = first[0].answers[:2]
    for one, two in zip(near, far.answers, strict=True):
        assert two.logs == pytest.approx(one.logs, rel=1e-4)
    assert [a.texts for a in wrote.answers] == [a.texts for a in first[2].answers[:2]]
    assert set(examine(of_bytes(), files[:1])[0].figures) == {"acc", "acc_norm", "acc_bytes"}
    assert isinstance(own, Examinee)


@pytest.mark.place("llm/prompting")
def test_a_vote_over_chains_counts_answers():
    """Three of five chains are right at every item: one chain is right by chance, the vote is."""
    chains = ["so 9", "it is {}", "I think 7", "it is {}", "it is {}"]
    turn = iter(range(1000))

    def says(one):
        right = int(one.prompt.rpartition("\n")[2].split(" ")[0]) + 1
        return chains[next(turn) % 5].format(right)

    regex = ("regex", {"regex_pattern": r"(\d+)$"})
    pipelines = (
        Pipeline("first", (regex, ("take_first", {}))),
        Pipeline("vote", (regex, ("majority_vote", {}), ("take_first", {}))),
    )
    exam = sums(repeats=5, pipelines=pipelines, writes=Writes(temperature=0.7))
    model = Told(says)
    (found,) = examine(model, [exam])
    assert found.figures["exact_match,vote"].value == 1.0
    assert found.figures["exact_match,first"].value == 0.0
    assert len({one.seed for one in model.asked}) == 30  # each chain is drawn by itself


def test_chains_are_sampled_apart_and_repeat_by_seed(tiny):
    model = OwnModel(tiny)
    asked = [Asked("Question: What", seed) for seed in (1, 2, 1)]
    texts = model.written(asked, Writes(until=(), length=12, temperature=1.0, top_k=40))
    assert texts[0] == texts[2] != texts[1]
    alone = model.written(asked[:1], Writes(until=(), length=12, temperature=1.0, top_k=40))
    assert alone == texts[:1]


def test_worked_examples_stand_before_the_item_and_never_are_it():
    model = Told(lambda one: "3")
    exam = sums()
    exam = replace(exam, shots=Shots(count=3, pool=exam.items, own=True))
    examine(model, [exam], seed=7)
    for item, one in zip(exam.items, model.asked, strict=True):
        *shown, last = one.prompt.split("\n\n")
        assert last == item["q"]
        assert len(shown) == 3
        assert not any(text.startswith(item["q"]) for text in shown)
    again = Told(lambda one: "3")
    examine(again, [exam], seed=8)
    assert [one.prompt for one in again.asked] != [one.prompt for one in model.asked]


def test_a_judge_reads_a_rubric_and_unread_verdicts_are_counted():
    verdicts = {"1": "Verdict: yes", "2": "Verdict: NO", "3": "who knows"}
    judge = Told(lambda one: verdicts.get(one.prompt[-1], "yes"))
    model = Told(lambda one: one.prompt[0])
    exam = replace(
        sums(), metrics=("judge",),
        rubric=Rubric("{{q}} Expected {{answer_expected}}, was it {{answer_given}}"),
    )  # fmt: skip
    (found,) = examine(model, [exam], judge=judge)
    assert found.unparsed == 1
    assert found.figures["judge"].value == pytest.approx(4 / 5)
    assert (found.figures["judge"].low, found.figures["judge"].high) == exact(4, 5)
    assert judge.asked[0].prompt == "0 + 1? Expected 1, was it 0"
    with pytest.raises(UsageError, match="needs a judge"):
        examine(model, [exam])
    with pytest.raises(UsageError, match="no task has a rubric"):
        examine(model, [sums()], judge=judge)
    with pytest.raises(UsageError, match="gave no verdict"):
        examine(model, [exam], judge=Told(lambda one: "hm"))


def test_two_models_are_told_apart_by_their_flips():
    right = Told(lambda one: str(int(one.prompt[0]) + 1))
    half = Told(lambda one: str(int(one.prompt[0]) + (one.prompt[0] < "2")))
    (found,) = examine(right, [sums()], against=half)
    (told,) = found.paired
    assert (told.won, told.lost) == ((3, 4, 5, 6), ())
    assert told.value == pytest.approx(4 / 6)
    assert told.p == pytest.approx(2 * 0.5**4)
    assert told.low < told.value < told.high


def test_a_model_against_itself_differs_by_nothing(tiny, other):
    files = [TASKS / "choices.yaml", TASKS / "texts.yaml"]
    for one in examine(tiny, files, against=tiny):
        assert all(told.value == 0 and not told.real for told in one.paired)
    (first, _), (second, _) = (examine(model, files) for model in (tiny, other))
    choices, texts = examine(tiny, files, against=other)
    gap = first.figures["acc"].value - second.figures["acc"].value
    assert choices.paired[0].value == pytest.approx(gap)
    assert len(choices.paired[0].won) - len(choices.paired[0].lost) == pytest.approx(8 * gap)
    bits = next(told for told in texts.paired if told.name == "bits_per_byte")
    assert bits.low <= bits.value <= bits.high


def test_a_long_text_is_read_in_windows_that_count_each_token_once(tiny):
    model = OwnModel(tiny)
    tokens = model.writing.tokenizer.encode("The cat sat. " * 40)
    assert len(tokens) > 128
    rows = list(model._windows("The cat sat. " * 40))
    assert sum(scored for _, scored in rows) == len(tokens)
    assert [token for row, scored in rows for token in row[-scored:]] == tokens
    assert all(len(row) <= 129 for row, _ in rows)


def test_prompts_beyond_the_context_are_cut_on_the_left_and_counted(tiny):
    model = OwnModel(tiny)
    long = "stone " * 400
    (one,), (two,) = model.likelihoods([(long, [" red"]), (long[-600:], [" red"])])
    assert one.log == pytest.approx(two.log, rel=1e-5)
    assert "were cut on the left to 128 tokens" in model.notes[0]
    assert model.cut == 2


def test_an_address_that_hangs_or_says_nonsense_is_one_line():
    with served(None, says=(200, {}), wait=1.0) as address:
        slow = EndpointModel(address, patience=0.1)
        with pytest.raises(UsageError, match="did not answer within"):
            slow.written([Asked("a")], Writes())
    choices = TASKS / "choices.yaml"
    for says, task, told in (
        ((503, {"error": {"message": "busy"}}), sums(), r"answered 503 \(busy\)"),
        ((200, {"choices": [{"text": "x"}]}), choices, "does not tell how likely"),
        ((200, ["x"]), sums(), "expected choices"),
    ):
        with served(None, says=says) as address, pytest.raises(UsageError, match=told):
            examine(address, [task])
    with pytest.raises(UsageError, match="cannot be asked"):
        examine("http://127.0.0.1:9/v1", [sums()])
    with pytest.raises(UsageError, match="a chat tells no likelihood"):
        examine("http://127.0.0.1:9/v1", [TASKS / "choices.yaml"], chat=True)
    with pytest.raises(UsageError, match="is no address"):
        examine("http://", [sums()])


def test_a_chat_at_an_address_is_asked_as_one(tiny):
    with served(OwnModel(tiny)) as address:
        (found,) = examine(address, [TASKS / "written.yaml"], limit=1, chat=True)
    (own,) = examine(tiny, [TASKS / "written.yaml"], limit=1)
    assert found.answers[0].texts == own.answers[0].texts


def test_models_that_cannot_sit_are_refused(tiny):
    with pytest.raises(UsageError, match="no template of a chat"):
        examine(tiny, [sums()], chat=True)
    with pytest.raises(UsageError, match="leaves no room"):
        examine(tiny, [sums(writes=Writes(length=128))])
    with pytest.raises(UsageError, match="has 0 tokens"):
        OwnModel(tiny).likelihoods([("a", [""])])
    with pytest.raises(UsageError, match="no task"):
        examine(tiny, [])


def test_the_share_of_guessing_and_the_worked_questions_of_mmlu(monkeypatch, tmp_path):
    text = (
        "Sums.\n\nQ: 1 + 1?\n(A) 2 (B) 3\nA: Let's think step by step. Two. The answer is (A).\n\n"
        "Q: 2 + 2?\n(A) 5\n(B) 4 (C) 3 (D) 2\nA: Let's think step by step. The answer is (B)."
    )
    (tmp_path / "cot_prompts.json").write_text(json.dumps({"sums": text}), encoding="utf-8")
    monkeypatch.setattr("cartograd.data.store.packages.where", lambda name: tmp_path)
    for name in ("mmlu-dev", "mmlu-dev-text", "mmlu-dev-cot"):
        shots = {"shots": 1} if name.endswith("cot") else {}
        (found,) = examine(Told(lambda one: "The answer is (A)."), [read(name, **shots)])
        assert len(found.answers) == 2
    (found,) = examine(Told(str), ["mmlu-dev"])
    assert found.chance == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert found.answers[1].prompt.endswith("2 + 2?\nA. 5\nB. 4\nC. 3\nD. 2\nAnswer:")
    assert math.isclose(found.figures["acc"].value, 0.5)


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_an_encoder_decoder_sits_with_the_prompt_as_its_source(tmp_path, kind):
    """Likelihoods are those of its own logits: prompt and endings have tokens of their own."""
    with torch.random.fork_rng():
        path = write(kind, tmp_path)
    model = OwnModel(f"hf:{path}")
    endings = [" mat", " cat sat", "the"]
    [found] = model.likelihoods([("the cat sat on ", endings)])
    words, signed = model.writing.tokenizer, model.writing.signed
    source = torch.tensor([words.encode("the cat sat on")])
    start = words.begin or 0
    for one, ending in zip(found, [" " + own for own in endings], strict=True):
        own = words.encode(ending, special=False)
        with torch.no_grad():
            shares = signed(source, torch.tensor([[start, *own[:-1]]]))[0].log_softmax(1)
        assert one.log == pytest.approx(sum(shares[i, t].item() for i, t in enumerate(own)), 1e-5)
        assert one.greedy == (shares.argmax(1).tolist() == own)
    with pytest.raises(UsageError, match="answers a source, so whole texts have no probability"):
        model.whole(["the cat"])
    [text] = model.written([Asked("the cat", 0)], Writes(length=4, until=("zz",)))
    assert isinstance(text, str)


def test_as_many_answers_are_written_at_once_as_their_tokens_allow(tiny, monkeypatch):
    """Short prompts in large groups, long ones in small ones, and each has its own answer."""
    groups, asked = (
        [],
        [Asked(f"{'a b c ' * (number % 4)}Question: {number}") for number in range(12)],
    )
    inner = OwnModel._answers
    monkeypatch.setattr(
        OwnModel, "_answers",
        lambda self, rows, *more: groups.append(rows) or inner(self, rows, *more),
    )  # fmt: skip
    how = Writes(until=(), length=4)
    whole = OwnModel(tiny).written(asked, how)
    monkeypatch.setattr(own_model, "TOKENS", 60)
    assert OwnModel(tiny).written(asked, how) == whole
    assert len(groups[0]) == 12
    parts = groups[1:]
    assert all(len(rows) * (len(rows[0]) + 4) <= 60 or len(rows) == 1 for rows in parts)
    assert 2 <= len(parts[0]) < len(parts[-2])
