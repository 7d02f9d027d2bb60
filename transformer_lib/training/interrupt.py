"""Ctrl-C at a moment that suits: between two steps, when all that is known can be saved."""

import signal
import threading


class Interrupt:
    """Ctrl-C waits for the end of the step, which can then be saved; a second one does not wait.

    Args:
        active: whether it waits at all.
    """

    def __init__(self, active: bool):
        self.asked, self._before = False, None
        self._active = active and threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "Interrupt":
        if self._active and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, kind, *_) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self.asked and kind is None:  # it came after the last step
            raise KeyboardInterrupt

    def _ask(self, number, frame) -> None:
        if self.asked:
            self._before(number, frame)
        self.asked = True
