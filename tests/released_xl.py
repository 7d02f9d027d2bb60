"""What the authors' own Transformer-XL computes, to hold ours to it.

    python tests/released_xl.py     fetch it, run it, write released_xl.json anew

No release of today carries that code. `pytorch-transformers` 1.2.0 did, "directly adapted from
https://github.com/kimiyoung/transformer-xl". The program takes the two files out of the wheel,
takes their two casts to float32 out of them, and runs them on weights that follow from a formula.
The tests need only the numbers.
"""

import importlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from torch import Tensor

WHEEL = "pytorch-transformers==1.2.0"
NUMBERS = Path(__file__).with_suffix(".json")
VOCAB_SIZE, D_MODEL, NUM_HEADS, NUM_LAYERS, D_FF = 5, 8, 2, 2, 12
SEGMENTS, SEG_LEN, MEM_LEN, BATCH = 3, 5, 7, 2
KINDS = {
    "paper": {},
    "same length": {"same_length": True},
    "clamped": {"clamp_len": 4},
    "own biases": {"untie_r": True},
}

# What the files import from their package, as far as it matters here.
STUBS = {
    "modeling_bert": "from torch.nn import LayerNorm as BertLayerNorm\n",
    "modeling_utils": """
from torch import nn
class PretrainedConfig:
    output_attentions = output_hidden_states = torchscript = False
class PreTrainedModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
    def init_weights(self):
        pass
    def _tie_or_clone_weights(self, first, second):
        first.weight = second.weight
def add_start_docstrings(*parts):
    return lambda documented: documented
""",
}


def weights(name: str, *shape: int) -> Tensor:
    """Numbers like those of N(0, 0.2²), but the same on every machine: float64, shape as given."""
    count = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return 0.28 * torch.sin(1.7 * (count + 1) ** 1.3 + sum(map(ord, name))).view(shape)


def segments() -> list[Tensor]:
    """The text: ids (BATCH, SEG_LEN) for each segment."""
    place = torch.arange(SEGMENTS * BATCH * SEG_LEN)
    return list(((place * place * 3 + place) % VOCAB_SIZE).view(SEGMENTS, BATCH, SEG_LEN))


def released(folder: Path):
    """Fetch the authors' code into a folder, and import it."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", folder, WHEEL]
    subprocess.run(pip, check=True)
    package = folder / "released"
    package.mkdir()
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        for name in ("modeling_transfo_xl", "modeling_transfo_xl_utilities"):
            source = wheel.read(f"pytorch_transformers/{name}.py").decode()
            source = source.replace("attn_score.float()", "attn_score")
            (package / f"{name}.py").write_text(source, encoding="utf-8")
    for name, source in STUBS.items():
        (package / f"{name}.py").write_text(source, encoding="utf-8")
    sys.path.insert(0, str(folder))
    return importlib.import_module("released.modeling_transfo_xl")


def log_p(code, **kind) -> Tensor:
    """Let it read the text: log p (BATCH, SEGMENTS * SEG_LEN, VOCAB_SIZE)."""
    options = {"untie_r": False, "same_length": False, "clamp_len": -1, **kind}
    config = code.TransfoXLConfig(
        VOCAB_SIZE, cutoffs=[], d_model=D_MODEL, d_embed=D_MODEL, n_head=NUM_HEADS,
        d_head=D_MODEL // NUM_HEADS, d_inner=D_FF, div_val=1, n_layer=NUM_LAYERS,
        tgt_len=SEG_LEN, mem_len=MEM_LEN, dropout=0.0, **options,
    )  # fmt: skip
    config.tie_projs = [False]
    model = code.TransfoXLLMHeadModel(config).double().eval()
    halves = torch.arange(0, D_MODEL, 2, dtype=torch.float64)
    model.transformer.pos_emb.inv_freq = 10000 ** (-halves / D_MODEL)
    fill(model)
    memory, read = [torch.empty(0, BATCH, D_MODEL, dtype=torch.float64)] * NUM_LAYERS, []
    for ids in segments():
        scores, memory = model(ids, mems=memory)
        read.append(scores)
    return torch.cat(read, dim=1)


def fill(model) -> None:
    """Give each parameter of the released model its numbers, under the names that ours have."""
    with torch.no_grad():
        embedding = model.transformer.word_emb.emb_layers[0].weight
        embedding.copy_(weights("embedding.weight", *embedding.shape))
        model.crit.out_layers[0].bias.copy_(weights("output_bias", VOCAB_SIZE))
        for n, layer in enumerate(model.transformer.layers):
            attention, feed_forward = layer.dec_attn, layer.pos_ff
            first = f"layers.{n}."
            square = (D_MODEL, D_MODEL)
            projections = [
                weights(f"{first}self_attention.{name}.weight", *square)
                for name in ("q_proj", "k_proj", "v_proj")
            ]
            attention.qkv_net.weight.copy_(torch.cat(projections))
            own = n if model.config.untie_r else 0
            places = {
                f"{first}self_attention.out_proj.weight": attention.o_net.weight,
                f"{first}self_attention.r_proj.weight": attention.r_net.weight,
                f"layers.{own}.self_attention.content_bias": attention.r_w_bias,
                f"layers.{own}.self_attention.position_bias": attention.r_r_bias,
                f"{first}norm1.weight": attention.layer_norm.weight,
                f"{first}norm1.bias": attention.layer_norm.bias,
                f"{first}feed_forward.linear1.weight": feed_forward.CoreNet[0].weight,
                f"{first}feed_forward.linear1.bias": feed_forward.CoreNet[0].bias,
                f"{first}feed_forward.linear2.weight": feed_forward.CoreNet[3].weight,
                f"{first}feed_forward.linear2.bias": feed_forward.CoreNet[3].bias,
                f"{first}norm2.weight": feed_forward.layer_norm.weight,
                f"{first}norm2.bias": feed_forward.layer_norm.bias,
            }
            for name, parameter in places.items():
                parameter.copy_(weights(name, *parameter.shape))


def main() -> None:
    """Write what the released code computes."""
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        code = released(Path(folder))
        numbers = {name: log_p(code, **kind).flatten().tolist() for name, kind in KINDS.items()}
    lines = [f'"{name}": {json.dumps(values)}' for name, values in numbers.items()]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
