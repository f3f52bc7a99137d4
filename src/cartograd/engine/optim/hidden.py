"""Hidden matrices: those weights of a model that Muon is for.

They are the weights of its linear, convolutional, recurrent and attention layers, without those of
the output layer. Embeddings, positions and other tables are no such weights, nor are biases and
norms. Muon's author leaves embeddings and the output layer to AdamW, as their rows belong to words
and classes, each of which has a size of its own.

The output layer is the last such layer in the order in which the model registers them, which is
also the last one for `layer_decay`. There is none
- where it is tied to an embedding, or the model answers with a number for each row of one (words)
  and its last layer does not: then the embedding is the output layer;
- where the last layer is part of a block that is repeated (`blocks.5.feed_forward.down` beside
  `blocks.4.feed_forward.down`): then the model ends in hidden features.

References:
    Keller Jordan et al. Muon: an optimizer for hidden layers in neural networks. 2024.
    https://kellerjordan.github.io/posts/muon/

>>> model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 5), nn.Linear(5, 3))
>>> sorted(hidden(model)), output_layer(model)
(['2.weight'], '3')
"""

from collections.abc import Collection

from torch import nn
from torch.nn.modules.conv import _ConvNd

from cartograd.core.signed import Signed

LAYERS = (nn.Linear, _ConvNd, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)
"""Layers whose matrices multiply what flows through."""
TABLES = (nn.Embedding, nn.EmbeddingBag)


def hidden(module: nn.Module, /) -> set[str]:
    """The names of the hidden matrices, as the module names its parameters."""
    tables = _tables(module)
    last = output_layer(module)
    ids = {
        id(weight)
        for name, part in module.named_modules()
        if isinstance(part, LAYERS) and name != last
        for word, weight in part.named_parameters(recurse=False)
        if "weight" in word and weight.ndim > 1 and id(weight) not in tables
    }
    return {name for name, weight in module.named_parameters() if id(weight) in ids}


def output_layer(module: nn.Module, /) -> str | None:
    """The name of the output layer; None where it is an embedding, or there is none."""
    layers = {name: part for name, part in module.named_modules() if isinstance(part, LAYERS)}
    if not layers:
        return None
    last = list(layers)[-1]
    matrices = [weight for weight in layers[last].parameters(recurse=False) if weight.ndim > 1]
    tied = any(id(weight) in _tables(module) for weight in matrices)
    if tied or _repeated(last, layers) or _answers_by_table(module, [len(w) for w in matrices]):
        return None
    return last


def _tables(module: nn.Module) -> dict[int, int]:
    """The rows of each embedding, by the id of its weight."""
    parts = [part for part in module.modules() if isinstance(part, TABLES)]
    return {id(part.weight): len(part.weight) for part in parts}


def _answers_by_table(module: nn.Module, rows: list[int]) -> bool:
    """Whether each number of an answer belongs to a row of an embedding, and to none of these."""
    if not isinstance(module, Signed) or not module.signature.output.dims:
        return False
    answers = module.signature.output.dims[-1]
    return answers in _tables(module).values() and answers not in rows


def _repeated(name: str, layers: Collection[str]) -> bool:
    """Whether a layer is part of a numbered block beside one that has the same layer."""
    parts = name.split(".")
    places = [place for place, part in enumerate(parts[:-1]) if part.isdigit()]
    for place in places:
        before, after = parts[:place], parts[place + 1 :]
        for other in layers:
            theirs = other.split(".")
            alike = theirs[:place] == before and theirs[place + 1 :] == after
            if alike and other != name and theirs[place].isdigit():
                return True
    return False
