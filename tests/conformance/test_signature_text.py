"""What is read of a signature before its method is imported is what `build` finds in it."""

from cartograd.core import known, registry, source
from cartograd.core.build import hyperparameters
from cartograd.core.spec import Spec


def test_signatures_read_as_text_are_those_of_the_imported_methods():
    for card in registry.cards().values():
        text = {item.name: item.annotation for item in source.arguments(card)}
        real = hyperparameters(card)
        assert list(text) == list(real), card.module
        known.check(Spec(card.name, card.tiny), kind=card.kind)
        for preset in card.presets:
            known.check(preset, kind=card.kind)
