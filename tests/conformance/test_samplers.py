"""Every sampler keeps shape and type, leaves a token to draw, and changes nothing it was given."""

import torch

from cartograd.core.build import build
from tests.conformance.support import global_state_untouched, over


def given(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 40, generator=generator, dtype=dtype) * 3
    return logits, torch.randint(-1, 40, (5, 7), generator=generator)


@over("token-sampler")
def test_sampler_keeps_shape_and_type(card):
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        logits, seen = given(dtype)
        before = logits.clone(), seen.clone()
        with global_state_untouched():
            answer = build(card.name, kind=card.kind, **card.tiny)(logits, seen)
        assert answer.shape == logits.shape
        assert answer.dtype == dtype
        assert torch.equal(logits, before[0])
        assert torch.equal(seen, before[1])


@over("token-sampler")
def test_sampler_leaves_a_token_and_changes_something(card):
    logits, seen = given()
    answer = build(card.name, kind=card.kind, **card.tiny)(logits, seen)
    assert answer.isfinite().any(1).all()
    assert not answer.isnan().any()
    assert not torch.equal(answer, logits)


@over("token-sampler")
def test_sampler_treats_each_row_alone(card):
    logits, seen = given()
    method = build(card.name, kind=card.kind, **card.tiny)
    whole = method(logits, seen)
    for row in range(len(logits)):
        alone = method(logits[row : row + 1], seen[row : row + 1])
        torch.testing.assert_close(alone[0], whole[row])


@over("token-sampler")
def test_sampler_takes_what_others_forbade(card):
    logits, seen = given()
    logits[:, 3:] = -torch.inf
    answer = build(card.name, kind=card.kind, **card.tiny)(logits, seen)
    assert (answer[:, 3:] == -torch.inf).all()
    assert answer.isfinite().any(1).all()


@over("token-sampler")
def test_sampler_takes_a_single_token(card):
    answer = build(card.name, kind=card.kind, **card.tiny)(
        torch.zeros(2, 1), torch.zeros(2, 0, dtype=torch.int64)
    )
    assert torch.equal(answer, torch.zeros(2, 1))
