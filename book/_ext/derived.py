"""What each chapter derives: its tests hold it to the order, and the reference links to it."""

# What each chapter derives: a module, or one symbol of it. Imported from that chapter on.
DERIVED = {
    1: ["layers.masks", "layers.attention"],
    2: ["layers.multi_head", "measure.maps.collect_attention"],
    3: ["layers.positions"],
    4: ["layers.feed_forward", "layers.blocks"],
    5: ["layers.encoder"],
    6: ["layers.decoder"],
    7: [
        "models.transformer",
        "training.checkpoints",
        "training.history",
        "training.losses",
        "training.optimizers",
        "training.schedules",
        "training.train",
        "weights",
        "measure.errors",
        "measure.bits",
        "recipes.pronunciations",
    ],
    8: ["choosing", "generation", "layers.cache"],
    9: ["models.recurrent"],
    10: ["models.gpt", "measure.ngrams", "recipes.verses_gpt", "show.quantize"],
    14: ["layers.patches", "models.vit", "measure.maps.attention_rollout", "recipes.digits_vit"],
    19: ["measure.effective_context"],
    21: ["layers.relative"],
    22: [
        "layers.adaptive",
        "layers.memory",
        "models.transformer_xl",
        "training.segments",
        "recipes.verses_xl",
    ],
    27: ["models.bert", "pretrained", "chat", "show.recorded_talk"],
}
