"""Back-translation: into another language and back, a sentence says the same in other words.

Two translators, of any kind, are the thesaurus of whole sentences: word order, tense and choice of
words may change, and the meaning should not. What comes back is only as good as both of them, so
`round_trip` tells how much of the original is left: near 1 nothing was learned from it, near 0 it
is another sentence.

    x' = back(there(x)) for a share of the sentences, x for the others

Shapes: sentences as lists of words; as many sentences.

Departures: a translator here gives one answer; the authors draw theirs (which a translator given
here may do, too, if it is a function of its texts). `cartograd augment` takes two trained runs.

References:
    Rico Sennrich, Barry Haddow, Alexandra Birch. Improving neural machine translation models with
    monolingual data. ACL 2016. https://aclanthology.org/P16-1009
    Qizhe Xie et al. Unsupervised data augmentation for consistency training. NeurIPS 2020.

>>> import torch
>>> there = lambda texts: [text.replace("sad", "triste") for text in texts]
>>> back = lambda texts: [text.replace("triste", "gloomy") for text in texts]
>>> sentences = [["a", "sad", "film"]] * 3
>>> back_translation(sentences, CounterRandom(torch.arange(3)), there, back, p=1.0)[0]
['a', 'gloomy', 'film']
"""

from collections.abc import Callable, Sequence

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.text.words import Sentences

CARD = Card(
    name="back-translation",
    kind="augmentation",
    entry="back_translation",
    nodes=("regularize/augmentation-text",),
    title="Back-translation",
    zh="回译",
    paper="Improving neural machine translation models with monolingual data",
    year=2016,
    url="https://aclanthology.org/P16-1009",
    proofs=(
        "law: the chosen sentences are what both translators make of them, in one call for all, "
        "and the others are as they were; as many are chosen as the share says",
    ),
    evidence={
        "regularize/augmentation-text": (
            "test_the_chosen_ones_are_what_both_make_of_them",
            "test_what_two_translators_make_is_sorted_out",
            "test_translations_are_those_of_generate",
            "acceptance:back-translation",
        ),
    },
    renamed={"share": "p"},
)

Translate = Callable[[list[str]], Sequence[str]]
"""From texts to texts, one for each; `cartograd.generate` with an encoder-decoder is one."""


def back_translation(
    sentences: Sentences,
    rng: CounterRandom,
    there: Translate | None = None,
    back: Translate | None = None,
    /,
    *,
    p: float = 0.5,
) -> list[list[str]]:
    """A share of the sentences, translated and translated back.

    Args:
        sentences: as lists of words.
        rng: random numbers of each sentence: which are changed.
        there: into the other language.
        back: into the own one again.
        p: probability that a sentence is changed.

    Raises:
        UsageError: a translator is missing, or does not give one text for each.
    """
    if there is None or back is None:
        raise UsageError(
            "back-translation needs two translators, functions from texts to texts: "
            "back_translation(sentences, rng, there, back)"
        )
    chosen = rng.happens(p).nonzero()[:, 0].tolist()
    changed = [list(words) for words in sentences]
    texts = round_trip([" ".join(changed[i]) for i in chosen], there, back)
    for i, text in zip(chosen, texts, strict=True):
        changed[i] = text.split() or changed[i]
    return changed


def round_trip(texts: list[str], there: Translate, back: Translate, /) -> list[str]:
    """Texts after two translations; chrF against the originals says how much is left of them.

    Raises:
        UsageError: a translator does not give one text for each.
    """
    for name, translate in (("there", there), ("back", back)):
        if not texts:
            return []
        answers = list(translate(list(texts)))
        if len(answers) != len(texts):
            raise UsageError(
                f"the translator {name!r} gave {len(answers)} texts for {len(texts)}; expected one "
                "for each"
            )
        texts = [str(answer) for answer in answers]
    return texts
