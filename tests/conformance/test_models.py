"""Every model does what any model must: shapes, gradients, state, repeatability."""

import copy

import pytest
import torch
from safetensors.torch import load, save

from cartograd.core.build import build
from cartograd.core.spec import Spec
from tests.conformance.support import (
    batch,
    global_state_untouched,
    inputs,
    model_of,
    over,
    signature_of,
)


@over("model")
def test_forward(card):
    model, (x, _) = model_of(card), batch(card)
    answer = model(x)
    assert answer.shape == (6, *model.signature.output.dims)
    assert answer.isfinite().all()
    assert answer.dtype == torch.float32


@over("model")
def test_every_parameter_gets_a_gradient(card):
    model, (x, y) = model_of(card), batch(card, 24)
    names = dict(model.named_parameters())
    for parameter in names.values():  # zeros hide a gradient that flows through them
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    torch.nn.functional.cross_entropy(model(x), y).backward()
    without = [name for name, p in names.items() if p.grad is None or not p.grad.any()]
    assert names
    assert not without
    assert all(p.grad.isfinite().all() for p in names.values())


@over("model")
def test_evaluation_is_deterministic_and_draws_nothing(card):
    model, (x, _) = model_of(card).eval(), batch(card)
    with global_state_untouched():
        first, second = model(x), model(x)
    assert torch.equal(first, second)


@over("model")
def test_the_same_seed_makes_the_same_model(card):
    one, two = model_of(card).state_dict(), model_of(card).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


@over("model")
def test_state_round_trips_through_safetensors(card):
    model, (x, _) = model_of(card), batch(card)
    model(x)  # so that running statistics have moved
    other = model_of(card)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    other.load_state_dict(load(save(model.state_dict())), strict=True)
    assert torch.equal(model.eval()(x), other.eval()(x))


@over("model")
def test_built_again_from_its_full_spec(card):
    model = model_of(card)
    for spec in (Spec.parse(str(model.spec)), Spec.from_json(model.spec.to_json())):
        torch.manual_seed(0)
        again = build(spec)
        assert again.spec == model.spec
        assert again.state_dict().keys() == model.model.state_dict().keys()
        assert all(
            a.shape == b.shape for a, b in zip(again.parameters(), model.parameters(), strict=True)
        )


@over("model")
def test_float64(card):
    model, (x, _) = model_of(card).eval(), batch(card)
    single = model(x)
    double = model.double()(x.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-4, atol=1e-5)


@over("model")
def test_building_leaves_global_settings_alone(card):
    before = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    model_of(card)
    assert (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()) == before


@over("model")
def test_the_input_is_left_alone(card):
    model, (x, _) = model_of(card), batch(card)
    before = x.clone()
    model(x)
    assert torch.equal(x, before)


@over("model")
def test_a_row_does_not_depend_on_the_other_rows(card):
    model, (x, _) = model_of(card).eval().double(), batch(card)
    whole = model(x.double())
    single = torch.cat([model(row[None]) for row in x.double()])
    torch.testing.assert_close(single, whole, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(model(x.double().flip(0)), whole.flip(0), rtol=1e-9, atol=1e-12)


@over("model")
def test_a_row_stands_alone_in_training_too(card):
    """Except under batch normalisation, which is declared by being there."""
    model, (x, _) = model_of(card).double().train(), batch(card)
    if any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in model.modules()):
        with pytest.raises(AssertionError):
            torch.testing.assert_close(model(x[:2].double()), model(x.double())[:2])
        return
    torch.testing.assert_close(model(x[:2].double()), model(x.double())[:2], rtol=1e-9, atol=1e-12)


@over("model")
def test_batches_of_odd_sizes(card):
    model = model_of(card).eval()
    for examples in (1, 2, 7, 33):
        assert len(model(inputs(model.signature, examples))) == examples


@over("model")
def test_odd_image_sizes(card):
    if signature_of(card).input.kind != "image":
        return
    for size in (9, 13, 28, 33):
        model = model_of(card, size=size).eval()
        assert model(inputs(model.signature, 2)).isfinite().all()


@over("model")
def test_two_inputs_give_two_answers(card):
    """A model that ignores its input would pass most of the above."""
    model, (x, y) = model_of(card), batch(card, 24)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(3):  # a perceptron starts from zero
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    answers = model.eval()(x)
    assert (answers[0] - answers[1]).abs().max() > 1e-6


@over("model")
def test_copies_are_equal(card):
    model, (x, _) = model_of(card).eval(), batch(card)
    assert torch.equal(copy.deepcopy(model)(x), model(x))


@over("model")
def test_shapes_without_memory(card):
    """On the meta device, where a dry run counts parameters and follows shapes."""
    with torch.device("meta"):
        model = model_of(card)
        x = torch.empty(3, *model.signature.input.dims)
        assert model.eval()(x).shape == (3, *model.signature.output.dims)


@over("model")
def test_presets_build(card):
    for name in card.presets:
        with torch.device("meta"):
            model = build(name, signature=signature_of(card))
        assert model.spec.name == card.name
        assert all(model.spec.args[key] == value for key, value in card.presets[name].items())


@pytest.mark.compile
@over("model")
def test_exports_with_any_batch_size(card):
    model, (x, _) = model_of(card).eval(), batch(card)
    program = torch.export.export(model, (x,), dynamic_shapes=(({0: torch.export.Dim("batch")},),))
    exported = program.module()
    for examples in (2, 5):
        other = inputs(model.signature, examples, seed=examples)
        torch.testing.assert_close(exported(other), model(other))
