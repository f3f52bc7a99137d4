"""Every detector of poisoned examples leaves the model alone and says the same each time."""

import torch

from cartograd.core.build import build
from tests.conformance.support import global_state_untouched, over, untouched
from tests.conformance.test_studies import many


@over("detector")
def test_a_detector_leaves_no_trace_and_repeats(card):
    model, x, y = many(card)
    detector = build(card.name, kind=card.kind, **card.tiny)
    before = x.clone()
    with global_state_untouched(), untouched(model):
        first = detector(model, x, y, (x[:30], y[:30]))
    assert torch.equal(x, before)
    again = detector(many(card)[0], x, y, (x[:30], y[:30]))
    assert torch.equal(first.scores, again.scores)
    assert torch.equal(first.flagged, again.flagged)
    assert first.scores.isfinite().all()


@over("detector")
def test_a_detector_works_under_no_grad_and_with_frozen_weights(card):
    expected = build(card.name, kind=card.kind, **card.tiny)
    model, x, y = many(card)
    told = expected(model, x, y, (x[:30], y[:30]))
    model.requires_grad_(False)
    with torch.no_grad():
        again = expected(model, x, y, (x[:30], y[:30]))
    assert torch.equal(told.scores, again.scores)
