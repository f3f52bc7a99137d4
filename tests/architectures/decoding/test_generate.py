import pytest
import torch

from cartograd.architectures.decoding.generate import generate, left_padded, stream
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.decoding.toys import Toy

PROMPTS = [[1, 2, 3, 4], [4], [2, 0], [3, 3, 3]]


def alone(prompt, generator=None, **args):
    return generate(Toy(1, 40), torch.tensor([prompt]), None, generator, **args)[0]


def together(generator=None, **args):
    tokens, starts = left_padded(PROMPTS)
    return generate(Toy(4, 40, starts=starts), tokens, starts, generator, **args)


def test_takes_the_likeliest_token_each_time():
    toy, text = Toy(1, 40), [1, 2]
    for token in alone([1, 2], length=12):
        assert token == toy.after(text).argmax()
        text.append(token)
    assert len(text) == 14


@pytest.mark.parametrize(
    "samplers", [(), ("repetition-penalty:repetition_penalty=3.0",), ("top-k:k=2",)]
)
def test_a_batch_of_unequal_prompts_equals_each_alone(samplers):
    args = {"length": 10, "samplers": [build(one) for one in samplers], "stop": (0,)}
    assert together(**args) == [alone(prompt, **args) for prompt in PROMPTS]


def test_drawn_with_a_generator_each_it_equals_each_alone():
    def source(row):
        return torch.Generator().manual_seed(row)

    args = {"length": 10, "stop": (0, 3)}
    batch = together([source(row) for row in range(4)], **args)
    assert batch == [alone(p, source(row), **args) for row, p in enumerate(PROMPTS)]
    assert len({len(row) for row in batch}) > 1
    assert together(torch.Generator().manual_seed(1), **args) == together(
        torch.Generator().manual_seed(1), **args
    )


def test_a_row_ends_with_its_stop_token_and_costs_nothing_more():
    tokens, starts = left_padded(PROMPTS)
    toy = Toy(4, 40, starts=starts)
    rows = generate(toy, tokens, starts, length=30, stop=(0,))
    ended = [row for row in rows if row[-1] == 0]
    assert ended
    assert all(0 not in row[:-1] for row in rows)
    # A row's last token is never read, since nobody asks what comes after it.
    assert toy.work == tokens.numel() + sum(len(row) - 1 for row in rows)


def test_streams_as_it_goes():
    tokens, starts = left_padded(PROMPTS)
    toy = Toy(4, 40, starts=starts)
    steps = stream(toy, tokens, starts, length=6, stop=(0,))
    first = next(steps)
    assert toy.work == tokens.numel()
    assert None not in first
    columns = [first, *steps]
    rows = [[token for token in row if token is not None] for row in zip(*columns, strict=True)]
    assert rows == together(length=6, stop=(0,))


def test_left_padding():
    tokens, starts = left_padded(PROMPTS)
    assert tokens.tolist() == [[1, 2, 3, 4], [0, 0, 0, 4], [0, 0, 2, 0], [0, 3, 3, 3]]
    assert starts.tolist() == [0, 3, 2, 1]


@pytest.mark.parametrize("prompts", [[], [[1], []]])
def test_an_empty_prompt(prompts):
    with pytest.raises(UsageError, match="a prompt is empty"):
        left_padded(prompts)


def test_wrong_input():
    with pytest.raises(UsageError, match="there is no prompt"):
        stream(Toy(1, 9), torch.zeros(1, 0, dtype=torch.int64), length=3)
    with pytest.raises(UsageError, match="length=0"):
        stream(Toy(1, 9), torch.zeros(1, 1, dtype=torch.int64), length=0)
