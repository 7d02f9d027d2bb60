"""The Transformer, built piece by piece: every class here is derived in a chapter of the book.

    import transformer_lib as tl

    model = tl.load("verses_gpt")
    prompt = model.symbols.encode("In the beginning ")
    print(model.symbols.decode(tl.generate(model, prompt[None], max_new_tokens=200)[0]))

What is used most stands at this door, and a module is imported when one of its names is first
asked for. The folders are floors; a file imports only from those that stand before its own:

- ``checks``: what is asked of arguments, said once;
- ``layers``: the parts, from masks to encoder and decoder, on torch alone;
- ``models``: one paper a file;
- ``choosing``, ``writers``, ``generation``, ``weights``: writing with any model, and a model in
  its own file;
- ``pretrained``: published weights into our models;
- ``data``, ``training``, ``measure``, ``show``: for any model, and they know none;
- ``recipes``: how the models that ship were trained;
- ``learning``: from a file of the reader's to what answers best;
- ``chat``: a conversation with a published model;
- ``exercises``: what marks the readers' answers.
"""

from importlib import import_module

__version__ = "0.2.0"

# Where the names of the door come from. `__init__.pyi` says the same to editors and type checkers.
_DOOR = {
    "layers.attention": "attention",
    "layers.masks": "causal_mask sliding_window_mask padding_mask padding_mask_from_ids",
    "layers.multi_head": "MultiHeadAttention",
    "layers.positions": "SinusoidalPositions LearnedPositions Rotary ALiBi RelativePositions",
    "layers.relative": "RelativeAttention",
    "layers.cache": "KVCache",
    "layers.feed_forward": "FeedForward",
    "layers.blocks": "EncoderLayer DecoderLayer",
    "layers.encoder": "Encoder",
    "layers.decoder": "Decoder",
    "models.transformer": "Transformer TransformerConfig",
    "models.recurrent": "Recurrent RecurrentConfig",
    "models.gpt": "GPT GPTConfig",
    "models.bert": "Bert BertConfig MaskedWords Classifier",
    "models.vit": "ViT ViTConfig",
    "models.detection": "DETR DETRConfig",
    "models.segmentation": "Segmenter SegmenterConfig",
    "models.clip": "CLIP CLIPConfig TextTower TextTowerConfig BagOfWords BagOfWordsConfig",
    "models.transformer_xl": "TransformerXL TransformerXLConfig",
    "generation": "generate beam_search Sampler",
    "weights": "load save fill",
    "pretrained.table": "load_pretrained",
    "data.vocabulary": "Vocabulary",
    "data.subwords": "Subwords",
    "training.train": "train",
    "training.history": "History",
    "training.losses": "token_loss",
    "training.optimizers": "Muon muon_and_adamw",
    "training.schedules": "paper_schedule cosine_schedule trapezoid_schedule",
    "measure.maps": "collect_attention",
    "learning.learn": "learn Learned",
}
_MODULE = {name: module for module, names in _DOOR.items() for name in names.split()}

__all__ = sorted(_MODULE)


def __getattr__(name: str):
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
