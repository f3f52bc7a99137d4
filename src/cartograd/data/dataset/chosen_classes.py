"""Examples of some classes: one alone, or all but one, while the labels stay all of them.

An anomaly detector learns what one class looks like; a model that is to learn a class later is
first trained without it. The test part keeps all, to measure by.
"""

from cartograd.core.errors import UsageError, unknown
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.tensors import assemble


def trained_on(
    data: Dataset, /, *, only: str | int | None = None, without: str | int | None = None
) -> Dataset:
    """Data whose parts for training and validation have some classes.

    Args:
        data: of which each part is held in memory.
        only: the one class that they keep, by name or number.
        without: the one that they do not keep.

    Raises:
        UsageError: there is no such class, or both are named.
    """
    if only is None and without is None:
        return data
    if only is not None and without is not None:
        raise UsageError(f"only={only} and without={without}: give one of the two")
    kept, test = {}, data.test
    for name, part in (("train", data.train), ("valid", data.valid)):
        assert isinstance(part, Split)
        kept[name] = of_class(part, without if only is None else only, but=only is None)
    assert isinstance(test, Split)
    return assemble(data.name, kept | {"test": test}, about=data.about, tokenizer=data.tokenizer)


def of_class(split: Split, named: str | int | None, /, *, but: bool = False) -> Split:
    """The examples of a class, or all but these; all examples where none is named.

    Raises:
        UsageError: there is no such class.
    """
    if named is None:
        return split
    labels, word = split.signature.output.labels, str(named)
    if word not in labels and not (word.isdecimal() and int(word) < len(labels)):
        raise unknown("class", word, labels)
    number = labels.index(word) if word in labels else int(word)
    return split.select(((split.targets == number) ^ but).nonzero().flatten())
