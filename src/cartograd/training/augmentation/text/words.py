"""What the operations on sentences share: the words that carry little meaning, and synonyms."""

from collections.abc import Callable, Sequence

Sentences = Sequence[Sequence[str]]
"""Sentences as lists of words."""

Thesaurus = Callable[[str], Sequence[str]]
"""From a word to its synonyms, of which some may be several words with spaces between them."""

_STOP_WORDS = """
    a about above after again against all am an and any are as at be because been before being
    below between both but by can could did do does doing don down during each few for from
    further had has have having he her here hers herself him himself his how i if in into is it
    its itself just me more most my myself no nor not now of off on once only or other our ours
    ourselves out over own s same she should so some such t than that the their theirs them
    themselves then there these they this those through to too under until up very was we were
    what when where which while who whom why will with would you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that are left as they are: what another one would mean, a thesaurus does not know."""


def known(thesaurus: Thesaurus | None, /) -> Thesaurus:
    """The thesaurus that was given, or WordNet.

    Raises:
        UsageError: none was given, and WordNet has not been fetched.
    """
    if thesaurus is not None:
        return thesaurus
    from cartograd.data.store.wordnet import wordnet

    return wordnet().synonyms


def count(words: int, share: float, /) -> int:
    """How many words a share of a sentence is; at least one."""
    return max(1, int(share * words))


def longest(sentences: Sentences, /) -> int:
    """Words of the longest sentence."""
    return max((len(words) for words in sentences), default=0)
