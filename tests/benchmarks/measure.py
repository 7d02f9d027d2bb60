"""How the benchmarks measure: everything side by side, in one process, in turns."""

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

THREADS = 2


def machine() -> str:
    """The machine in one line, for the reader of a table."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    can = [name for name, has in torch.cpu.get_capabilities().items() if has is True]
    products = [name for name in can if name.startswith(("avx", "amx", "sve"))]
    native = {"avx512_bf16", "amx_bf16"} & set(can)
    return (
        f"{model}, {THREADS} threads, {', '.join(products) or 'no vector extension named'}; "
        f"{'with' if native else 'no'} bfloat16 products; torch {torch.__version__}, "
        f"Python {platform.python_version()}, {platform.system()}"
    )


def side_by_side(
    ours: Callable[[], object], theirs: Callable[[], object], seconds: float
) -> tuple[float, float, list[float]]:
    """Run two functions in turns, A B, B A, A B, …, and compare each pair.

    Whatever else slows the machine down slows both of a pair.

    Returns:
        Median time of each, in seconds, and the sorted ratios ours / theirs of all pairs.
    """
    times = ([], [])
    for _ in range(2):  # to warm up
        ours(), theirs()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 9:
        turn = len(times[0]) % 2
        for which in (turn, 1 - turn):
            start = time.perf_counter()
            (ours, theirs)[which]()
            times[which].append(time.perf_counter() - start)
    ratios = sorted(a / b for a, b in zip(*times, strict=True))
    return statistics.median(times[0]), statistics.median(times[1]), ratios


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
