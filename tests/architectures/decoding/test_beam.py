import itertools
from functools import partial

import pytest
import torch

from cartograd.architectures.decoding.beam import Answer, beam_search
from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.decoding.samplers.repetition_penalty import repetition_penalty
from cartograd.core.errors import UsageError
from tests.architectures.decoding.toys import Toy
from tests.reference import Reference

transformers = Reference("transformers")


def exhaustive(prompt, length, penalty, vocabulary=3, stop=0):
    """Every answer there can be, the best first."""
    toy, found = Toy(1, 0, vocabulary=vocabulary), []
    for size in range(1, length + 1):
        for tokens in itertools.product(range(vocabulary), repeat=size):
            ended = tokens[-1] == stop
            if stop in tokens[:-1] or not (ended or size == length):
                continue
            total = sum(
                toy.after([*prompt, *tokens[:n]]).double().log_softmax(0)[token].item()
                for n, token in enumerate(tokens)
            )
            found.append(Answer(list(tokens), total / size**penalty))
    return sorted(found, key=lambda answer: -answer.score)


@pytest.mark.law("beam-search")
@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 2.0, -0.5])
def test_a_wide_beam_finds_the_best_of_all_answers(penalty):
    prompts = torch.tensor([[1, 2], [2, 2]])
    found = beam_search(
        Toy(2, 9, vocabulary=3), prompts, length=4, beams=24, length_penalty=penalty, stop=(0,)
    )
    for row, prompt in zip(found, prompts.tolist(), strict=True):
        expected = exhaustive(prompt, 4, penalty)[:24]
        assert [answer.tokens for answer in row] == [answer.tokens for answer in expected]
        assert [a.score for a in row] == pytest.approx([a.score for a in expected], abs=1e-5)


@pytest.mark.law("beam-search")
def test_one_beam_is_greedy():
    prompts = torch.tensor([[1, 2], [2, 2], [3, 0]])
    found = beam_search(Toy(3, 20), prompts, length=10, beams=1, length_penalty=0.0, stop=(0,))
    greedy = generate(Toy(3, 20), prompts, length=10, stop=(0,))
    assert [row[0].tokens for row in found] == greedy


def test_goes_on_while_a_longer_answer_can_be_better():
    prompt = torch.tensor([[1, 2]])
    greedy = generate(Toy(1, 20), prompt, length=10, stop=(0,))[0]
    best = beam_search(Toy(1, 20), prompt, length=10, beams=1, stop=(0,))[0][0]
    toy, text, total = Toy(1, 0), [1, 2], 0.0
    for token in best.tokens:
        total += toy.after(text).log_softmax(0)[token].item()
        text.append(token)
    assert greedy == [0]
    assert len(best.tokens) > 1
    assert best.score == pytest.approx(total / len(best.tokens))
    assert best.score > toy.after([1, 2]).log_softmax(0)[0].item()


def test_more_beams_find_better_answers_than_greedy_ones():
    prompts = torch.tensor([[row, other] for row in range(5) for other in range(5)])

    def score(beams):
        rows = beam_search(Toy(25, 20), prompts, length=8, beams=beams, length_penalty=0.0)
        return torch.tensor([row[0].score for row in rows])

    one, four = score(1), score(4)
    assert (four >= one - 1e-5).float().mean() >= 0.8
    assert four.mean() > one.mean() + 0.3


def test_prompts_that_are_decided_leave_the_batch():
    prompts = torch.tensor([[1, 2], [2, 2], [3, 0]])
    args = {"length": 12, "beams": 2, "stop": (0, 1), "length_penalty": 0.5}
    toy = Toy(3, 20)
    together = beam_search(toy, prompts, **args)
    alone = [beam_search(Toy(1, 20), prompt[None], **args)[0] for prompt in prompts]
    for row, other in zip(together, alone, strict=True):
        assert [answer.tokens for answer in row] == [answer.tokens for answer in other]
    assert toy.work < 6 + 3 * 2 * 11


class Theirs:
    """A transformers model as a decoder, without a cache."""

    def __init__(self, model, rows):
        self.model, self.tokens = model, torch.zeros(rows, 0, dtype=torch.int64)

    @property
    def length(self):
        return self.tokens.shape[1]

    def read(self, tokens, /, *, last=False):
        self.tokens = torch.cat([self.tokens, tokens], 1)
        return self.model(self.tokens).logits[:, -1 if last else -tokens.shape[1] :]

    def reorder(self, rows, /):
        self.tokens = self.tokens[rows]

    def rewind(self, length, /):
        self.tokens = self.tokens[:, :length]


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=12, n_positions=32, n_embd=16, n_layer=1, n_head=2, initializer_range=0.8,
        bos_token_id=0, eos_token_id=0, pad_token_id=0, use_cache=False,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config).eval().double()


@pytest.mark.oracle("beam-search")
@pytest.mark.parametrize(
    ("beams", "penalty", "ending", "less"),
    [
        (1, 1.0, "certain", 1.0), (3, 1.0, "certain", 1.0), (4, 0.0, "certain", 1.0),
        (4, 2.0, "certain", 1.0), (5, -1.0, "certain", 1.0), (3, 1.0, "likely", 1.0),
        (4, 2.0, "likely", 1.3), (3, 2.0, "full", 1.0), (4, 1.0, "full", 1.3),
    ],
)  # fmt: skip
@torch.no_grad()
def test_equals_transformers(theirs, beams, penalty, ending, less):
    prompts = torch.tensor([[5, 7, 1], [2, 2, 9], [11, 3, 4]])
    found = beam_search(
        Theirs(theirs, 3), prompts, length=8, beams=beams, length_penalty=penalty, stop=(0,),
        ending=ending, samplers=[partial(repetition_penalty, repetition_penalty=less)],
    )  # fmt: skip
    early = {"certain": "never", "likely": False, "full": True}[ending]
    for row, prompt in zip(found, prompts, strict=True):
        answer = theirs.generate(
            prompt[None], max_new_tokens=8, num_beams=beams, num_return_sequences=beams,
            length_penalty=penalty, early_stopping=early, do_sample=False, repetition_penalty=less,
            return_dict_in_generate=True, output_scores=True,
            attention_mask=torch.ones(1, 3, dtype=torch.int64),
        )  # fmt: skip
        expected = [_until_stop(tokens.tolist()) for tokens in answer.sequences[:, 3:]]
        assert [mine.tokens for mine in row] == expected
        if beams > 1:
            scores = answer.sequences_scores.tolist()
            assert [mine.score for mine in row] == pytest.approx(scores, abs=1e-5)


def _until_stop(tokens):
    return tokens[: tokens.index(0) + 1] if 0 in tokens else tokens


def test_wrong_input():
    with pytest.raises(UsageError, match="there is no prompt"):
        beam_search(Toy(1, 9), torch.zeros(1, 0, dtype=torch.int64), length=3)
    with pytest.raises(UsageError, match="beams=0"):
        beam_search(Toy(1, 9), torch.zeros(1, 1, dtype=torch.int64), length=3, beams=0)
    with pytest.raises(UsageError, match="unknown ending 'soon'"):
        beam_search(Toy(1, 9), torch.zeros(1, 1, dtype=torch.int64), length=3, ending="soon")
