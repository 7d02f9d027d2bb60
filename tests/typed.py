"""What a reader's type checker sees through the door: mypy reads this file, and nothing runs it."""

from pathlib import Path
from typing import Any, assert_type

import torch
from torch import Tensor, nn

import transformer_lib as tl

ids = torch.zeros(1, 4, dtype=torch.int64)
x = torch.zeros(2, 5, 64)
assert_type(tl.causal_mask(5), Tensor)
assert_type(tl.attention(x, x, x, tl.causal_mask(5)), Tensor | tuple[Tensor, Tensor])
layer = tl.EncoderLayer(tl.MultiHeadAttention(64, 4, rotary=tl.Rotary(16)), tl.FeedForward(64, 256))
tl.MultiHeadAttention("64", 4)  # type: ignore[arg-type]

gpt = tl.GPT(tl.GPTConfig(100, max_len=32))
xl = tl.TransformerXL(tl.TransformerXLConfig(100))
transducer = tl.Transformer(tl.TransformerConfig(100, 100))
assert_type(gpt.config, tl.GPTConfig)
tl.GPTConfig(vocabulary=100)  # type: ignore[call-arg]

assert_type(tl.generate(gpt, ids, max_new_tokens=3, choose=tl.Sampler(top_k=5)), Tensor)
assert_type(tl.generate(xl, ids, max_new_tokens=3), Tensor)
tl.beam_search(transducer, ids, max_new_tokens=3)
tl.generate(layer, ids, max_new_tokens=3)  # type: ignore[arg-type]

assert_type(tl.load("verses_gpt"), nn.Module)
tl.save(gpt, Path("mine.safetensors"), symbols=tl.Vocabulary("abc"))


def mean(model: nn.Module, batch: Tensor) -> Tensor:
    return tl.token_loss(model(batch[:, :-1]), batch[:, 1:], pad_id=0)


def pair(model: nn.Module, batch: Tensor) -> tuple[Tensor, Tensor]:
    return mean(model, batch) * batch.numel(), torch.tensor(batch.numel())


how: dict[str, Any] = {"optimizer": tl.muon_and_adamw(gpt), "steps": 3}
assert_type(tl.train(gpt, mean, [ids], **how), tl.History)
tl.train(gpt, pair, [ids], schedule=tl.paper_schedule(d_model=64, warmup=4000), **how)

learned = tl.learn("reviews.csv", minutes=2)
assert_type(learned, tl.Learned)
assert_type(learned.card, str)
