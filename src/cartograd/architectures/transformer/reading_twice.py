"""Encoder-decoders that read: a text goes through both, and the decoder's features answer.

The decoder reads the text that the encoder read, shifted right behind its first token, so that the
features of a position stand for all before it, and those of the text's end for the whole.

References:
    Mike Lewis et al. BART: denoising sequence-to-sequence pre-training for natural language
    generation, translation, and comprehension. 2019, ACL 2020. https://arxiv.org/abs/1910.13461

>>> shifted(torch.tensor([[7, 8, 2, 0]]), 1).tolist()
[[1, 7, 8, 2]]
>>> of_the_end(torch.arange(4.0).view(1, 4, 1), torch.tensor([[7, 2, 2, 0]]), 2).tolist()
[[2.0]]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def shifted(tokens: Int[Tensor, "b t"], begin_id: int, /) -> Int[Tensor, "b t"]:
    """What the decoder reads of texts: all but the last token, behind the first of answers."""
    return torch.cat([torch.full_like(tokens[:, :1], begin_id), tokens[:, :-1]], 1)


def of_the_end(
    x: Float[Tensor, "b t d"], tokens: Int[Tensor, "b t"], end_id: int, /
) -> Float[Tensor, "b d"]:
    """The features where each text ends: at its last `end_id`, or at the first token if none is."""
    places = torch.arange(tokens.shape[1], device=tokens.device)
    last = ((tokens == end_id) * places).argmax(1)
    return x.gather(1, last[:, None, None].expand(-1, 1, x.shape[2]))[:, 0]
