"""One sum over the past, in three forms: what linear attention, retention and state spaces share.

    y_i = Σ_{j ≤ i} a_{j+1} a_{j+2} … a_i (q_i · k_j) v_j

It is attention without the softmax, in which the past fades by a factor a_t at every token. Where
nothing fades, a = 1, it is linear attention; where every head fades at a rate of its own, it is
retention; where the token decides, it is a state space layer. The three forms give the same
numbers:

- all pairs at once, as in attention: n² products, none waits for another;
- token by token, with a state S that does not grow: n steps, each waits for the one before;
- in chunks: all pairs inside of a chunk, a state from one chunk to the next.

The logarithms of the factors are given: their sums are the logarithms of the products.
"""

import torch
from torch import Tensor

from transformer_lib.layers.masks import causal_mask

CHUNK = 64  # tokens; the work is least where it is near head_dim


def decayed(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Sum over the past: one token as a step, several in chunks.

    Args:
        q: queries (batch, heads, len, head_dim).
        k: keys (batch, heads, len, head_dim).
        v: values (batch, heads, len, v_dim).
        log_decay: log a_t <= 0, finite, (batch, heads, len): what fades before token t is added.
        state: S after the tokens before these, (batch, heads, head_dim, v_dim); None for none.

    Returns:
        y (batch, heads, len, v_dim), and the state after the last token.

    Source: Dao and Gu 2024, "Transformers are SSMs", §6.
    """
    if state is None:
        state = q.new_zeros(*q.shape[:2], k.size(-1), v.size(-1))
    form = decayed_step if q.size(2) == 1 else decayed_chunks
    return form(q, k, v, log_decay, state)


def decayed_parallel(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor) -> Tensor:
    """All pairs at once: y = (Q Kᵀ ⊙ L) V, L_ij = a_{j+1} … a_i for j <= i, and 0 above.

    Args: as `decayed`, from no state.

    Returns:
        y (batch, heads, len, v_dim).

    Source: Sun et al. 2023, "Retentive Network", Eq. 5; Dao and Gu 2024, §4.
    """
    total = log_decay.cumsum(dim=-1)  # (batch, heads, len): the logarithm of a_1 … a_t
    fades = total[..., :, None] - total[..., None, :]  # (batch, heads, len, len)
    hidden = ~causal_mask(q.size(2), device=q.device)
    return (q @ k.mT * fades.masked_fill(hidden, -torch.inf).exp()) @ v


def decayed_step(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """One token: S ← a S + kᵀ v, y = q S.

    Args: as `decayed`, with len = 1.

    Returns:
        y (batch, heads, 1, v_dim), and the new state; the old one is left as it was.

    Source: Katharopoulos et al. 2020, Eq. 18-20; Sun et al. 2023, Eq. 6.
    """
    state = log_decay.exp()[..., None] * state + k.mT @ v  # (batch, heads, head_dim, v_dim)
    return q @ state, state


def decayed_chunks(
    q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, state: Tensor, size: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """Chunk by chunk: all pairs inside, and by the state whatever lies before.

    Args: as `decayed`; `size` is the number of tokens in a chunk.

    Returns:
        y (batch, heads, len, v_dim), and the state after the last token.

    Source: Sun et al. 2023, Eq. 7; Dao and Gu 2024, §6.
    """
    outputs = []
    chunks = (x.split(size, dim=2) for x in (q, k, v, log_decay))
    for q, k, v, log_decay in zip(*chunks, strict=True):
        since = log_decay.cumsum(dim=-1)[..., None]  # (batch, heads, chunk, 1): from its start
        whole = since[:, :, -1:]  # to its end
        outputs.append(decayed_parallel(q, k, v, log_decay) + since.exp() * (q @ state))
        state = whole.exp() * state + ((whole - since).exp() * k).mT @ v
    return torch.cat(outputs, dim=2), state
