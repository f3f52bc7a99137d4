"""Every augmentation: what it keeps, and that an example's change is the example's own."""

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.augment import kind_of
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.dataset.dataset import Split
from tests.conformance.subjects import AUGMENTED
from tests.conformance.support import global_state_untouched, offered, over

N = 12


def subject(card, **more):
    """The method with its tiny arguments, and examples for it."""
    own = offered(card, "augmented", AUGMENTED)
    examples, rest = (own or AUGMENTED[kind_of(card)])(N)
    method = build(card.name, kind=card.kind, **card.tiny)
    return (lambda x, rng: method(x, rng, *rest)), examples


def rng(n=N, epoch=3, seed=1):
    return CounterRandom(torch.arange(n), seed=seed, epoch=epoch)


def rows(examples, index):
    return examples[index] if isinstance(examples, torch.Tensor) else [examples[i] for i in index]


def same(a, b):
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@over("augmentation")
def test_augmentation_keeps_shape_type_and_bounds(card):
    method, x = subject(card)
    if kind_of(card) == "text":
        found = method(x, rng())
        assert len(found) == N
        assert all(words and all(isinstance(word, str) for word in words) for words in found)
        return
    for dtype in (torch.float32, torch.float64):
        found = method(x.to(dtype), rng())
        assert (found.shape, found.dtype) == (x.shape, dtype)
        assert found.isfinite().all()
        if kind_of(card) == "image":
            assert found.min() >= 0
            assert found.max() <= 1
            assert method(x.to(dtype)[:, :1], rng()).shape == (N, 1, *x.shape[2:])


@over("augmentation")
def test_augmentation_of_bytes_is_that_of_numbers_rounded(card):
    if kind_of(card) != "image":
        return
    method, x = subject(card)
    levels = (255 * x).round().byte()
    found = method(levels, rng())
    assert found.dtype == torch.uint8
    assert (found - 255 * method(levels.float() / 255, rng())).abs().max() <= 0.51


@over("augmentation")
def test_augmentation_of_an_example_is_its_own(card):
    """The same for any batch that it is in, at any place of it."""
    method, x = subject(card)
    whole = method(x, rng())
    order = torch.randperm(N)
    for index in (order, order[:5], torch.tensor([7]), torch.arange(N - 1, -1, -2)):
        part = method(rows(x, index), rng().of(index))
        if isinstance(part, torch.Tensor):
            torch.testing.assert_close(part, whole[index], rtol=0, atol=2e-6)
        else:
            assert part == rows(whole, index)


@over("augmentation")
def test_augmentation_repeats_and_differs(card):
    """By epoch, by seed and between equal examples; never from call to call."""
    method, x = subject(card)
    first = method(x, rng())
    assert same(first, method(x, rng()))
    assert not same(first, x)
    assert not same(first, method(x, rng(epoch=4)))
    assert not same(first, method(x, rng(seed=2)))
    alike = method(rows(x, torch.zeros(N).long()), rng())
    assert any(not same(alike[0], one) for one in alike[1:])


@over("augmentation")
def test_augmentation_changes_nothing_but_its_answer(card):
    method, x = subject(card)
    before = x.clone() if isinstance(x, torch.Tensor) else [list(words) for words in x]
    with global_state_untouched():
        method(x, rng())
    assert same(x, before)


@over("augmentation")
def test_augmentation_lets_gradients_through(card):
    """Everything but text is a function of numbers, differentiable nearly everywhere."""
    method, x = subject(card)
    if kind_of(card) == "text":
        return
    x = x.double().requires_grad_()
    found = method(x, rng())
    weight = torch.randn_like(found)
    (gradient,) = torch.autograd.grad((found * weight).sum(), x)
    assert gradient.isfinite().all()
    assert gradient.flatten(1).any(1).sum() >= N // 2


@over("augmentation")
def test_augmentation_in_training_batches(card):
    """Any batch size gives the same examples; what does not fit the inputs is refused."""
    _, x = subject(card)
    spec = str(card.name) + "".join(f":{key}={value}" for key, value in card.tiny.items())
    label = Port("class", "label", (N,))
    if kind_of(card) == "text":
        text = Signature((Port("text", "text", (8,), "int64"),), (label,))
        with pytest.raises(UsageError, match="changes sentences, not the batches"):
            Split(torch.zeros(N, 8).long(), torch.arange(N), text).batches(augment=spec)
        return
    bounds = (0.0, 1.0) if kind_of(card) == "image" else None
    port = Port("input", kind_of(card), tuple(x.shape[1:]), "float32", bounds)
    split = Split(x.float(), torch.arange(N), Signature((port,), (label,)))
    found = []
    for size in (5, N):
        batches = split.batches(batch_size=size, augment=spec)
        inputs, targets = (
            torch.cat(parts) for parts in zip(*batches.epoch(2, seed=4), strict=True)
        )
        found.append(inputs[targets.argsort()])
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=2e-6)
    assert not torch.equal(found[0], x.float())
    row = Signature((Port("row", "vector", (3,)),), (label,))
    with pytest.raises(UsageError, match="'vector'"):
        Split(torch.rand(N, 3), torch.arange(N), row).batches(augment=spec)
