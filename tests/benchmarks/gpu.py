"""What the three tables of a GPU share: the models, how they are compiled and how measured."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config, GPT2LMHeadModel
from x_transformers import Decoder, TransformerWrapper

from transformer_lib.models.gpt import GPT, GPTConfig

# Products of dense bfloat16 matrices, 10^12 operations a second, as NVIDIA's data sheets give them.
PEAK = {"A100": 312, "H100": 989, "H200": 989}
MINUTES = 10  # for all tables together
MEASURED = ("tokens a second", "share of the peak", "memory, GiB")


def device() -> torch.device:
    """The GPU; without one the CPU, on which a dry run shows that all of it works."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass
class Clock:
    """When the time for a GPU is over; what comes later is not measured."""

    start: float = field(default_factory=time.perf_counter)

    def is_over(self) -> bool:
        """Whether no further model is begun."""
        return time.perf_counter() - self.start > 60 * MINUTES


CLOCK = Clock()


@dataclass(frozen=True)
class Size:
    """Of a GPT: by default GPT-2's small one, 124 million parameters."""

    d_model: int = 768
    num_heads: int = 12
    num_layers: int = 12
    vocab_size: int = 50_304  # GPT-2's 50,257, rounded up to a multiple of 64


TINY = Size(16, 2, 2, 50)


def gpts(size: Size, length: int) -> dict[str, Callable[[], nn.Module]]:
    """How to make a GPT-2 of this size: ours, Hugging Face's, that of x-transformers."""
    return {
        "ours": lambda: GPT(
            GPTConfig(
                size.vocab_size, max_len=length, d_model=size.d_model, num_heads=size.num_heads,
                num_layers=size.num_layers, d_ff=4 * size.d_model, dropout=0.0,
            )
        ),
        "Hugging Face": lambda: GPT2LMHeadModel(
            GPT2Config(
                vocab_size=size.vocab_size, n_positions=length, n_embd=size.d_model,
                n_layer=size.num_layers, n_head=size.num_heads, resid_pdrop=0, embd_pdrop=0,
                attn_pdrop=0, use_cache=False, bos_token_id=0, eos_token_id=0,
                attn_implementation="sdpa",
            )
        ),
        "x-transformers": lambda: TransformerWrapper(
            num_tokens=size.vocab_size, max_seq_len=length, tie_embedding=True,
            attn_layers=Decoder(
                dim=size.d_model, depth=size.num_layers, heads=size.num_heads,
                attn_dim_head=size.d_model // size.num_heads, attn_flash=True,
            ),
        ),
    }  # fmt: skip


def compiled(model: nn.Module) -> nn.Module:
    """The model as `torch.compile` makes it; a dry run only traces it."""
    return torch.compile(model, backend="inductor" if device().type == "cuda" else "eager")


def compare(
    makers: dict[str, Callable[[], nn.Module]],
    task: Callable[[nn.Module, nn.Module], Callable[[], object]],
    tokens: int,
    *,
    quick: bool,
) -> Iterator[tuple]:
    """Build each model by itself, run its task, and yield a row with name and MEASURED.

    Args:
        makers: by name, how to make each; ours first, whose operations count for all.
        task: makes of a model, and of what is called in its place, what is timed.
        tokens: that one call handles.
        quick: one call each.
    """
    operations = None
    for name, make in makers.items():
        if CLOCK.is_over():
            yield name, *["not measured: the time was over"] * len(MEASURED)
            continue
        _empty()
        before = _memory()
        model = make().to(device(), torch.bfloat16)
        if operations is None:  # uncompiled, where every product can be seen
            with FlopCounterMode(display=False) as counter:
                task(model, model)()
            operations = counter.get_total_flops()
        call = task(model, compiled(model))
        for _ in range(1 if quick else 3):  # compiles, and warms up
            call()
        if device().type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seconds = _seconds(call, 0.0 if quick else 5.0)
        yield name, f"{tokens / seconds:,.0f}", _share(operations / seconds), _gib(before)
        del model, call
        torch.compiler.reset()


def training(loss: Callable[[Callable], Tensor]) -> Callable:
    """The task of one step: forward, backward and AdamW; `loss` takes what is called."""

    def task(model: nn.Module, called: nn.Module) -> Callable[[], None]:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

        def step() -> None:
            model.train()
            loss(called).backward()
            optimizer.step()
            optimizer.zero_grad()

        return step

    return task


def logits(found) -> Tensor:
    """The logits in what a model returns: ours is a tensor, Hugging Face's a record."""
    return getattr(found, "logits", found)


def _seconds(call: Callable[[], object], at_least: float) -> float:
    """Median time of a call; the GPU has finished before the clock is read."""
    times, end = [], time.perf_counter() + at_least
    while not times or time.perf_counter() < end:
        _wait()
        start = time.perf_counter()
        call()
        _wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _wait() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


def _empty() -> None:
    if device().type == "cuda":
        torch.cuda.empty_cache()


def _memory() -> int:
    return torch.cuda.memory_allocated() if device().type == "cuda" else 0


def _gib(before: int) -> str:
    """The peak since it was reset, less what lay there before the model was made."""
    if device().type != "cuda":
        return "no GPU"
    return f"{(torch.cuda.max_memory_allocated() - before) / 2**30:.1f}"


def _share(operations_a_second: float) -> str:
    """Of what the GPU's data sheet promises."""
    name = torch.cuda.get_device_name() if device().type == "cuda" else ""
    peak = next((peak for known, peak in PEAK.items() if known in name), None)
    return f"{operations_a_second / (1e12 * peak):.0%}" if peak else "peak not known"
