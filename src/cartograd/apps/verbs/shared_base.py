"""Several adapters on one base, whose weights are in memory once: each text by its own adapter.

Texts of several adapters are written side by side in one batch, and each as if it were alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.apps.answers.writer import Begun
from cartograd.apps.load.adapter_folder import another, digest, is_adapter
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.load.writing import Writing, kept_as
from cartograd.apps.results.written import Written
from cartograd.apps.verbs.peft_view import with_peft
from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.decoding.joined import OneEach, in_pages
from cartograd.architectures.decoding.underway import Request, Underway
from cartograd.architectures.pretrained.peft_folder import is_peft
from cartograd.core.build import build
from cartograd.core.errors import UsageError, unknown
from cartograd.core.eval_mode import evaluating
from cartograd.core.files import check_manifest
from cartograd.core.inference import PagedCache
from cartograd.core.protocols import Decoder, TokenSampler
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.text.chat import Messages
from cartograd.engine.files.documents import document
from cartograd.engine.files.tensor_files import plain_names, read_tensors
from cartograd.training.adapters.beside import changes
from cartograd.training.adapters.several import OwnAdapters, several, shared


@dataclass(frozen=True)
class Wish:
    """A text to be written.

    Attributes:
        prompt: a text, or a conversation.
        adapter: by which adapter; None by the base alone.
        length: most new tokens.
        seed: of sampling; None is greedy.
    """

    prompt: Messages
    adapter: str | None = None
    length: int = 128
    seed: int | None = None


class SharedBase:
    """A language model, and adapters by which it answers.

    Args:
        base: the model that the adapters belong to: a name, a run, a bundle.
        adapters: their folders, those of their runs, or of PEFT, by the name that each gets.

    Attributes:
        name: of the base.
        adapters: names, in order.

    Raises:
        UsageError: it is no language model, or an adapter is of another base, was learned in part
            as a whole, or has a rounded base.
    """

    def __init__(self, base: Target, adapters: Mapping[str, str | Path] | None = None, /):
        signed = as_signed(base)
        self.name, folders = name_of(signed), dict(adapters or {})
        views, known = dict[str, nn.Module](), dict[tuple[str, ...], str]()
        learning = [one for one in signed.parameters() if one.requires_grad]
        weights = plain_names(signed.model.state_dict())
        for name, folder in folders.items():
            views[name] = _with_adapter(signed, adapter_of(folder), weights, known)
        self.adapters, self._rows = tuple(folders), None
        if views:
            model, self._rows = several(signed.model, views)
            spec, tokenizer = signed.spec, signed.tokenizer
            signed = Signed(model, signed.signature, spec=spec, tokenizer=tokenizer)
        self.writing = Writing(signed)
        for one in learning:  # adapters hold what they stand beside
            one.requires_grad_()
        if self.writing.answers:
            raise UsageError(f"{self.name} answers sources; adapters on one base are for chats")
        if isinstance(self.writing.model.decoder(1, 1), PagedCache):
            self.writing.cache = kept_as("paged")  # requests are of unlike length

    def encoded(self, wish: Wish, /) -> list[int]:
        """The tokens of what is asked.

        Raises:
            UsageError: there is no such adapter, or the prompt is empty or too long.
        """
        if wish.adapter is not None and wish.adapter not in self.adapters:
            raise unknown("adapter", wish.adapter, self.adapters)
        if wish.length < 1:
            raise UsageError(f"length={wish.length} is out of range; expected at least one token")
        return self.writing.encoded(wish.prompt)

    def generate(
        self, wishes: Sequence[Wish], /, *, samplers: Sequence[TokenSampler] = ()
    ) -> list[Written]:
        """Write several texts side by side, each by its adapter and as if it were alone.

        Args:
            wishes: those with a seed are sampled, others greedy; not both at once.
            samplers: applied to the logits of all.

        Raises:
            UsageError: as `encoded`, or some have a seed and others have none.
        """
        rows = [self.encoded(wish) for wish in wishes]
        seeded = [wish.seed is not None for wish in wishes]
        if any(seeded) and not all(seeded):
            raise UsageError("some texts are sampled and others greedy; ask for these apart")
        draws = [_generator(wish.seed) for wish in wishes if wish.seed is not None]
        writing, longest = self.writing, max(wish.length for wish in wishes)
        with evaluating(writing.signed):
            first = writing.begin(rows, longest)
            decoder = first.decoder
            if self._rows is not None:
                numbers = self._rows.numbers([wish.adapter for wish in wishes])
                decoder = OwnAdapters(decoder, self._rows, numbers)
            own = writing.manner.samplers(first, writing.stop)
            found = generate(
                decoder, first.prompt, first.starts, draws or None, length=first.length,
                samplers=[*own, *samplers], stop=writing.stop,
            )  # fmt: skip
        return [
            self._written(wish, row, own[: wish.length])
            for wish, row, own in zip(wishes, rows, found, strict=True)
        ]

    def texts(self) -> Underway:
        """Texts of the base and its adapters, none of them begun, that come and go (`request`)."""
        writing, context = self.writing, self.writing.context
        pages = None if context is None else in_pages(writing.model.decoder(0, context))
        if pages is None:
            return Underway(OneEach(self._alone), stop=writing.stop)
        decoder = pages if self._rows is None else OwnAdapters(pages, self._rows, ())
        return Underway(decoder, stop=writing.stop)

    def request(self, wish: Wish, /, *, samplers: Sequence[TokenSampler] = ()) -> Request:
        """What `texts` takes for a text that is the one that `generate` gives.

        Args:
            wish: what is to be written.
            samplers: applied to the logits.

        Raises:
            UsageError: as `encoded`.
        """
        row, writing = self.encoded(wish), self.writing
        length = min(wish.length, writing.room(row))
        first = Begun(writing.model.decoder(1, 1), torch.zeros(1, len(row)), None, length)
        own = writing.manner.samplers(first, writing.stop)
        draws = None if wish.seed is None else _generator(wish.seed)
        number = -1 if self._rows is None else self._rows.numbers([wish.adapter])[0]
        return Request(row, length, draws, [*own, *samplers], number)

    def _alone(self, capacity: int, own: int) -> Decoder:
        decoder = self.writing.model.decoder(1, capacity)
        return decoder if self._rows is None else OwnAdapters(decoder, self._rows, [own])

    def _written(self, wish: Wish, row: list[int], own: list[int]) -> Written:
        writing, prompt = self.writing, wish.prompt
        kept = [token for token in own if token not in writing.stop]
        asked = prompt if isinstance(prompt, str) else writing.tokenizer.chat(prompt)
        text = writing.text(kept, after=writing.before(row))
        ended = bool(own) and own[-1] in writing.stop
        return Written(asked, text, tuple(own), len(row), ended, 0.0)


def adapter_of(folder: str | Path, /) -> Path:
    """The folder of an adapter, or that of the run that learned it.

    Raises:
        UsageError: there is none.
    """
    for place in (Path(folder), Path(folder) / "adapter"):
        if is_adapter(place) or is_peft(place):
            return Path(place)
    raise UsageError(
        f"{folder} holds no adapter; expected a run that was trained with adapter=, RUN/adapter, "
        "or a folder of PEFT"
    )


def named(words: Sequence[str], /) -> dict[str, Path]:
    """Folders of adapters by name: that of NAME=FOLDER, or that of the run.

    Raises:
        UsageError: two have the same name.

    >>> {name: str(path) for name, path in named(["a=runs/x", "runs/ours/adapter"]).items()}
    {'a': 'runs/x', 'ours': 'runs/ours/adapter'}
    """
    found = dict[str, Path]()
    for word in words:
        name, told, folder = word.partition("=")
        if not told:
            path = Path(word)
            name, folder = path.parent.name if path.name == "adapter" else path.name, word
        if name in found or not name or not folder:
            raise UsageError(
                f"adapter {word!r} needs a name of its own; expected NAME=FOLDER, as ours=runs/ours"
            )
        found[name] = Path(folder)
    return found


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _with_adapter(
    base: Signed, folder: Path, weights: Mapping[str, Tensor], known: dict[tuple[str, ...], str]
) -> nn.Module:
    """A copy of the base that shares its weights, with an adapter beside them.

    Args:
        base: the model.
        folder: the adapter's.
        weights: of the base.
        known: digests of some of these that were computed already, by their names.

    Raises:
        UsageError: it belongs to another base, or is more than changes beside it.
    """
    if is_peft(folder):
        return with_peft(base, shared(base.model), folder)
    check_manifest(folder)
    said = document(folder, "adapter")
    spec, names = Spec.parse(said["adapter"]), tuple(said["tensors"])
    learned = read_tensors(folder / "adapter.safetensors")
    whole = [name for name in learned if ".adapter." not in name]
    if spec.name == "qlora" or whole:
        why = f"holds {whole[0]}, learned as a whole" if whole else "has a base of four bits"
        raise UsageError(f"{folder} {why}, so it shares no base with others; serve its run alone")
    missing = [name for name in names if name not in weights]
    if missing:
        raise another(folder, said, f"has no {missing[0]}")
    if names not in known:
        known[names] = digest((name, weights[name]) for name in names)
    if known[names] != said["digest"]:
        raise another(folder, said, "has other weights")
    view = shared(base.model)
    with torch.random.fork_rng(devices=[]):
        build(without_dropout(spec), kind="adapter")(view)
    _fill(folder, view, learned)
    return view


def without_dropout(spec: Spec, /) -> Spec:
    """An adapter as it answers: nothing is dropped."""
    return replace(spec, args={key: x for key, x in spec.args.items() if key != "dropout"})


def _fill(folder: Path, view: nn.Module, learned: dict[str, Any]) -> None:
    """Put what was learned into the changes.

    Raises:
        UsageError: it is of other layers or shapes.
    """
    own = {
        f"{name}.adapter.{key}": part
        for name, _, change in changes(view)
        for key, part in change.state_dict(keep_vars=True).items()
    }
    if set(own) != set(learned):
        odd = sorted(set(own) ^ set(learned))[0]
        raise UsageError(f"{folder} and its spec differ by {odd}; is the folder whole?")
    with torch.no_grad():
        for name, part in own.items():
            if part.shape != learned[name].shape:
                raise UsageError(
                    f"{folder}: {name} is of shape {tuple(learned[name].shape)}; expected "
                    f"{tuple(part.shape)}"
                )
            part.copy_(learned[name])
