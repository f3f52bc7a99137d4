"""A recurrent layer: one cell is applied at each step and passes its state to the next.

The weights are those of a torch module and are kept once. There are two ways to run them: torch's
fused kernel, which takes all steps in one call, and the eager cell in its file, step by step, which
also returns its gates. Both give the same numbers.

Stacked layers read what the layer below wrote. A bidirectional one reads the row once from each
end, with weights of its own for each, and joins both states at every step. Rows of unequal length
are padded on the right: no state of a shorter row comes from its padding, and the states written
there are zero.

Shapes: inputs `b t d`; outputs `b t d` of dim features, twice as many if bidirectional; a state is
`n b d`, one for each layer and direction.

Departures: rows of unequal length run through the kernel for equal ones, the second direction over
rows that are turned around within their own lengths; torch's packed sequences, which give the same,
are used on a GPU only (on a CPU they take the LSTM out of its fused kernel).

References:
    Jeffrey Elman. Finding structure in time. Cognitive Science 14, 1990.
    https://doi.org/10.1207/s15516709cog1402_1
    Mike Schuster, Kuldip Paliwal. Bidirectional recurrent neural networks. IEEE Transactions on
    Signal Processing 45, 1997. https://doi.org/10.1109/78.650093
    Alex Graves, Abdel-rahman Mohamed, Geoffrey Hinton. Speech recognition with deep recurrent
    neural networks. 2013 (stacked). https://arxiv.org/abs/1303.5778
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.rnn.scanned import exporting, scanned
from cartograd.training.regularization.dropout import thinned

State = tuple[Tensor, ...]
"""The state of a cell: (h,), or (h, c) of an LSTM; each `b d`, or `n b d` of all layers."""

Gates = dict[str, Tensor]
"""What a cell computed on the way, by name, each `b d`, or `b t d` of all steps."""

Step = Callable[[Tensor, State, Tensor, Tensor], tuple[State, Gates]]
"""A cell: the input's share of its gates `b d` (weights and bias applied), the state before, the
state's weights and bias; gives the state after and the gates."""

KERNELS = {"RNN_TANH": torch.rnn_tanh, "GRU": torch.gru, "LSTM": torch.lstm}


class Recurrence(nn.Module):
    """Layers of a cell, fused or written out.

    Args:
        kernel: torch's module with the weights (`batch_first`); its names are the names here.
        step: the same cell written out.
        fused: whether torch's kernel computes what `step` does; if not, it only keeps the weights.
    """

    def __init__(self, kernel: nn.RNNBase, step: Step, /, *, fused: bool = True):
        super().__init__()
        self.kernel, self.step, self.fused = kernel, step, fused
        self.ways = 2 if kernel.bidirectional else 1
        self.states = 2 if kernel.mode == "LSTM" else 1
        self.layers = kernel.num_layers

    @property
    def width(self) -> int:
        """Numbers of a step's answer: those of the state, in both directions."""
        return self.kernel.hidden_size * self.ways

    def forward(
        self, x: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b t v"]:
        """The last layer's states at every step; zero after the end of a shorter row."""
        if not self.fused or exporting():
            return self.written_out(x, lengths)[0]
        if lengths is None:
            return self.kernel(x)[0]
        if self.ways == 1:
            y = self.kernel(x)[0]
        elif x.is_cuda:
            y = self._packed(x, lengths)
        else:
            y = self._turned(x, lengths)
        return y * _inside(y, lengths)

    def ends(
        self, x: Float[Tensor, "b t d"], lengths: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b v"]:
        """The state after the last step of each row; of a second direction, after its first."""
        return self.last(self(x, lengths), lengths)

    def last(
        self, y: Float[Tensor, "b t v"], lengths: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b v"]:
        """The same, from the states of all steps."""
        if lengths is None:
            ahead = y[:, -1]
        else:
            last = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, y.shape[2])
            ahead = y.gather(1, last)[:, 0]
        if self.ways == 1:
            return ahead
        dim = self.width // 2
        return torch.cat([ahead[:, :dim], y[:, 0, dim:]], 1)

    def start(self, x: Float[Tensor, "b ..."], /) -> State:
        """A state of zeros, for as many rows as `x` has."""
        zero = x.new_zeros(self.layers * self.ways, x.shape[0], self.width // self.ways)
        return (zero,) * self.states

    def read(
        self, x: Float[Tensor, "b t d"], state: State, /
    ) -> tuple[Float[Tensor, "b t v"], State]:
        """Further steps of rows that were read as far as `state`; their outputs, and the state."""
        if not self.fused or exporting():
            y, state, _ = self.written_out(x, None, state)
            return y, state
        y, after = self.kernel(x, state if self.states == 2 else state[0])
        return y, after if self.states == 2 else (after,)

    def written_out(
        self,
        x: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"] | None = None,
        state: State | None = None,
        /,
    ) -> tuple[Float[Tensor, "b t v"], State, list[Gates]]:
        """All steps by the eager cell: outputs, last state, gates of each layer and direction.

        Gates are those of the steps in the order of the row, whichever way it was read. The state
        is that after the row's last step (of the padding, too, where a row is shorter).
        """
        state, ends, seen = state or self.start(x), list[State](), list[Gates]()
        for layer, ways in enumerate(self._weights()):
            parts = []
            for way, weights in enumerate(ways):
                turn = _turn(x, lengths) if way else None
                before = tuple(part[layer * self.ways + way] for part in state)
                y, end, gates = self._along(x if turn is None else _take(x, turn), before, weights)
                if turn is not None:
                    y = _take(y, turn)
                    gates = {name: _take(one, turn) for name, one in gates.items()}
                parts.append(y)
                ends.append(end)
                seen.append(gates)
            x = torch.cat(parts, 2)
            if lengths is not None:
                x = x * _inside(x, lengths)
            if layer < self.layers - 1:
                x = thinned(x, self.kernel.dropout if self.training else 0.0)
        return x, tuple(torch.stack(one) for one in zip(*ends, strict=True)), seen

    def _along(
        self, x: Tensor, state: State, weights: Sequence[Tensor]
    ) -> tuple[Tensor, State, Gates]:
        """One layer in one direction."""
        w_x, w_h, b_x, b_h = weights
        asked, steps, gates = F.linear(x, w_x, b_x), [], []
        if exporting():  # nobody reads the gates there

            def step(carry: State, now: State) -> tuple[State, Tensor]:
                carry, _ = self.step(now[0], carry, w_h, b_h)
                return carry, carry[0]

            state, y = scanned(step, state, (asked.transpose(0, 1),))
            return y.transpose(0, 1), state, {}
        for t in range(x.shape[1]):
            state, now = self.step(asked[:, t], state, w_h, b_h)
            steps.append(state[0])
            gates.append(now)
        named = {name: torch.stack([one[name] for one in gates], 1) for name in gates[0]}
        return torch.stack(steps, 1), state, named

    def _turned(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Both directions by the kernel for rows of equal length, layer by layer."""
        turn = _turn(x, lengths)
        for layer, ways in enumerate(self._weights()):
            ahead, back = self._kernel(x, ways[0]), self._kernel(_take(x, turn), ways[1])
            x = torch.cat([ahead, _take(back, turn)], 2)
            if layer < self.layers - 1:
                x = thinned(x, self.kernel.dropout if self.training else 0.0)
        return x

    def _kernel(self, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
        zero = x.new_zeros(1, x.shape[0], self.width // self.ways)
        start = (zero, zero) if self.states == 2 else zero
        run = KERNELS[self.kernel.mode]
        return run(x, start, weights, True, 1, 0.0, self.training, False, True)[0]

    def _packed(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Both directions by torch's packed sequences."""
        counts = lengths.clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            x, counts, batch_first=True, enforce_sorted=False
        )
        y = self.kernel(packed)[0]
        return nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0]

    def _weights(self) -> list[list[list[nn.Parameter]]]:
        """Of each layer and direction: input's and state's matrices, then their biases."""
        every = self.kernel.all_weights
        return [every[i : i + self.ways] for i in range(0, len(every), self.ways)]


def _inside(x: Tensor, lengths: Tensor) -> Tensor:
    """1 within each row, 0 after its end, for steps along dimension 1."""
    steps = torch.arange(x.shape[1], device=x.device)
    return (steps < lengths[:, None])[:, :, None].to(x.dtype)


def _turn(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Where each step of the turned row comes from: the row turned around, its padding as it is.

    Turning twice gives the row again.
    """
    steps = torch.arange(x.shape[1], device=x.device)
    if lengths is None:
        return steps.flip(0)[None].expand(x.shape[0], -1)
    mirrored = lengths[:, None] - 1 - steps
    return torch.where(mirrored >= 0, mirrored, steps)


def _take(x: Tensor, turn: Tensor) -> Tensor:
    return x.gather(1, turn[:, :, None].expand(-1, -1, x.shape[2]))
