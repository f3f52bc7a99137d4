"""Where chats are written: texts join those under way when they come, and leave when they end.

One thread writes them all, a token of each at a time, for as long as there are some; then it ends,
and the memory of their keys and values is given back. Between two tokens of those under way a piece
of the prompts that wait is read, so that a long one does not stop them; texts that have a prompt in
common (`n` choices of one request) read it once.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby

from cartograd.apps.server.until import Until
from cartograd.apps.verbs.decoded import Pieces
from cartograd.apps.verbs.shared_base import SharedBase
from cartograd.architectures.decoding.underway import New, Request, Underway
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating

TOGETHER = 16
"""Texts that are written at once; others wait for one of these to end."""

PIECE = 32
"""Tokens of prompts that are read between two tokens of those under way: not many steps' time."""


@dataclass(frozen=True)
class Part:
    """What has come of a text.

    Attributes:
        text: new words, often one; none while they may be the beginning of a stop.
        tokens: how many are written by now.
        end: why it ends here, `stop` or `length`; None if it goes on.
    """

    text: str
    tokens: int
    end: str | None = None


@dataclass(eq=False)
class Text:
    """A text that is to be written.

    Attributes:
        request: the prompt, and how it is answered.
        pieces: makes its tokens into words.
        until: where it ends.
        tell: takes its parts, or what went wrong, in the thread that writes; it does not wait.
        tokens: how many are written.
        left: nobody waits for it any longer.
    """

    request: Request
    pieces: Pieces
    until: Until
    tell: Callable[[Part | Exception], None]
    tokens: int = 0
    left: bool = False

    def heard(self, new: New, /) -> bool:
        """Tell of a new token; whether the text goes on."""
        self.tokens += 1
        text = self.until.add(self.pieces.add(new.token))
        ended, end = new.token in self.pieces.stop, None
        if new.last:
            text += self.until.add(self.pieces.rest())
            text += self.until.rest()
            end = "stop" if ended else "length"
        end = "stop" if self.until.met else end
        if text or end:
            self.tell(Part(text, self.tokens, end))
        return end is None


@dataclass(eq=False)
class Desk:
    """Texts that one model and its adapters write side by side.

    Attributes:
        base: the model.
        waiting: texts that have not begun.
        going: those under way, by their number there.
    """

    base: SharedBase
    waiting: list[Text] = field(default_factory=list)
    going: dict[int, Text] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    texts: Underway | None = None
    _thread: threading.Thread | None = None

    def ask(self, *texts: Text) -> None:
        """Have texts written, as soon as there is room."""
        with self.lock:
            self.waiting += texts
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="cartograd-chats", daemon=True
                )
                self._thread.start()

    def leave(self, *texts: Text) -> None:
        """Write no more of these; before its next token each is gone."""
        with self.lock:
            for one in texts:
                one.left = True
            self.waiting = [one for one in self.waiting if not one.left]

    def _work(self) -> None:
        with evaluating(self.base.writing.signed):
            self.texts = self.base.texts()
            while self._fresh():
                self._step(self.texts)

    def _fresh(self) -> bool:
        """Let those go that have left, and those begin that there is room for; whether any is left.

        The thread ends in the moment in which nothing is to be done, so none comes unseen.
        """
        texts = self.texts
        assert texts is not None
        for number in [number for number, one in self.going.items() if one.left]:
            texts.leave(number)
            del self.going[number]
        with self.lock:
            room = TOGETHER - len(self.going)
            fresh, self.waiting = self.waiting[:room], self.waiting[room:]
            if not fresh and not self.going:
                self._thread = self.texts = None
                return False
        still = [one for one in fresh if not one.left]
        for _, alike in groupby(still, key=lambda one: id(one.request.prompt)):
            self._begin(texts, list(alike))
        return True

    def _begin(self, texts: Underway, alike: list[Text]) -> None:
        """Texts of one request, which hold the same prompt."""
        try:
            numbers = texts.begin(*(one.request for one in alike))
        except Exception as error:  # what is wrong with one is not the others' fault
            _failed(error, alike)
            return
        self.going.update(zip(numbers, alike, strict=True))

    def _step(self, texts: Underway) -> None:
        try:
            news = texts.step()
        except Exception as error:
            _failed(error, self.going.values())
            self.going, self.texts = {}, self.base.texts()
            return
        for new in news:
            self._heard(texts, new)
        self._read(texts)

    def _read(self, texts: Underway) -> None:
        """A piece of the prompts that wait."""
        news = list[New]()
        try:
            for new in texts.read(PIECE):
                news.append(new)  # told, too, if something fails after it
        except Exception as error:
            gone = self.going.keys() - set(texts.numbers) - {new.number for new in news}
            _failed(error, [self.going.pop(number) for number in gone])
        for new in news:
            self._heard(texts, new)

    def _heard(self, texts: Underway, new: New) -> None:
        if not self.going[new.number].heard(new):
            texts.leave(new.number)
            del self.going[new.number]


def _failed(error: Exception, texts: Iterable[Text]) -> None:
    """Tell those that wait; a bug goes to the log."""
    if not isinstance(error, UsageError):
        logging.getLogger("uvicorn.error").error("a text failed", exc_info=error)
    for one in texts:
        one.tell(error)
