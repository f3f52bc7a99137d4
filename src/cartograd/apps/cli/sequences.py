"""Pictures of recurrent models: gates along a sequence, and a translator's attention."""

from pathlib import Path

import torch

from cartograd.apps.cli import output
from cartograd.core.errors import UsageError

LONGEST = 80
"""Tokens of an answer that is drawn."""


def gates(target: str, source: str, out: Path, json: bool) -> int:
    """Every gate of a trained recurrent model along one row."""
    from cartograd.apps.cli import pictures
    from cartograd.apps.load.target import as_signed
    from cartograd.apps.verbs.predict import prepared
    from cartograd.architectures.rnn.gates import gates_of

    model = as_signed(target)
    inputs, _ = prepared(model, [source])
    found = gates_of(model, inputs[:1])
    layers = {
        name.removeprefix("model."): {gate: one[0] for gate, one in each.items()}
        for name, each in found.items()
    }
    labels = _texts(model.tokenizer, inputs[0]) if inputs.ndim == 2 else []
    pictures.gates(out, layers, labels)
    rows = [
        {"layer": name, "gate": gate, "mean": one.mean().item(), "saturated": _saturated(one)}
        for name, each in layers.items()
        for gate, one in each.items()
    ]
    if json:
        output.emit({"picture": out, "gates": rows})
        return 0
    output.table(
        ("layer", "gate", "mean", "saturated"),
        [(r["layer"], r["gate"], f"{r['mean']:.3f}", f"{r['saturated']:.0%}") for r in rows],
        right=("mean", "saturated"),
    )
    print(f"picture  {out}")
    return 0


def alignment(target: str, source: str, out: Path, json: bool) -> int:
    """A trained translator's answer, and its attention weights for each token."""
    from cartograd.apps.cli import pictures
    from cartograd.apps.load.writing import Writing
    from cartograd.architectures.decoding.generate import generate
    from cartograd.architectures.seq2seq.encoder_decoder import EncoderDecoder, attention_of

    writing = Writing(target)
    model, tokenizer = writing.signed.model, writing.tokenizer
    if not isinstance(model, EncoderDecoder):
        raise UsageError(f"{target} is no recurrent encoder-decoder; expected a run of seq2seq")
    rows = [writing.encoded(source)]
    begun = writing.begin(rows, LONGEST)
    model.eval()
    with torch.inference_mode():
        [answer] = generate(begun.decoder, begun.prompt, length=begun.length, stop=writing.stop)
        read = torch.tensor(rows)
        written = torch.cat([begun.prompt, torch.tensor([answer[:-1]]).long()], 1)
        weights = attention_of(model, read, written)[0]
    left, top = _texts(tokenizer, torch.tensor(answer)), _texts(tokenizer, read[0])
    pictures.aligned(out, weights, left, top)
    if json:
        output.emit(
            {"picture": out, "answer": tokenizer.decode(answer), "weights": weights.tolist()}
        )
        return 0
    print(tokenizer.decode(answer))
    print(f"picture  {out}")
    return 0


def _texts(tokenizer: object, tokens: torch.Tensor) -> list[str]:
    from cartograd.data.text.tokenizer import Tokenizer

    if isinstance(tokenizer, Tokenizer):
        return [tokenizer.decode([token]) or str(token) for token in tokens.tolist()]
    return [chr(token) if 32 <= token < 127 else str(token) for token in tokens.tolist()]


def _saturated(gate: torch.Tensor) -> float:
    """The share of numbers so far out that they hardly learn: within 0.05 of the end."""
    ends = (gate.abs() > 0.95) | ((gate.min() >= 0) & (gate < 0.05))
    return ends.float().mean().item()
