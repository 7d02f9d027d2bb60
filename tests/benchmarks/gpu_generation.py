"""Writing with a cache on a GPU."""

import torch
from gpu import MEASURED, TINY, Size, compare, device, gpts
from torch import nn
from x_transformers import AutoregressiveWrapper

from transformer_lib.generation import generate

TITLE = "On a GPU: generation"
NOTE = (
    "GPT-2's small model, bfloat16, greedy, with the key/value cache, 256 tokens behind a prompt "
    "of 32; Hugging Face's `generate` and that of x-transformers as they come, nothing compiled. "
    "Columns as in the tables before; random weights, so that no row ends early."
)
HEAD = ("batch", "library", *MEASURED)


def rows(quick: bool):
    """Measure each batch."""
    size, new = (TINY, 4) if quick else (Size(), 256)
    for batch in (1, 2) if quick else (1, 16, 128):
        prompt = torch.randint(size.vocab_size, (batch, 32), device=device())

        def task(model: nn.Module, called: nn.Module, prompt=prompt):
            model.eval()
            return {
                "GPT": lambda: generate(model, prompt, max_new_tokens=new),
                "GPT2LMHeadModel": lambda: model.generate(
                    prompt, attention_mask=torch.ones_like(prompt), do_sample=False, use_cache=True,
                    min_new_tokens=new, max_new_tokens=new, pad_token_id=0,
                ),
                "TransformerWrapper": lambda: AutoregressiveWrapper(model).generate(
                    prompt, new, temperature=0.0, cache_kv=True
                ),
            }[type(model).__name__]  # fmt: skip

        for row in compare(gpts(size, 32 + new), task, batch * new, quick=quick):
            yield batch, *row
