"""Chapter 18: Transformer-XL learns by trial in a corridor longer than its segment: which gate?"""

import torch
from study import KEPT, chapter, keep
from torch import nn
from torch.distributions import Categorical

from transformer_lib.layers.memory import MemoryLayer
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig

LENGTH, SEGMENT, LAYERS, WIDTH, BATCH = 24, 8, 4, 32, 32
KINDS = ("as published, post-norm", "norms in front", "gated", "gated, no memory")
RATES = (0.003,)
TRIED = [(kind, rate) for kind in KINDS[:3] for rate in RATES] + [(KINDS[3], RATES[0])]
ARMS = [{"kind": kind, "rate": rate, "seed": seed} for kind, rate in TRIED for seed in range(3)]


class Gated(MemoryLayer):
    """Norms in front, and a gate where the sum was (Parisotto et al. 2020, §3.2)."""

    def forward(self, x, memory=None, **options):
        """As `MemoryLayer`."""
        read = self.norm1(x)
        x = self.gate1(x, self.self_attention(read, memory, **options).relu())
        return self.gate2(x, self.feed_forward(self.norm2(x)).relu()), read


def run(kind, rate, seed, *, stop=100) -> dict:
    """Play, and make what paid more likely."""
    torch.manual_seed(seed)
    sizes = {"d_model": WIDTH, "num_heads": 2, "num_layers": LAYERS, "d_ff": 2 * WIDTH}
    sizes |= {"dropout": 0.0, "norm_first": kind != KINDS[0]}
    model = TransformerXL(TransformerXLConfig(4, mem_len=LENGTH * (kind != KINDS[3]), **sizes))
    if kind.startswith("gated"):
        gate = chapter("18_decision_transformer").Gate
        for layer in model.layers:
            layer.__class__, layer.gate1, layer.gate2 = Gated, gate(WIDTH), gate(WIDTH)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(seed)
    losses, right = [], []
    for _ in range(stop):
        hints = torch.randint(2, (BATCH, 1), generator=generator)
        ids, memory = torch.cat([hints, torch.full((BATCH, LENGTH - 1), 2)], dim=1), None
        ids[:, -1] = 3  # the end
        for segment in ids.split(SEGMENT, dim=1):
            logits, memory = model(segment, memory)
        chances = Categorical(logits=logits[:, -1, :2])
        turns = torch.multinomial(chances.probs.detach(), 1, generator=generator)
        paid = (turns == hints)[:, 0].float()
        loss = -(chances.log_prob(turns[:, 0]) * (paid - 0.5)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(round(loss.item(), 4))
        right.append(paid.mean().item())
    return {"losses": losses[:KEPT], "right": round(sum(right[-50:]) / len(right[-50:]), 4)}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
