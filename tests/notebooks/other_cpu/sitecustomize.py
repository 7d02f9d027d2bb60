"""Make every Python process that starts with us compute as another processor would.

Python imports ``sitecustomize`` by itself when it finds one on PYTHONPATH. Two things cannot be
said with torch's own variables:

- ``torch.cpu.get_capabilities()`` goes on telling what the chip has. Where ATEN_CPU_CAPABILITY
  forbids AVX-512, products of bfloat16 are denied too.
- SHAKE_NOISE=1e-6 multiplies each weight that torch.nn.init draws by 1 ± 1e-6. It stands for all
  that no switch reaches. The sign is that of the weight's own digits, so equal weights stay equal
  and no number is drawn from torch's stream.
"""

import functools
import importlib.abc
import importlib.util
import os
import sys


def deny_bf16(torch) -> None:
    """Let torch say that the processor has no products of bfloat16."""
    found = torch.cpu.get_capabilities()
    torch.cpu.get_capabilities = lambda: found | {"avx512_bf16": False, "amx_bf16": False}


def add_noise(torch, size: float) -> None:
    """Let the functions of torch.nn.init that draw numbers miss them by a relative `size`."""

    def noisy(draw):
        @functools.wraps(draw)
        def drawn(tensor, *args, **kwargs):
            draw(tensor, *args, **kwargs)
            with torch.no_grad():
                return tensor.mul_(1 + size * torch.sign(torch.sin(1e6 * tensor)))

        return drawn

    for name in list(vars(torch.nn.init)):
        if name.startswith(("uniform_", "normal_", "trunc_", "xavier_", "kaiming_", "orthogonal_")):
            setattr(torch.nn.init, name, noisy(getattr(torch.nn.init, name)))


class AfterTorch(importlib.abc.MetaPathFinder):
    """Wait for the first import of torch, and change what it brought."""

    def find_spec(self, name, path=None, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("torch")
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            if os.environ.get("ATEN_CPU_CAPABILITY") in {"default", "avx2"}:
                deny_bf16(module)
            if noise := os.environ.get("SHAKE_NOISE"):
                add_noise(module, float(noise))

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, AfterTorch())
