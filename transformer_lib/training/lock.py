"""A lock on a folder: two processes that write the same checkpoints would mix two runs."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from transformer_lib import checks

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of the folder.

    The system holds the lock, on a file that stays there, and lets go of it when the process ends
    in whatever way: a process that was killed blocks nobody.

    Raises:
        ValueError: if another process has the lock.
    """
    checks.a(Path, folder=folder)
    with open(folder / "lock", "ab") as file:
        try:
            _take(file)
        except (BlockingIOError, PermissionError) as error:
            raise ValueError(
                f"checkpoint must be a folder that no other process trains in, got {folder}"
            ) from error
        except OSError as error:  # some network drives have no locks
            warnings.warn(f"{folder} cannot be locked ({error})", RuntimeWarning, stacklevel=3)
            yield
            return
        try:
            yield
        finally:
            _release(file)


def _take(file: IO[bytes]) -> None:
    if fcntl is not None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # children that are forked do not share it
    else:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)


def _release(file: IO[bytes]) -> None:
    if fcntl is not None:
        fcntl.lockf(file, fcntl.LOCK_UN)
    else:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
