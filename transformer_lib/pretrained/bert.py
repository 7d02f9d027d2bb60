"""BERT as `transformers` writes it: the bare model, and with each of its heads."""

import os

import torch
from torch import nn

from transformer_lib import checks
from transformer_lib.models.bert import Bert, BertConfig, Classifier, MaskedWords
from transformer_lib.pretrained.table import (
    ACTIVATIONS,
    Name,
    check_known,
    check_there,
    load_pretrained,
    read_config,
)

_LAYER = "encoder.layers.*."
_THEIRS = "encoder.layer.*."


def _norm(theirs: str, ours: str) -> list[Name]:
    """A norm's two names: files from before 2019 call gain and bias gamma and beta."""
    words = ("weight", "weight"), ("bias", "bias"), ("gamma", "weight"), ("beta", "bias")
    return [Name(f"{theirs}.LayerNorm.{a}", f"{ours}.{b}") for a, b in words]


BERT_NAMES = [
    Name("embeddings.word_embeddings.weight", "embedding.weight"),
    Name("embeddings.position_embeddings.weight", "positions.table.weight"),
    Name("embeddings.token_type_embeddings.weight", "segments.weight"),
    *_norm("embeddings", "norm"),
    *(
        Name(_THEIRS + f"attention.self.{name}.*", _LAYER + f"self_attention.{name[0]}_proj.*")
        for name in ("query", "key", "value")
    ),
    Name(_THEIRS + "attention.output.dense.*", _LAYER + "self_attention.out_proj.*"),
    *_norm(_THEIRS + "attention.output", _LAYER + "norm1"),
    Name(_THEIRS + "intermediate.dense.*", _LAYER + "feed_forward.linear1.*"),
    Name(_THEIRS + "output.dense.*", _LAYER + "feed_forward.linear2.*"),
    *_norm(_THEIRS + "output", _LAYER + "norm2"),
    Name("embeddings.position_ids"),  # 0, 1, 2, …, which older files carry along
]
_INSIDE = [Name(f"bert.{n.theirs}", f"bert.{n.ours}" if n.ours else ()) for n in BERT_NAMES]
_POOLER = Name("bert.pooler.dense.*")  # known, and not needed by this head
HEADS = {
    MaskedWords: [
        Name("cls.predictions.transform.dense.*", "transform.*"),
        *_norm("cls.predictions.transform", "norm"),
        Name("cls.predictions.bias", "head_bias"),
        Name("cls.predictions.decoder.bias", "head_bias"),
        Name("cls.predictions.decoder.weight", "bert.embedding.weight"),
        Name("cls.seq_relationship.*"),  # whether one sentence followed the other
        _POOLER,
    ],
    Classifier: [Name("bert.pooler.dense.*", "pooler.*"), Name("classifier.*", "head.*")],
}


_NEEDED = (
    "vocab_size",
    "max_position_embeddings",
    "hidden_size",
    "num_attention_heads",
    "num_hidden_layers",
    "intermediate_size",
)


def load_bert(folder: str | os.PathLike, *, dtype: torch.dtype | None = None) -> Bert:
    """Make the encoder that a published BERT folder holds, in evaluation mode, without a head.

    Args:
        folder: with `config.json` and weights, as `BertModel.save_pretrained` writes it.
        dtype: type of the parameters; by default torch's own.

    Raises:
        ValueError: if the folder holds no such model, or one that departs from BERT.
    """
    model = Bert(bert_config(read_config(folder))).to(dtype)
    load_pretrained(model, folder, [*BERT_NAMES, Name("pooler.dense.*")])
    return model.eval()


def fill_head(model: nn.Module, folder: str | os.PathLike) -> None:
    """Fill a `MaskedWords` or a `Classifier` with what a published folder holds for it.

    Args:
        model: changed in place; its `bert` is of the folder's config.
        folder: as `BertForMaskedLM`, `BertForSequenceClassification` or
            `BertForTokenClassification` writes it; the last fills a `Classifier` without pooling.

    Raises:
        ValueError: as `load_pretrained`.
    """
    head = HEADS[type(model)]
    if getattr(model, "pool", "first") != "first":
        head = [*head[1:], _POOLER]
    load_pretrained(model, folder, [*_INSIDE, *head])


def bert_config(published: dict) -> BertConfig:
    """Say in our words what a published `config.json` says.

    Raises:
        ValueError: if it describes another kind of model, or a BERT that ours cannot be.
    """
    checks.mapping(published=published)
    published = {"hidden_act": "gelu", "position_embedding_type": "absolute"} | published
    wanted = {
        "model_type": ["bert"],
        "hidden_act": list(ACTIVATIONS),
        "position_embedding_type": ["absolute"],
    }
    check_known(published, wanted)
    check_there(published, _NEEDED)
    return BertConfig(
        published["vocab_size"],
        max_len=published["max_position_embeddings"],
        d_model=published["hidden_size"],
        num_heads=published["num_attention_heads"],
        num_layers=published["num_hidden_layers"],
        d_ff=published["intermediate_size"],
        activation=ACTIVATIONS[published["hidden_act"]],
        num_segments=published.get("type_vocab_size", 2),
        dropout=published.get("hidden_dropout_prob", 0.1),
        eps=published.get("layer_norm_eps", 1e-12),
        pad_id=published.get("pad_token_id") or 0,
    )
