"""Work beside the training: one thing at a time, in a thread of its own."""

import threading
from collections.abc import Callable


class Background:
    """Does what it is given, one after the other; what goes wrong is raised in the caller's thread.

    The thread ends with its task, and Python waits for it at its exit.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def start(self, task: Callable[[], object], /) -> None:
        """Do this as soon as the last is done.

        Raises:
            BaseException: what the last raised.
        """
        self.join()
        self._thread = threading.Thread(target=self._do, args=(task,), name="cartograd-writer")
        self._thread.start()

    def join(self) -> None:
        """Wait for what was started.

        Raises:
            BaseException: what it raised, once.
        """
        self.wait()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def wait(self) -> None:
        """Wait for what was started, however it ends."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _do(self, task: Callable[[], object]) -> None:
        try:
            task()
        except BaseException as error:  # raised again by `join`
            self._error = error
