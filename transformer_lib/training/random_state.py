"""The random numbers of a run: those of torch, Python and numpy, and of generators of one's own.

(Those of Apple's graphics processors are not kept: torch cannot tell them for a stream.)
"""

import hashlib
import importlib
import random
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from transformer_lib import checks


def random_state(generators: Sequence[Any] = ()) -> dict[str, Any]:
    """Where all random numbers stand.

    Args:
        generators: further ones, of the kinds `torch.Generator`, `random.Random` and
            `numpy.random.Generator`.

    Returns:
        Tensors, numbers and lists, for `set_random_state`.

    Raises:
        ValueError: as `check_generators`.
    """
    check_generators(generators)
    numpy = sys.modules.get("numpy")  # nobody has drawn from what nobody has imported
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
        "python": random.getstate(),
        "numpy": numpy and _listed(numpy.random.get_state(legacy=False)),
        "generators": [_state_of(generator) for generator in generators],
    }


def set_random_state(state: dict[str, Any], generators: Sequence[Any] = ()) -> None:
    """Go on with the random numbers of `random_state`."""
    torch.set_rng_state(state["cpu"])
    if len(state["cuda"]) == len(torch.cuda.get_rng_state_all()):
        torch.cuda.set_rng_state_all(state["cuda"])
    else:
        warnings.warn(
            f"random numbers of accelerators cannot be restored: they come from "
            f"{len(state['cuda'])}, and here are {len(torch.cuda.get_rng_state_all())}",
            RuntimeWarning,
            stacklevel=2,
        )
    random.setstate(state["python"])
    if state["numpy"] is not None:
        importlib.import_module("numpy").random.set_state(state["numpy"])
    for generator, own in zip(generators, state["generators"], strict=True):
        _set_state_of(generator, own)


@contextmanager
def random_numbers_kept(generators: Sequence[Any] = ()) -> Iterator[None]:
    """Whatever is drawn within, afterwards the random numbers are as before."""
    state = random_state(generators)
    try:
        yield
    finally:
        set_random_state(state, generators)


class OwnRandomNumbers:
    """A stream of random numbers apart from that of training: `with own: …` draws from it.

    Args:
        seed: where it begins.

    Raises:
        ValueError: as `seed_all`.
    """

    def __init__(self, seed: int):
        with random_numbers_kept():
            seed_all(seed)
            self._inside = random_state()

    def __enter__(self) -> None:
        self._outside = random_state()
        set_random_state(self._inside)

    def __exit__(self, *_) -> None:
        self._inside = random_state()
        set_random_state(self._outside)


def seed_all(seed: int) -> None:
    """Begin all random numbers anew: torch's, Python's, and numpy's where it is in use.

    Raises:
        ValueError: if `seed` is negative, for which Python would take the positive one.
    """
    checks.at_least(0, seed=seed)
    torch.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)


def derived_seed() -> int:
    """A seed that follows from where torch's random numbers stand; none of them is drawn."""
    state = torch.get_rng_state().numpy().tobytes()
    return int.from_bytes(hashlib.sha256(state).digest()[:7], "big")


def generators_in(batches: Any) -> list[Any]:
    """The generators that a `DataLoader` was given: for its seeds, its order, its batches."""
    places = [batches]
    for name in ("sampler", "batch_sampler", "dataset"):
        places.append(getattr(batches, name, None))
    places.append(getattr(places[2], "sampler", None))
    found = [getattr(place, "generator", None) for place in places]
    return list({id(g): g for g in found if isinstance(g, torch.Generator)}.values())


def check_generators(generators: Sequence[Any]) -> None:
    """Refuse what has no state that can be kept.

    Raises:
        ValueError: naming its kind.
    """
    checks.several(generators=generators)
    for generator in generators:
        if not any(hasattr(generator, n) for n in ("get_state", "getstate", "bit_generator")):
            raise ValueError(
                "generators must be of torch.Generator, random.Random or numpy.random.Generator, "
                f"got {type(generator).__name__}"
            )


def _state_of(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, random.Random):
        return generator.getstate()
    return _listed(generator.bit_generator.state)


def _set_state_of(generator: Any, state: Any) -> None:
    if isinstance(generator, torch.Generator):
        generator.set_state(state)
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.bit_generator.state = state


def _listed(state: Any) -> Any:
    """A state of numpy's with lists instead of arrays."""
    if isinstance(state, dict):
        return {name: _listed(part) for name, part in state.items()}
    return state.tolist() if hasattr(state, "tolist") else state
