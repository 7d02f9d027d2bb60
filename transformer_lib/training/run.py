"""A training that can be stopped at any moment and goes on as if it had not been.

`train` is the loop; `Run` is what stands around it: what is saved and restored, which other run is
refused, and that model, rates and random numbers are afterwards as they should be.
"""

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.training import parallel
from transformer_lib.training.batches import Reading
from transformer_lib.training.checkpoints import (
    Checkpoint,
    latest_checkpoint,
    save_checkpoint,
    writable_folder,
)
from transformer_lib.training.fingerprint import differences, digest, fingerprint
from transformer_lib.training.history import History
from transformer_lib.training.interrupt import Interrupt
from transformer_lib.training.kept import all_or_nothing, modes_kept
from transformer_lib.training.lock import locked
from transformer_lib.training.plain import plain
from transformer_lib.training.random_state import (
    check_generators,
    derived_seed,
    generators_in,
    random_numbers_kept,
    random_state,
    set_random_state,
)
from transformer_lib.training.rates import Rates
from transformer_lib.training.step import check_weights
from transformer_lib.weights import fill


class Run:
    """Everything of a training that has a state.

    Args:
        model: what is trained.
        loss: as for `train`.
        batches: as for `train`.
        rates: the optimizers and their learning rates.
        evaluate: as for `train`.
        steps: as for `train`.
        every: as for `train`.
        generators: as for `train`.
        settings: numbers by which this run differs from others in the same folder.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[nn.Module, Any], Tensor],
        batches: Iterable,
        rates: Rates,
        *,
        evaluate: Callable[[nn.Module], Any] | None,
        steps: int,
        every: int,
        generators: Sequence[Any],
        settings: dict[str, Any],
    ):
        checks.function(loss=loss)
        if evaluate is not None:
            checks.function(evaluate=evaluate)
        check_generators(generators)
        self.model, self.loss, self.rates, self.evaluate = model, loss, rates, evaluate
        self.steps, self.every, self.settings = steps, every, settings
        self.history, self.folder = History(), None
        found = [g for g in generators_in(batches) if all(g is not own for own in generators)]
        self.generators = [*generators, *found]
        self._given = batches
        # Where the run begins, in all processes and in this one; in a resumed run, where it began.
        self._start = {"reading": parallel.gather(derived_seed())[0]}
        generators = random_state(self.generators)["generators"]
        self._own_start = {"seed": torch.initial_seed(), "generators": generators}

    @contextmanager
    def going(self, checkpoint: str | os.PathLike | None) -> Iterator[History]:
        """Resume or begin; within there are `wrapped`, for the loss to call, and `batches`."""
        with ExitStack() as stack:
            stack.enter_context(modes_kept(self.model))
            stack.callback(self.rates.restore)
            stack.enter_context(self._stopped_in_words())
            stack.enter_context(self._own_folder(checkpoint))
            self._resume_or_begin()
            if not self.model.training:  # a part that alone is in evaluation mode stays in it
                self.model.train()
            self.wrapped = parallel.wrap(self.model)
            alone = self.folder is not None and parallel.world() == 1
            self._interrupt = stack.enter_context(Interrupt(alone))
            yield self.history

    def keep(self) -> None:
        """Evaluate and save where it is time to; save where the user wants to leave."""
        step = len(self.history)
        due = self._is_due(step)
        if not due and not self._interrupt.asked:
            return
        check_weights(self.model, step)
        try:
            if due:
                self._evaluate()
        finally:
            self._save()
        if self._interrupt.asked:
            raise KeyboardInterrupt(f"stopped after step {step}, saved in {self.folder}")

    def _is_due(self, step: int) -> bool:
        return step % self.every == 0 or step == self.steps

    def _evaluate(self) -> None:
        if self.evaluate is None:
            return
        with random_numbers_kept(self.generators), modes_kept(self.model), torch.no_grad():
            self.model.eval()
            result = self.evaluate(self.model)
        result = plain(result, "evaluate must return", tensors=False)
        self.history.scores[len(self.history)] = result

    def _save(self) -> None:
        """Write a checkpoint; of several processes the first one does, and the others wait."""
        if self.folder is None:
            return
        own = {
            "random": random_state(self.generators),
            "start": self._own_start,
            "loss": self.loss.state_dict() if hasattr(self.loss, "state_dict") else None,
        }
        processes = parallel.gather(own)
        if parallel.rank() == 0:
            state = {
                "start": self._start,
                "history": vars(self.history),
                "optimizers": [o.state_dict()["state"] for o in self.rates.optimizers],
                "processes": processes,
            }
            save_checkpoint(self.folder, len(self.history), self.model, state)
        parallel.wait()

    def _resume_or_begin(self) -> None:
        found = None if self.folder is None else latest_checkpoint(self.folder)
        if found is not None:
            self._check(found)
            own = found.state["processes"][parallel.rank()]
            self._start, self._own_start = found.state["start"], own["start"]
            state = random_state() | {"generators": self._own_start["generators"]}
            set_random_state(state, self.generators)
        reading = Reading(self._given, generators=self.generators, seed=self._start["reading"])
        if self.folder is not None:
            now = fingerprint(self.model, self.loss, self.rates.optimizers, **self.settings)
            now |= _seen(reading)
            weights = digest(self.model.state_dict())
            if found is None:
                check_weights(self.model, 0)
                self._start["run"], self._own_start["weights"] = now, weights
                self._save()  # what cannot be saved is better known now than at the first hour
            else:
                self._resume(found, now, weights)
        read = len(self.history) * self.settings["accumulate"]
        self.batches = reading.start(read)
        if found is not None:
            set_random_state(own["random"], self.generators)
            step = len(self.history)
            if step and self._is_due(step) and step not in self.history.scores:
                self._evaluate()  # it was stopped in its evaluation
                self._save()
        self._began_at = len(self.history)

    def _check(self, found: Checkpoint) -> None:
        """Refuse what no other check would name."""
        state, where = found.state, found.folder
        if "processes" not in state:
            raise ValueError(f"checkpoint must be of this version of the package, got {where}")
        for name, then, now in (
            ("processes", len(state["processes"]), parallel.world()),
            ("optimizers", len(state["optimizers"]), len(self.rates.optimizers)),
            ("generators", len(state["processes"][0]["start"]["generators"]), len(self.generators)),
        ):
            if then != now:
                raise ValueError(
                    f"checkpoint must come from as many {name} as go on with it, {now}: "
                    f"{where} comes from {then}"
                )
        if len(state["history"]["loss"]) > self.steps:
            raise ValueError(
                f"steps must be at least {len(state['history']['loss'])}, where {where} stands, "
                f"got {self.steps}"
            )
        had_state = state["processes"][0]["loss"] is not None
        if had_state != hasattr(self.loss, "load_state_dict"):
            had = "a loss with state" if had_state else "a loss without state"
            raise ValueError(f"loss must be of the kind that {where} was saved with, {had}")

    def _resume(self, found: Checkpoint, now: dict[str, Any], weights: str) -> None:
        """Put everything where it was at a checkpoint; or, if it is another run's, nothing."""
        history = found.state["history"]
        others = differences(self._start["run"], now)
        for step, factor in enumerate(history["factor"], 1):
            if not math.isclose(self.rates.factor(step), factor, rel_tol=1e-9, abs_tol=1e-12):
                others.append(f"schedule({step}) was {factor}, is {self.rates.factor(step)}")
                break
        with all_or_nothing(self.model, self.rates.optimizers):
            fill(self.model, found.weights_file)
            if weights != digest(self.model.state_dict()):  # else it has come as far already
                if weights != self._own_start["weights"]:
                    others.append(
                        "weights at the start were others (to go on with this model all the same, "
                        f"fill it with {found.weights_file})"
                    )
                elif torch.initial_seed() != self._own_start["seed"]:
                    others.append(f"seed was {self._own_start['seed']}, is {torch.initial_seed()}")
            if others:
                raise ValueError(
                    f"checkpoint must be a folder of this run or an empty one; in {found.folder} "
                    f"stands another run: {'; '.join(others)}"
                )
            for optimizer, state in zip(
                self.rates.optimizers, found.state["optimizers"], strict=True
            ):
                groups = optimizer.state_dict()["param_groups"]
                optimizer.load_state_dict({"state": state, "param_groups": groups})
            own = found.state["processes"][parallel.rank()]
            if own["loss"] is not None:
                self.loss.load_state_dict(own["loss"])
        for name, values in history.items():
            setattr(self.history, name, values)

    @contextmanager
    def _stopped_in_words(self) -> Iterator[None]:
        """A refusal before the first step draws no random number; a NaN says what is left."""
        before = random_state(self.generators)
        self._began_at = None
        try:
            yield
        except ValueError:
            if self._began_at in (None, len(self.history)):
                set_random_state(before, self.generators)
            raise
        except FloatingPointError as error:
            if self.folder is not None and self._began_at is not None:
                error.args = (f"{error}; the last good checkpoint stays in {self.folder}",)
            raise

    @contextmanager
    def _own_folder(self, checkpoint: str | os.PathLike | None) -> Iterator[None]:
        """Keep other processes out of the folder, where there is one."""
        if checkpoint is None:
            yield
            return
        if parallel.is_sharded(self.model):
            raise ValueError(
                "checkpoint must be None for a sharded model: no process has all of it to write "
                "(see training.sharded.save_sharded)"
            )
        self.folder = writable_folder(checkpoint)
        with nullcontext() if parallel.rank() else locked(self.folder):
            yield


def _seen(reading: Reading) -> dict[str, str]:
    """A name for the first batches; none where they cannot be restored, which is said."""
    seen = digest(*reading.first())
    if reading.indexed and digest(*reading.first()) != seen:
        warnings.warn(
            "batches[n] is another one at each look, so that a resumed run will not be the same: "
            "hand the generator that it draws from to train(generators=…)",
            RuntimeWarning,
            stacklevel=2,
        )
        return {}
    return {"first batches": seen}
