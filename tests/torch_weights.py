"""Weights of other people's Transformers, copied into ours. Their masks say True = hidden."""

import torch
from torch import nn

from transformer_lib.layers.blocks import DecoderLayer, EncoderLayer
from transformer_lib.layers.decoder import Decoder
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.models.transformer import Transformer, TransformerConfig


def like_torch(theirs: nn.Module) -> nn.Module:
    """Our layer or stack with the weights of torch's: encoder, decoder, one layer of either."""
    if isinstance(theirs, nn.TransformerEncoderLayer):
        ours = EncoderLayer(
            _attention(theirs.self_attn), _feed_forward(theirs), norm_first=theirs.norm_first
        )
        _copy(theirs, ours, "norm1", "norm2")
    elif isinstance(theirs, nn.TransformerDecoderLayer):
        ours = DecoderLayer(
            _attention(theirs.self_attn),
            _attention(theirs.multihead_attn),
            _feed_forward(theirs),
            norm_first=theirs.norm_first,
        )
        _copy(theirs, ours, "norm1", "norm2", "norm3")
    else:
        stack = Encoder if isinstance(theirs, nn.TransformerEncoder) else Decoder
        ours = stack([like_torch(layer) for layer in theirs.layers], final_norm=theirs.norm)
    return ours.double()


def _attention(theirs: nn.MultiheadAttention) -> MultiHeadAttention:
    ours = MultiHeadAttention(theirs.embed_dim, theirs.num_heads).double()
    with torch.no_grad():
        for proj, weight, bias in zip(
            (ours.q_proj, ours.k_proj, ours.v_proj),
            theirs.in_proj_weight.chunk(3),
            theirs.in_proj_bias.chunk(3),
            strict=True,
        ):
            proj.weight.copy_(weight)
            proj.bias.copy_(bias)
    _copy(theirs, ours, "out_proj")
    return ours


def _feed_forward(theirs: nn.Module) -> FeedForward:
    d_ff, d_model = theirs.linear1.weight.shape
    ours = FeedForward(d_model, d_ff, activation=theirs.activation.__name__).double()
    _copy(theirs, ours, "linear1", "linear2")
    return ours


def _copy(theirs: nn.Module, ours: nn.Module, *names: str) -> None:
    for name in names:
        getattr(ours, name).double().load_state_dict(getattr(theirs, name).state_dict())


def like_marian(theirs: nn.Module) -> Transformer:
    """Our model with the weights of a `transformers.MarianMTModel`.

    Marian's table of positions holds all sines, then all cosines; ours takes them in turns. The
    order of features means nothing to a Transformer, so all its weights are put into our order.
    """
    c = theirs.config
    ours = Transformer(
        TransformerConfig(
            c.vocab_size,
            c.vocab_size,
            d_model=c.d_model,
            num_heads=c.encoder_attention_heads,
            num_encoder_layers=c.encoder_layers,
            num_decoder_layers=c.decoder_layers,
            d_ff=c.encoder_ffn_dim,
            activation=c.activation_function,
            dropout=0.0,
            norm_first=False,
            pad_id=c.pad_token_id,
            bos_id=c.decoder_start_token_id,
            eos_id=c.eos_token_id,
            share_embeddings=True,
        )
    ).to(theirs.dtype)
    order = torch.arange(c.d_model).view(2, -1).T.flatten()  # 0, d/2, 1, d/2 + 1, …
    weights = {"target_embedding.weight": theirs.model.shared.weight[:, order]}
    for name, weight in theirs.model.state_dict().items():
        if "layers" not in name:
            continue  # embeddings and positions
        for old, new in {
            "self_attn_layer_norm": "norm1",
            "encoder_attn_layer_norm": "norm2",
            "final_layer_norm": "norm3" if "decoder" in name else "norm2",
            "self_attn": "self_attention",
            "encoder_attn": "cross_attention",
            "fc1": "feed_forward.linear1",
            "fc2": "feed_forward.linear2",
        }.items():
            name = name.replace(f".{old}.", f".{new}.")
        if "norm" in name or "out_proj" in name or "linear2" in name:
            weight = weight[order]  # these write features
        elif weight.dim() == 2:
            weight = weight[:, order]  # these read them
        weights[name] = weight
    ours.load_state_dict(weights)
    return ours.eval()
