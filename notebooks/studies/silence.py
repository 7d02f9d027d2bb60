"""Chapter 8: the empty answer of spellers that were trained with label smoothing, and without."""

import torch
from study import first_losses, keep

from transformer_lib.data.pairs import PairBatches, encode_words
from transformer_lib.data.pronunciations import load_pronunciations, pairs_of
from transformer_lib.generation import generate
from transformer_lib.measure.errors import error_rates
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.training.losses import token_loss
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train

STEPS = 250
ARMS = [{"smoothing": share, "seed": seed} for share in (0.1, 0.0) for seed in range(3)]


def run(smoothing, seed, *, stop=None) -> dict:
    """Train a small speller, and ask what it gives to silence and to the listed answer."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    data = load_pronunciations()
    letters, phonemes = data.letters, data.phonemes
    widths = {"d_model": 64, "num_heads": 4, "d_ff": 256, "activation": "relu2"}
    depth = {"num_encoder_layers": 3, "num_decoder_layers": 1, "dropout": 0.0}
    config = TransformerConfig(len(letters), len(phonemes), positions="rotary", **widths, **depth)
    model = Transformer(config)

    def loss(model, batch):
        logits = model(batch.source, batch.target_in)
        return token_loss(logits, batch.target_out, pad_id=0, label_smoothing=smoothing)

    history = train(
        model,
        loss,
        PairBatches(pairs_of(data.train), letters, phonemes, batch_size=128),
        optimizer=muon_and_adamw(model, lr=0.04, adamw_lr=0.01),
        schedule=trapezoid_schedule(STEPS, warmup=10, decay=STEPS // 2),
        steps=stop or STEPS,
    )
    model.eval()
    words = sorted(list(data.dev)[::5], key=len)
    empty, said = 0.0, []
    with torch.no_grad():
        for i in range(0, len(words), 128):
            source = encode_words(words[i : i + 128], letters)
            bos = torch.full((len(source), 1), config.bos_id)
            first = model(source, bos)[:, 0].log_softmax(dim=-1)
            empty += first[:, config.eos_id].sum().item()
            said += map(phonemes.decode, generate(model, source, max_new_tokens=30))
    per = error_rates(said, [data.dev[word] for word in words]).per
    figures = {"empty": round(empty / len(words), 2), "per": round(per, 4)}
    return {"losses": first_losses(history)} | figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
