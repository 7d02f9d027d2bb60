"""Memory of the fused form against the formula, each in a process of its own."""

import json
import re
import subprocess
import sys
from pathlib import Path

TITLE = "Memory of attention at 8,192 tokens, fused against unfused"
NOTE = (
    "One sequence of 8,192 tokens, 4 heads, d_model 256, float32. Peak of the resident memory of a "
    "fresh process, less what it held after a warm-up at 64 tokens. `attention` is the formula "
    "alone, with queries, keys and values given; `layer` has the projections too."
)
LINUX = Path("/proc/self/status")
HEAD = ("what", "pass", "fused, MB", "unfused, MB", "unfused / fused")


def rows(quick: bool):
    """Measure the formula and the layer, forward and backward."""
    for what in ("attention", "layer"):
        for backward in (False, True):
            fused, unfused = (_peak(what, backward, f, 1024 if quick else 8192) for f in (1, 0))
            name = "forward and backward" if backward else "forward"
            yield what, name, f"{fused:,.0f}", f"{unfused:,.0f}", f"{unfused / max(fused, 1):.0f}"


def _peak(what: str, backward: bool, fused: int, seq_len: int) -> float:
    """Start this file as a process and read its answer, in MB."""
    case = json.dumps([what, backward, fused, seq_len])
    command = [sys.executable, __file__, case]
    return float(subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout)


def _measure(what: str, backward: bool, fused: int, seq_len: int) -> float:
    import resource

    import torch
    from measure import THREADS

    from transformer_lib.layers.attention import attention
    from transformer_lib.layers.kernels import attend
    from transformer_lib.layers.multi_head import MultiHeadAttention

    torch.set_num_threads(THREADS)
    layer = MultiHeadAttention(256, 4)

    def run(length: int) -> None:
        if what == "layer":
            out = layer(torch.randn(1, length, 256), return_weights=not fused)
            out = out if fused else out[0]
        else:
            q, k, v = (torch.randn(1, 4, length, 64, requires_grad=backward) for _ in range(3))
            out = attend(q, k, v)[0] if fused else attention(q, k, v)
        if backward:
            out.sum().backward()

    def held() -> float:
        if LINUX.exists():  # getrusage would count the process that started this one
            peak = re.search(r"VmHWM:\s+(\d+) kB", LINUX.read_text(encoding="utf-8"))
            return int(peak.group(1)) / 1e3
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS

    with torch.set_grad_enabled(backward):
        run(64)
        before = held()
        run(seq_len)
    return held() - before


if __name__ == "__main__":
    print(_measure(*json.loads(sys.argv[1])))
