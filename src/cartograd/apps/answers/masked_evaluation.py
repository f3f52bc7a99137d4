"""Masked evaluation: tokens are masked to measure masked language models."""

from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Examples, Split
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.training.objectives.masked_language_model import MaskedLanguageModel

SEED = 0
"""Seed of the masks: every evaluation masks the same tokens."""


def masked_examples(model: Signed, examples: Examples, /) -> Examples:
    """The texts with words hidden as in training, 15 % of them, which alone are to be guessed.

    Args:
        model: if its task is to name hidden tokens and its tokenizer has one that hides others, it
            is one that fills gaps; for others the examples stay as they are.
        examples: texts that are their own targets.
    """
    tokenizer = model.tokenizer
    if not model.signature.task.hides or tokenizer is None or tokenizer.mask is None:
        return examples
    whole = examples.select(range(len(examples)))
    changed, chosen = MaskedLanguageModel(model=model).gaps(whole.inputs, SEED)
    targets = whole.targets.masked_fill(~chosen, IGNORED)
    return Split(changed, targets, whole.signature, whole.names)
