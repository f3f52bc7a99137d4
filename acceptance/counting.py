"""What counting alone can do: n-grams, word dictionaries, bags of characters.

Baselines for the rows on language, without any network: the best that was known of each kind
before there were any.
"""

from collections.abc import Iterable, Sequence

import numpy as np

Ids = np.ndarray
"""A text as whole numbers, its symbols in a row."""


def kneser_ney(
    train: Sequence[Ids], test: Sequence[Ids], /, *, order: int = 5, symbols: int = 256
) -> float:
    """Bits per symbol of an interpolated Kneser-Ney model of `order` symbols in a row.

    A sequence that was seen pays a discount, which goes to the model of shorter sequences; there,
    it counts after how many different symbols a sequence stood, not how often.

        p_n(w | h) = max(c(h w) - D, 0) / c(h) + D N(h .) / c(h) * p_(n-1)(w | h')

    References:
        R. Kneser, H. Ney. Improved backing-off for m-gram language modeling. ICASSP 1995.
        S. Chen, J. Goodman. An empirical study of smoothing techniques, 1998.
    """
    bits = KneserNey(train, order=order, symbols=symbols).bits
    return float(np.concatenate([bits(text) for text in test]).mean())


class KneserNey:
    """The same, for the bits of each symbol of a text.

    Args:
        train: texts that are counted.
        order: symbols in a row.
        symbols: how many there are.
    """

    def __init__(self, train: Sequence[Ids], /, *, order: int = 5, symbols: int = 256) -> None:
        self.tables, self.symbols = _tables(train, order, symbols), symbols

    def bits(self, text: Ids, /) -> np.ndarray:
        """How unlikely each symbol is behind those before it."""
        text = text.astype(np.int64)
        chance = np.full(len(text), 1.0 / self.symbols)
        for n, table in enumerate(self.tables, start=1):
            if len(text) >= n:
                grams = _grams(text, n, self.symbols)
                chance[n - 1 :] = _mixed(table, grams, chance[n - 1 :], self.symbols)
        return -np.log2(chance)


Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]
"""Sequences with their counts; histories with what they sum to and how many follow; discount."""


def _tables(train: Sequence[Ids], order: int, symbols: int) -> list[Table]:
    """From one symbol to `order`: counts at the top, numbers of different predecessors below."""
    texts = [text.astype(np.int64) for text in train]
    found: list[Table] = []
    longer: np.ndarray | None = None
    for n in range(order, 0, -1):
        if longer is None:
            grams = np.concatenate([_grams(text, n, symbols) for text in texts if len(text) >= n])
        else:
            grams = longer % symbols**n
        keys, counts = np.unique(grams, return_counts=True)
        histories, start = np.unique(keys // symbols, return_index=True)
        sums = np.add.reduceat(counts, start)
        follow = np.diff(np.append(start, len(keys)))
        once, twice = (int((counts == k).sum()) for k in (1, 2))
        discount = once / (once + 2 * twice) if once and twice else 0.5
        found.append((keys, counts, histories, sums, follow, discount))
        longer = keys
    return found[::-1]


def _grams(text: Ids, n: int, symbols: int) -> np.ndarray:
    """Each sequence of n symbols as one number."""
    keys = np.zeros(len(text) - n + 1, dtype=np.int64)
    for i in range(n):
        keys = keys * symbols + text[i : len(text) - n + 1 + i]
    return keys


def _mixed(table: Table, grams: np.ndarray, shorter: np.ndarray, symbols: int) -> np.ndarray:
    """The chances by one order, from those of the order below."""
    keys, counts, histories, sums, follow, discount = table
    place = np.searchsorted(keys, grams).clip(max=len(keys) - 1)
    count = np.where(keys[place] == grams, counts[place], 0)
    history = grams // symbols
    place = np.searchsorted(histories, history).clip(max=len(histories) - 1)
    known = histories[place] == history
    total = sums[place]
    mixed = np.maximum(count - discount, 0) / total + discount * follow[place] / total * shorter
    return np.where(known, mixed, shorter)


Words = Sequence[str]


class Dictionary:
    """Which word stands for which: IBM's first model, by expectation maximisation.

    Each word of a translation was made by one of the source's words, or by none, any of them alike;
    how often a word makes another is what makes the pairs most probable.

        t(f | e) ~ sum over pairs t(f | e) / sum_e' t(f | e')

    References:
        P. Brown et al. The mathematics of statistical machine translation. Computational
        Linguistics 19, 1993.

    Args:
        pairs: sources and translations, as words.
        rounds: of expectation and maximisation.
    """

    def __init__(self, pairs: Iterable[tuple[Words, Words]], /, *, rounds: int = 5) -> None:
        self.sources: dict[str, int] = {"": 0}  # the empty word makes what has no source
        self.targets: dict[str, int] = {}
        left, right, made = [], [], []
        for number, (source, target) in enumerate(pairs):
            e = np.array([0, *(self.sources.setdefault(w, len(self.sources)) for w in source)])
            f = np.array([self.targets.setdefault(w, len(self.targets)) for w in target])
            left.append(np.tile(e, len(f)))
            right.append(np.repeat(f, len(e)))
            made.append(np.repeat(np.arange(len(f)) + (number << 12), len(e)))
        size = max(1, len(self.targets))
        keys, entry = np.unique(
            np.concatenate(left) * size + np.concatenate(right), return_inverse=True
        )
        _, place = np.unique(np.concatenate(made), return_inverse=True)
        e, chance = keys // size, np.ones(len(keys))
        for _ in range(rounds):
            share = chance[entry]
            share /= np.bincount(place, share)[place]
            counts = np.bincount(entry, share, minlength=len(keys))
            chance = counts / np.bincount(e, counts)[e]
        self.chance = {
            (int(k // size), int(k % size)): p for k, p in zip(keys, chance, strict=True)
        }
        order = np.lexsort((-chance, e))
        first = order[np.unique(e[order], return_index=True)[1]]
        words = list(self.targets)
        self.best = {int(e[i]): words[int(keys[i] % size)] for i in first}

    def translated(self, source: Words, /) -> list[str]:
        """Each word's most probable translation, in the source's order; unknown ones stay."""
        numbers = [self.sources.get(word) for word in source]
        return [
            word if number is None else self.best[number]
            for word, number in zip(source, numbers, strict=True)
        ]


def bag_of_tokens(train: tuple[Ids, Ids], test: tuple[Ids, Ids], /, *, tokens: int) -> float:
    """Accuracy of logistic regression on how often each token occurs, its order forgotten."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    def counted(rows: Ids) -> csr_matrix:
        place, _ = np.nonzero(rows)
        ones = np.ones(len(place))
        bag = csr_matrix((ones, (place, rows[rows != 0])), shape=(len(rows), tokens))
        bag.data = np.log1p(bag.data)
        return bag

    model = LogisticRegression(C=1.0, max_iter=300).fit(counted(train[0]), train[1])
    return float(model.score(counted(test[0]), test[1]))
