"""How the benchmarks measure: everything side by side, in one process, in turns."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

THREADS = int(os.environ.get("OMP_NUM_THREADS", 2))
LIMIT = 3.0  # seconds for one call: what takes longer is left out
ROUNDS = 7  # at least
QUIET = 0.1  # cores that other programs may use while a table is measured that is kept


def has_bf16_products() -> bool:
    """Whether this CPU multiplies bfloat16 numbers by itself."""
    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16"))


def kind() -> str:
    """The kind of processor: tables of different kinds stand beside each other."""
    if torch.cpu.get_capabilities().get("amx_bf16"):
        return "With bfloat16 tiles (AMX)"
    return f"{'With' if has_bf16_products() else 'No'} bfloat16 products"


class Others:
    """Measures what everyone else used of the machine while a block ran: `.cores`, 1 for one.

    Everyone else: all processes but this one and what it started. (The machine's whole time less
    ours would count a browser of ours, whose many processes nobody waits for.)
    """

    def __enter__(self) -> "Others":
        self._clock, self._seconds = time.perf_counter(), self._read()
        return self

    def __exit__(self, *error: object) -> None:
        wall = time.perf_counter() - self._clock
        used = {pid: s - self._seconds.get(pid, 0.0) for pid, s in self._read().items()}
        self.cores = max(0.0, sum(used.values()) / wall)

    @staticmethod
    def _read() -> dict[int, float]:
        """Processor seconds of each of the others, those of the children that it saw end too."""
        me = psutil.Process()
        ours = {me.pid, *(child.pid for child in me.children(recursive=True))}
        times = {p.pid: p.info["cpu_times"] for p in psutil.process_iter(["cpu_times"])}
        # The first process inherits whom nobody waits for, our browser too.
        return {
            pid: t.user + t.system + (t.children_user + t.children_system if pid != 1 else 0.0)
            for pid, t in times.items()
            if t is not None and pid not in ours
        }


def machine() -> str:
    """The machine in one line, for the reader of a table."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line for line in lines if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    can = [name for name, has in torch.cpu.get_capabilities().items() if has is True]
    products = [name for name in can if name.startswith(("avx", "amx", "sve"))]
    kept = "freed memory kept; " if "MALLOC_TRIM_THRESHOLD_" in os.environ else ""
    return (
        f"{model}, {THREADS} threads, {', '.join(products) or 'no vector extension named'}; "
        f"{'with' if has_bf16_products() else 'no'} bfloat16 products; {kept}"
        f"torch {torch.__version__}, Python {platform.python_version()}, {platform.system()}"
    )


def side_by_side(*functions: Callable[[], object], seconds: float) -> list[list[float]] | None:
    """Run functions in turns, A B C, C B A, A B C, …, and time every call.

    Whatever else slows the machine down slows all of a round.

    Args:
        functions: what to run.
        seconds: for how long; at least ROUNDS rounds are made.

    Returns:
        For each function its times in seconds, one of every round; None where a call takes longer
        than LIMIT.
    """
    for function in functions:
        for _ in range(2):  # the first call warms up
            start = time.perf_counter()
            function()
            took = time.perf_counter() - start
            if took > 2 * LIMIT:
                return None
        if took > LIMIT:
            return None
    times = [[] for _ in functions]
    order = list(range(len(functions)))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < ROUNDS:
        for which in order:
            start = time.perf_counter()
            functions[which]()
            times[which].append(time.perf_counter() - start)
        order.reverse()
    return times


def cells(times: list[list[float]] | None, opponents: int = 1) -> list[str]:
    """The cells of a table: median times in ms, then each opponent's ratio to the first."""
    if times is None:
        return ["left out"] * (1 + 2 * opponents)
    ours, *theirs = times
    medians = [1e3 * statistics.median(t) for t in times]
    shown = [f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}" for ms in medians]
    return shown + [spread([b / a for a, b in zip(ours, t, strict=True)]) for t in theirs]


def spread(ratios: list[float]) -> str:
    """Median and quartiles of ratios, as a cell of a table."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def passes(layer: torch.nn.Module, x: torch.Tensor, call: Callable) -> dict[str, Callable]:
    """The two passes that are timed: evaluation without gradients, and a step of training."""
    seed = torch.randn_like(x)

    def forward():
        with torch.no_grad():
            call(layer.eval(), x)

    def forward_and_backward():
        layer.train().zero_grad(set_to_none=True)
        call(layer, x).backward(seed)

    return {"forward": forward, "forward and backward": forward_and_backward}
