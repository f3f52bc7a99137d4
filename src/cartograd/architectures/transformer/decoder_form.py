"""A decoder for inference: the same function with fused weights and few calls.

As `inference_form` of a LLaMA, for each choice that a `decoder` has: norms of queries and keys,
norms after the parts, windows and layers without positions, a share of the features turned, caps
and sinks, and experts. Queries, keys and values are one product, gate and up another, that of each
expert apart.

    [q k v] = A before(x);   (q, k) <- norm(q, k) e^(i t w);   x <- x + after(B attend(q, k, v))
    [g u] = C before(x);     x <- x + after(D (act(g) * u))

Where a compiler is there, what stands between the products of a token's step is compiled
(`few_tokens`).

Shapes: tokens `b t`; logits `b t v`.

References:
    Reiner Pope et al. Efficiently scaling transformer inference. 2022, MLSys 2023.
    https://arxiv.org/abs/2211.05102
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import attend
from cartograd.architectures.transformer.cache import Cache, CachedDecoder, check_length
from cartograd.architectures.transformer.decoder_form_layer import FormLayer, normed
from cartograd.architectures.transformer.decoder_token import DecoderToken
from cartograd.architectures.transformer.few_tokens import FewTokens, takes
from cartograd.architectures.transformer.few_tokens_proof import exact
from cartograd.architectures.transformer.inference_form import Maker, norm_of, product_of
from cartograd.architectures.transformer.rereading import Rereading
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.architectures.transformer.rotary_scaling import LongRope
from cartograd.architectures.transformer.scored_attention import scored, visible
from cartograd.core.inference import Scoring


class DecoderForm:
    """A decoder in inference form; the model it came from is not needed any more.

    Args:
        model: a `Decoder` with its weights (which has this form as `inference_form`).
        product: makes the products.
    """

    def __init__(self, model: Any, product: Maker, /):
        attention = model.blocks[0].attention
        self.context, self.window, self.reach = model.context, model.window, model.reach
        self.groups, self.width = attention.kv_heads, attention.width
        self.heads = attention.query.out_features // self.width
        self.scale, self.cap, self.output_cap = attention.scale, attention.cap, model.output_cap
        asked: object = product
        with torch.no_grad():
            weight = model.embedding.weight.detach().float()
            last = model.embedding if model.head is None else model.head
            scores = asked.scores if isinstance(asked, Scoring) else product
            self.embedding, self.scaled = weight, model.embedding_scale
            self.head = product_of([last], None, scores)
            self.layers = [
                FormLayer(block, model.rotary.turned, product, scores) for block in model.blocks
            ]
            self.norm, self.eps = norm_of(model.norm)
        self.rotary, self.local = model.rotary, model.local_rotary or model.rotary
        known = all(layer.part.gate_name for layer in self.layers)
        self.compiled = weight.is_cpu and known and exact()

    def decoder(
        self, rows: int, capacity: int, /, *, starts: Int[Tensor, " b"] | None = None
    ) -> CachedDecoder | Rereading:
        """The model in the middle of writing, as `Decoder.decoder`.

        Raises:
            UsageError: the model cannot read that many tokens.
        """
        check_length(capacity, self.context)
        cache = Cache(
            len(self.layers), rows, self.groups, capacity, self.width, torch.float32,
            self.embedding.device, starts=starts,
        )  # fmt: skip
        one = DecoderToken(
            self.layers, self.reach, self.heads, self.groups, self.width, self.eps,
            window=self.window, scale=self.scale, attention_cap=self.cap,
        )  # fmt: skip
        few = self._few() if self.compiled else None
        grown = self.rotary.at_length
        moved = None if self.rotary.by_length else self._moved
        made = CachedDecoder(partial(self._continued, one, few), cache, moved)
        return Rereading(made, grown.context) if isinstance(grown, LongRope) else made

    def _continued(
        self, one: DecoderToken, few: FewTokens | None, tokens: Tensor, cache: Cache, last: bool
    ) -> Float[Tensor, "b t v"]:
        b, t = tokens.shape
        places = cache.positions(t)
        turns = {"f": self._turns(self.rotary, places)}
        turns["w"] = turns["f"] if self._alike else self._turns(self.local, places)
        x = F.embedding(tokens.flatten(), self.embedding)
        x = x if self.scaled == 1 else x * self.scaled
        if few is not None and t == 1 and takes(cache):
            spins = {letter: turn.view(-1, self.width // 2) for letter, turn in turns.items()}
            return self._scores(few(x, spins, cache))[:, None]
        if tokens.numel() == 1 and cache.starts is None and cache.length < cache.capacity:
            return self._scores(one.normed(one(x, turns, cache), self.norm))[None]
        x = self._read(x.view(b, t, -1), turns, cache)
        x = x[:, -1] if last else x
        z = self._scores(F.rms_norm(x, x.shape[-1:], self.norm, self.eps).flatten(0, -2))
        return z.view(b, -1, len(self.embedding))

    @property
    def _alike(self) -> bool:
        return self.local is self.rotary

    def _few(self) -> FewTokens:
        turns = {"f": "f", "w": "f" if self._alike else "w"}
        layers = [
            layer.few(turns.get(letter, ""), self.window if letter in "wm" else None)
            for layer, letter in zip(self.layers, self.reach, strict=True)
        ]
        return FewTokens(
            layers, self.norm, self.heads, self.groups, self.width, self.eps, scale=self.scale,
            cap=self.cap,
        )  # fmt: skip

    def _read(
        self, x: Float[Tensor, "b t d"], turns: dict[str, Tensor], cache: Cache
    ) -> Float[Tensor, "b t d"]:
        b, t, _ = x.shape
        heads, groups, d = self.heads, self.groups, self.width
        mask, rows, eps = cache.mask(t), x.view(b * t, -1), self.eps
        for layer, letter, kept in zip(self.layers, self.reach, cache.layers, strict=True):
            joint = layer.inward(normed(rows, layer.norm1, eps)).view(b, t, heads + 2 * groups, d)
            both = joint[:, :, : heads + groups]
            layer.norm_both(both, heads)
            if letter in turns:
                spun = turns[letter].view(-1, t, 1, d // 2)
                torch.view_as_complex(both.unflatten(3, (-1, 2))).mul_(spun)
            q, k, v = joint.transpose(1, 2).split((heads, groups, groups), 1)
            k, v = kept.append(k, v)
            window = self.window if letter in "wm" else None
            y = self._attended(q, k, v, mask, window, layer.sinks)
            y = layer.outward(y.transpose(1, 2).reshape(b * t, -1))
            rows.add_(normed(y, layer.after1, eps))
            y = layer.part(normed(rows, layer.norm2, eps))
            rows.add_(normed(y, layer.after2, eps))
        return rows.view(b, t, -1)

    def _attended(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, window: int | None,
        sinks: Tensor | None,
    ) -> Tensor:  # fmt: skip
        if self.cap is None and sinks is None:
            return attend(q, k, v, causal=True, mask=mask, window=window, scale=self.scale)
        seen = visible(q.shape[2], k.shape[2], window, q.device)
        seen = seen if mask is None else seen & mask
        return scored(q, k, v, seen, scale=self.scale, attention_cap=self.cap, sinks=sinks)

    def _turns(self, rotary: Rotary, places: Tensor) -> Complex[Tensor, "... t d"]:
        """The rotations at some positions; what a share leaves out is turned by none."""
        speeds = rotary.speeds if rotary.at_length is None else rotary.at_length(places.max() + 1)
        angles = places[..., None].float() * speeds
        turns = torch.polar(torch.full_like(angles, rotary.sharpness), angles)
        return F.pad(turns, (0, self.width // 2 - len(speeds)), value=1)

    def _moved(self, keys: Tensor, by: int) -> Tensor:
        pairs = torch.view_as_complex(keys.unflatten(-1, (-1, 2)).contiguous())
        ways = {"f": self.rotary, "w": self.local}
        for own, letter in zip(pairs, self.reach, strict=True):
            if letter in ways:
                angles = by * ways[letter].speeds
                own[..., : len(angles)] *= torch.polar(torch.ones_like(angles), angles)
        return torch.view_as_real(pairs).flatten(-2)

    def _scores(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n v"]:
        z = self.head(x)
        return z if self.output_cap is None else self.output_cap * (z / self.output_cap).tanh()


def fits(model: nn.Module, /) -> bool:
    """Whether a decoder has this form: pairs of features are turned as complex numbers."""
    attention: Any = model.get_submodule("blocks.0.attention")
    return attention.width % 2 == 0
