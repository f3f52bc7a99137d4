"""A language model that is a formula, with the whole history in view."""

import torch


class Toy:
    """Logits that depend on every token before; remembers its rows as lists.

    Args:
        rows, capacity: as of a real one.
        starts: tokens at the left of each row that are padding.
        vocabulary: how many tokens there are.
        seed: another one is another model.
    """

    def __init__(self, rows, capacity, /, *, starts=None, vocabulary=5, seed=0, scale=2.0):
        generator = torch.Generator().manual_seed(seed)
        self.weights = torch.randn(997, vocabulary, generator=generator) * scale
        self.vocabulary, self.capacity = vocabulary, capacity
        self.starts = [0] * rows if starts is None else starts.tolist()
        self.rows = [[] for _ in range(rows)]
        self.work = 0  # tokens read, over all rows

    @property
    def length(self):
        return len(self.rows[0])

    def read(self, tokens, /, *, last=False):
        assert len(tokens) == len(self.rows)
        logits = torch.stack([self._row(i, new) for i, new in enumerate(tokens.tolist())])
        self.work += tokens.numel()
        assert self.length <= self.capacity
        return logits[:, -1:] if last else logits

    def reorder(self, rows, /):
        self.rows = [list(self.rows[i]) for i in rows.tolist()]
        self.starts = [self.starts[i] for i in rows.tolist()]

    def rewind(self, length, /):
        assert length <= self.length
        self.rows = [row[:length] for row in self.rows]

    def _row(self, number, new):
        found = []
        for token in new:
            self.rows[number].append(token)
            found.append(self.after(self.rows[number][self.starts[number] :]))
        return torch.stack(found)

    def after(self, tokens):
        """Logits after a list of tokens."""
        place = 7
        for token in tokens:
            place = (place * 31 + token + 1) % 997
        return self.weights[place]
