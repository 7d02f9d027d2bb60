"""A good value for every argument of the package, by its name: what `bad_inputs` starts from.

A name means the same in the whole package, so most arguments need one line for all functions. Where
one does not, the function stands in front: "Streams.ids". Values are made anew for every call.
"""

import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from transformer_lib.data.episodes import Episodes
from transformer_lib.data.icons import Icons
from transformer_lib.data.images import Images
from transformer_lib.data.masking import Masked, hide_words
from transformer_lib.data.ratings import Rated
from transformer_lib.data.streams import Streams
from transformer_lib.data.translations import Pair
from transformer_lib.data.vocabulary import Vocabulary
from transformer_lib.data.worlds import Doors
from transformer_lib.layers.blocks import DecoderLayer, EncoderLayer
from transformer_lib.layers.cache import KVCache, MemoryCache
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.places import PlacedAttention
from transformer_lib.layers.relative import RelativeAttention, relative_shift
from transformer_lib.models.bert import Bert, BertConfig, Classifier, MaskedWords
from transformer_lib.models.clip import BagOfWords, BagOfWordsConfig, CLIPConfig, TextTowerConfig
from transformer_lib.models.decision_transformer import DecisionTransformerConfig
from transformer_lib.models.detection import DETRConfig
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.recurrent import Recurrent, RecurrentConfig
from transformer_lib.models.segmentation import SegmenterConfig
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.show.canvas import Canvas
from transformer_lib.show.quantize import pack

SMALL = {"d_model": 8, "num_heads": 2, "num_layers": 1, "d_ff": 16}
PAIR = {"d_model": 8, "num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1, "d_ff": 16}
VERSES = [Pair("das Haus", "the house", (1, n, 1)) for n in range(9)]
SIGMOID = nn.Sigmoid()
WORDS = Vocabulary(("a", "b", "c", "d"), special=True)


def gpt_config():
    return GPTConfig(11, max_len=16, **SMALL)


def xl_config():
    return TransformerXLConfig(11, mem_len=4, **SMALL)


def transformer_config():
    return TransformerConfig(11, 11, **PAIR)


def recurrent_config():
    return RecurrentConfig(11, 11, d_model=8)


def vit_config():
    return ViTConfig(8, 4, 1, 3, **SMALL)


def gpt():
    torch.manual_seed(0)
    return GPT(gpt_config()).eval()


def classifier():
    torch.manual_seed(0)
    return Classifier(Bert(BertConfig(11, max_len=16, **SMALL)), 2, pool="mean").eval()


def each_row():
    return lambda vectors: vectors.sum(dim=(1, 2))


def xl():
    torch.manual_seed(0)
    return TransformerXL(xl_config()).eval()


def wish_config():
    return DecisionTransformerConfig(4, 3, 10, **SMALL)


def doors():
    return torch.zeros(2, 1)


def episodes():
    rewards = torch.ones(2, 5)
    actions = torch.zeros(2, 5, dtype=torch.long)
    return Episodes(torch.ones(2, 5, 1), actions, rewards, torch.full((2,), 5))


def ids():
    return torch.tensor([[3, 4, 5], [6, 7, 8]])


def features():
    return torch.ones(2, 3, 8)


def folder():
    return Path(tempfile.mkdtemp())


def sharded_folder():
    from transformer_lib.training.sharded import save_sharded

    model, file = gpt(), folder()
    save_sharded(file, model, torch.optim.SGD(model.parameters(), lr=0.1))
    return file


def vit():
    torch.manual_seed(0)
    return ViT(vit_config()).eval()


def bert():
    torch.manual_seed(0)
    return Bert(BertConfig(11, max_len=16, **SMALL)).eval()


def bag_of_words():
    return BagOfWords(BagOfWordsConfig(11, 3))


def icons():
    return Icons(torch.ones(2, 1, 8, 8), ("a b", "c"))


def masked():
    seen = torch.tensor([[3, 2, 5], [2, 7, 0]])
    return [Masked(seen, seen == 2, torch.tensor([[3, 4, 5], [6, 7, 0]]))]


def one_box():
    return torch.tensor([[0.0, 0.0, 1.0, 1.0]])


def guesses():
    return [(torch.zeros(1, 3, 3), torch.full((1, 3, 4), 0.5))]


def placed():
    return PlacedAttention(8, 2)


# What a published config.json says, of the smallest models.
ENCODER = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1}
ENCODER |= {"intermediate_size": 16, "vocab_size": 11, "max_position_embeddings": 16}
EYES = ENCODER | {"image_size": 8, "patch_size": 4}
GPT_2 = {"vocab_size": 11, "n_positions": 16, "n_embd": 8, "n_head": 2, "n_layer": 1}


def decoder_layer_memory():
    return torch.ones(2, 4, 8)


GOOD = {
    # counts
    "vocab_size": lambda: 11,
    "d_model": lambda: 8,
    "num_heads": lambda: 2,
    "d_ff": lambda: 16,
    "width": lambda: 8,
    "max_new_tokens": lambda: 3,
    "num_beams": lambda: 2,
    "batch_size": lambda: 2,
    "seq_len": lambda: 3,
    "seg_len": lambda: 3,
    "window": lambda: 3,
    "stride": lambda: 2,
    "order": lambda: 2,
    "size": lambda: 9,
    "q_len": lambda: 3,
    "mem_len": lambda: 4,
    "length": lambda: 3,
    "grid": lambda: 2,
    "patch_size": lambda: 4,
    "in_channels": lambda: 1,
    "rows": lambda: 2,
    "columns": lambda: 2,
    "image_size": lambda: 8,
    "head_dim": lambda: 4,
    "block": lambda: 2,
    "rank": lambda: 4,
    "rope_dim": lambda: 2,
    "max_len": lambda: 16,
    "steps": lambda: 8,
    "decay": lambda: 2,
    "step": lambda: 1,
    "top_k": lambda: 2,
    "top_p": lambda: 0.5,
    "base": lambda: 10000.0,
    "down": lambda: 1,
    "right": lambda: 1,
    "accuracy.right": lambda: torch.tensor([True, False]),
    "better.first": lambda: torch.tensor([True, False]),
    "better.second": lambda: torch.tensor([False, True]),
    "n": lambda: 0,
    "seed": lambda: 0,
    "pad_id": lambda: 0,
    "source_vocab_size": lambda: 11,
    "target_vocab_size": lambda: 11,
    "k_len": lambda: 4,
    "div_value": lambda: 2.0,
    "cutoffs": lambda: (4,),
    "threshold": lambda: 0.01,
    # tensors
    "ids": ids,
    "tokens": ids,
    "inputs": ids,
    "prompt": ids,
    "source": ids,
    "target": ids,
    "targets": ids,
    "logits": lambda: torch.zeros(2, 5),
    "x": features,
    "features": features,
    "q": lambda: torch.ones(2, 3, 8),
    "k": lambda: torch.ones(2, 3, 8),
    "v": lambda: torch.ones(2, 3, 8),
    "scores": lambda: torch.ones(2, 3, 5),
    "lengths": lambda: torch.tensor([2, 3]),
    "images": lambda: torch.ones(2, 1, 8, 8),
    "labels": lambda: torch.tensor([0, 1, 0, 1]),
    "losses": lambda: torch.ones(2, 3, 4),
    "weights": lambda: torch.eye(2),
    "memory": decoder_layer_memory,
    "memory_mask": lambda: torch.ones(2, 1, 1, 4, dtype=torch.bool),
    "context": lambda: torch.tensor([1, 2]),
    "table": lambda: torch.ones(4, 8),
    "whole": lambda: torch.ones(2, 3, dtype=torch.int8),
    "mask": lambda: None,
    # objects
    "model": gpt,
    "choose": lambda: torch.Tensor.argmax,
    "generator": torch.Generator,
    "layer": lambda: nn.Linear(2, 2),
    "layers": lambda: [encoder_layer()],
    "self_attention": lambda: MultiHeadAttention(8, 2),
    "cross_attention": lambda: MultiHeadAttention(8, 2),
    "feed_forward": lambda: FeedForward(8, 16),
    "state": KVCache,
    "cache": lambda: None,
    "vocabulary": lambda: WORDS,
    "words": lambda: ["ab", "c"],
    "symbols": lambda: "abc",
    "text": lambda: "ab\n" * 50,
    "pairs": lambda: [("ab", ("c",)), ("b", ("d",))],
    "lexicon": lambda: {"a": [("b",)]},
    "maps": lambda: {"one": torch.ones(1, 2, 3, 3) / 3},
    "score": gpt,
    "read": lambda: xl().read,
    "hypotheses": lambda: ["ab"],
    "references": lambda: [["ab", "b"]],
    "a": lambda: "ab",
    "b": lambda: "b",
    "folder": folder,
    "series": lambda: {"y": [1, 2]},
    "xlabel": lambda: "x",
    "ylabel": lambda: "y",
    "values": lambda: [1, 2, 3, 4],
    "queries": lambda: ["a", "b"],
    "figures": lambda: [plt.figure()],
    "figure": plt.figure,
    "svg": lambda: "<svg></svg>",
    "label": lambda: "t",
    "alt": lambda: "a picture",
    "config": gpt_config,
    "path": folder,
    "params": lambda: parameters(),
    "data": lambda: Images(torch.ones(4, 1, 8, 8), torch.tensor([0, 1, 0, 1])),
    "boxes": lambda: torch.tensor([[0.0, 0.0, 1.0, 1.0]]),
    "objects": lambda: [(torch.tensor([0]), torch.tensor([[0.0, 0.0, 1.0, 1.0]]))],
    "cost": lambda: torch.ones(2, 2),
    "points": lambda: torch.ones(4, 2) / 2,
    "said": lambda: torch.tensor([0, 1]),
    "true": lambda: torch.tensor([0, 1]),
    "num_classes": lambda: 2,
    "state_dim": lambda: 4,
    "num_actions": lambda: 3,
    "max_steps": lambda: 10,
    "returns": lambda: torch.ones(2, 3),
    "rewards": lambda: torch.ones(2, 3),
    "states": lambda: torch.ones(2, 3, 4),
    "actions": lambda: torch.zeros(2, 3, dtype=torch.long),
    "episodes": episodes,
    "wish": lambda: 3.0,
    "world": Doors,
    "starts": doors,
    "count": lambda: 2,
    "fields": lambda: torch.tensor([0, 1]),
    "chance": lambda: lambda rows: torch.tensor([[len(row), 2.0] for row in rows]),
    "vectors": lambda: torch.ones(1, 3, 4),
    # where a name means something else
    "integrated_gradients.baseline": lambda: torch.zeros(4),
    "strike.places": lambda: [0],
    "flips.counts": lambda: (1,),
    "parse.content": lambda: b"1\t2.5\tA fine film\n",
    "split.sentences": lambda: [Rated("fine", 1, 2.0), Rated("dull", 0, -2.0)],
    "from_vectors.model": classifier,
    "from_vectors.embedding": lambda: nn.Identity(),
    "from_vectors.ids": lambda: torch.tensor([[1, 2]]),
    "gradient.score": each_row,
    "gradient_norm.score": each_row,
    "gradient_times_input.score": each_row,
    "integrated_gradients.score": each_row,
    "leave_one_out.row": lambda: [1, 2, 3],
    "strike.row": lambda: [1, 2, 3],
    "flips.rows": lambda: [[1, 2, 3]],
    "flips.scores": lambda: [torch.ones(3)],
    "split.test": lambda: 1,
    "DecisionTransformer.config": wish_config,
    "Dropout.p": lambda: 0.1,
    "DecisionTransformer.forward.steps": lambda: torch.zeros(2, 3, dtype=torch.long),
    "DecisionTransformer.embed.steps": lambda: torch.zeros(2, 3, dtype=torch.long),
    "asking.context": lambda: 2,
    "EpisodeWindows.context": lambda: 2,
    "play.choose": lambda: lambda states, actions, rewards: torch.zeros(2, dtype=torch.long),
    "Doors.see.states": doors,
    "Doors.step.states": doors,
    "Doors.step.actions": lambda: torch.tensor([0, 1]),
    "CartPole.see.states": lambda: torch.zeros(2, 4),
    "CartPole.step.states": lambda: torch.zeros(2, 4),
    "CartPole.step.actions": lambda: torch.tensor([0, 1]),
    "Maze.see.states": lambda: torch.zeros(2, 2).long(),
    "Maze.step.states": lambda: torch.zeros(2, 2).long(),
    "Maze.step.actions": lambda: torch.tensor([0, 1]),
    "Corridor.see.states": lambda: torch.zeros(2, 2).long(),
    "Corridor.step.states": lambda: torch.zeros(2, 2).long(),
    "Corridor.step.actions": lambda: torch.tensor([0, 1]),
    "iou.a": lambda: torch.tensor([[0.0, 0.0, 1.0, 1.0]]),
    "iou.b": lambda: torch.tensor([[0.0, 0.0, 1.0, 1.0]]),
    "generalized_iou.a": lambda: torch.tensor([[0.0, 0.0, 1.0, 1.0]]),
    "generalized_iou.b": lambda: torch.tensor([[0.0, 0.0, 1.0, 1.0]]),
    "Sampler.__call__.logits": lambda: torch.zeros(2, 5),
    "keep_top_p.logits": lambda: torch.zeros(2, 5),
    "generate.choose": lambda: lambda logits: logits.argmax(-1),
    "generate.window": lambda: 8,
    "bits_with_memory.ids": lambda: torch.arange(9),
    "bits_sliding.tokens": lambda: torch.arange(9),
    "bits_in_chunks.tokens": lambda: torch.arange(9),
    "Streams.ids": lambda: torch.arange(20),
    "Windows.ids": lambda: torch.arange(20),
    "WittenBell.tokens": lambda: torch.arange(9),
    "WittenBell.probabilities.tokens": lambda: torch.arange(9),
    "Vocabulary.decode.ids": lambda: torch.tensor([0, 1]),
    "Vocabulary.encode.symbols": lambda: "ab",
    "PairBatches.source": lambda: WORDS,
    "PairBatches.target": lambda: WORDS,
    "stratified_split.size": lambda: 2,
    "effective_context_length.lengths": lambda: [1, 2, 4],
    "LearnedPositions.max_len": lambda: 8,
    "WaveTable.name": lambda: "d_model",
    "Rotary.forward.x": lambda: torch.ones(2, 2, 3, 4),
    "ALiBi.forward.q_len": lambda: 3,
    "MultiHeadAttention.forward.context": lambda: torch.ones(2, 4, 8),
    "relative_shift.scores": lambda: torch.ones(2, 3, 5),
    "padding_mask.max_len": lambda: 4,
    "check.number": lambda: 1,
    "check.mine": lambda: lambda *given: None,
    "check_mask.mask": lambda: torch.ones(3, 4, dtype=torch.bool),
    "check_mask.shape": lambda: (3, 4),
    "with_causal.mask": lambda: None,
    "MemoryLayer.self_attention": lambda: RelativeAttention(8, 2),
    "KVCache.append.k": lambda: torch.ones(1, 2, 3, 4),
    "KVCache.append.v": lambda: torch.ones(1, 2, 3, 4),
    "MemoryCache.append.k": lambda: torch.ones(1, 2, 3, 4),
    "MemoryCache.append.v": lambda: torch.ones(1, 2, 3, 4),
    "KVCache.keep_state.state": lambda: (torch.ones(2, 4),),
    "KVCache.keep_state.new_len": lambda: 1,
    "KVCache.state_of.batch": lambda: 2,
    "windowed.q": lambda: torch.ones(1, 2, 3, 4),
    "windowed.k": lambda: torch.ones(1, 2, 3, 4),
    "windowed.v": lambda: torch.ones(1, 2, 3, 4),
    "KVCache.reorder.rows": lambda: torch.tensor([0]),
    "Images.__getitem__.rows": lambda: torch.tensor([0]),
    "Images.labels": lambda: torch.tensor([0, 1]),
    "interpolate_grid.table": lambda: torch.ones(2, 2, 8),
    "Decoder.layers": lambda: [decoder_layer()],
    "load_pretrained.names": lambda: [],
    "published": lambda: {},
    "wanted": lambda: {},
    "patchify.images": lambda: torch.ones(2, 1, 8, 8),
    "GridPositions.forward.x": lambda: torch.ones(2, 4, 8),
    "AdaptiveEmbedding.cutoffs": lambda: (4,),
    "TransformerXL.config": xl_config,
    "Transformer.config": transformer_config,
    "Recurrent.config": recurrent_config,
    "ViT.config": vit_config,
    "TransformerXL.forward.memory": lambda: None,
    "TransformerXL.step.state": lambda: MemoryCache(4),
    "TransformerXL.read.cache": lambda: None,
    "GPT.logits.features": features,
    "Transformer.logits.features": features,
    "Transformer.step.state": lambda: pair_state(Transformer(transformer_config()).eval()),
    "Recurrent.step.state": lambda: pair_state(Recurrent(recurrent_config()).eval()),
    "Recurrent.decode.state": lambda: pair_state(Recurrent(recurrent_config()).eval()),
    "AdditiveAttention.forward.query": lambda: torch.ones(2, 8),
    "AdditiveAttention.forward.keys": decoder_layer_memory,
    "AdditiveAttention.forward.mask": lambda: torch.ones(2, 4, dtype=torch.bool),
    "token_loss.logits": lambda: torch.zeros(2, 3, 11),
    "orthogonalize.x": lambda: torch.eye(3),
    "orthogonalize.steps": lambda: 2,
    "GPTConfig.max_len": lambda: 16,
    "checked_config.config": lambda: asdict(gpt_config()),
    "check_words.words": lambda: ["<pad>", "<unk>", "a"],
    "check_words.weights": lambda: None,
    "check_words.special": lambda: 2,
    "check_gpt_weights.config": lambda: asdict(gpt_config()),
    "check_vit_weights.config": lambda: asdict(vit_config()),
    "check_gpt_weights.weights": lambda: gpt().state_dict(),
    "check_vit_weights.weights": lambda: ViT(vit_config()).state_dict(),
    "tensor.weights": lambda: {"a": torch.ones(2)},
    "tensor.name": lambda: "a",
    "TextWriter.config": lambda: asdict(gpt_config()),
    "TextWriter.weights": lambda: gpt().state_dict(),
    "TextWriter.characters": lambda: "abcdefghijk",
    "TextWriter.prompt": lambda: "ab",
    "DigitReader.config": lambda: asdict(vit_config()),
    "DigitReader.weights": lambda: ViT(vit_config()).state_dict(),
    "DigitReader.samples": lambda: torch.ones(2, 1, 8, 8),
    "DigitReader.labels": lambda: [0, 1],
    "DigitReader.order": lambda: [1, 3, 0, 2],
    "DigitReader.first": lambda: torch.tensor([0.5, 0.25, 0.25]),
    "pack.weights": lambda: {"a": torch.ones(2, 3)},
    "dequantize_rows.scales": lambda: torch.ones(2),
    "unpack.data": lambda: pack({"a": torch.ones(2, 3)})[0],
    "unpack.contents": lambda: [("a", [2, 3])],
    "attention_grid.weights": lambda: torch.ones(2, 2, 2) / 2,
    "lines.x": lambda: [1, 2],
    "bars.labels": lambda: ["a", "b", "c", "d"],
    "LookUp.keys": lambda: torch.ones(2, 2),
    "LookUp.values": lambda: torch.ones(2, 2),
    "LookUp.key_names": lambda: ["a", "b"],
    "LookUp.value_names": lambda: ["c", "d"],
    "LookUp.query": lambda: [1.0, 2.0],
    "WordOrder.words": lambda: ["a", "b"],
    "WordOrder.x": lambda: torch.ones(2, 8),
    "WordOrder.layer": lambda: MultiHeadAttention(8, 2),
    "WordOrder.swap": lambda: (0, 1),
    "WordOrder.caption": lambda: "Move.",
    "BeamTree.names": lambda: ["end", "a"],
    "BeamTree.first": lambda: torch.ones(2) / 2,
    "BeamTree.after": lambda: torch.ones(2, 2) / 2,
    "BeamTree.num_beams": lambda: 2,
    "NextToken.logits": lambda: {"a": torch.ones(12)},
    "NextToken.names": lambda: list("abcdefghijkl"),
    "NextToken.caption": lambda: "Move.",
    "Ruler.scores": lambda: {"flat": torch.ones(4, 4)},
    "Ruler.words": lambda: ("been", "is"),
    "Ruler.key": lambda: 1,
    "Ruler.query": lambda: 2,
    "Ruler.caption": lambda: "Move.",
    "four_terms.layer": lambda: RelativeAttention(8, 2),
    "four_terms.x": lambda: torch.ones(1, 3, 8),
    "four_terms.memory": lambda: torch.ones(1, 2, 8),
    "shift_steps.shift": lambda: relative_shift,
    "shift_steps.q_len": lambda: 2,
    "shift_steps.k_len": lambda: 3,
    "SavedBits.text": lambda: "abcd",
    "SavedBits.bits": lambda: {"own": {0: torch.ones(4), 4: torch.zeros(4)}},
    "SavedBits.seg_len": lambda: 2,
    "SavedBits.early": lambda: 1,
    "SavedBits.start": lambda: 4,
    "SavedBits.caption": lambda: "Move.",
    "HandedDown.w": lambda: 0.5,
    "HandedDown.bias": lambda: 2.0,
    "HandedDown.distance": lambda: 20,
    "moments.kept": lambda: [True, False],
    "Checkpoints.num_layers": lambda: 3,
    "Checkpoints.inside": lambda: {"1 unit": 1},
    "Checkpoints.caption": lambda: "Move.",
    "training_step.layers": lambda: [SIGMOID],
    "training_step.x": lambda: torch.ones(1, 2, 3),
    "training_step.forward": lambda: SIGMOID,
    "slideshow.labels": lambda: ["1"],
    "attention_grid.rows": lambda: None,
    "attention_grid.columns": lambda: None,
    "save_checkpoint.state": dict,
    "save.file": lambda: folder() / "w.safetensors",
    "fill.file": lambda: saved(),
    "train.loss": lambda: lambda model, batch: model(batch).square().mean(),
    "train.model": lambda: remembered(),
    "train.batches": lambda: [ids()] * 3,
    "train.steps": lambda: 2,
    "train.optimizer": lambda: torch.optim.SGD(KEPT["model"].parameters(), lr=0.1),
    "SegmentLoss.__call__.model": xl,
    "SegmentLoss.load_state_dict.state": dict,
    "SegmentLoss.__call__.batch": lambda: Streams(torch.arange(9), batch_size=2, seg_len=2)[0],
    "clean.text": lambda: "one line",
    "words.text": lambda: "one line",
    "load_translation.name": lambda: "king_james",
    "load_parallel.source": lambda: "king_james",
    "load_parallel.target": lambda: "world_english",
    "load_parallel.longest": lambda: 3,
    "aligned.source": lambda: "king_james",
    "aligned.target": lambda: "world_english",
    "aligned.longest": lambda: 3,
    "leaks.train": lambda: VERSES,
    "leaks.held_out": lambda: VERSES[:1],
    "split_by_chapter.pairs": lambda: VERSES,
    "split_by_chapter.held_out": lambda: 0.3,
    "BytePairs.merges": lambda: [(97, 98)],
    "BytePairs.decode.ids": lambda: [97, 256],
    "Subwords.merges": lambda: ((97, 98),),
    "Subwords.decode.ids": lambda: [100, 259],
    "Subwords.pieces.ids": lambda: [100, 259],
    "translation_score.written": lambda: ["one line"],
    "translation_score.references": lambda: ["another line"],
    "WordTable.pairs": lambda: [("das Haus", "the house")],
    "WordTable.partners.word": lambda: "Haus",
    "WordTable.replace.text": lambda: "das Haus",
    "WordTable.search.text": lambda: "das Haus",
    "alignment.read": lambda: ["das", "Haus"],
    "alignment.written": lambda: ["the", "house"],
    "alignment.weights": lambda: torch.full((2, 2), 0.5),
    "PieceCutter.merges": lambda: [(97, 98)],
    "PieceCutter.text": lambda: "ab",
    "gigabytes.size": lambda: 4e9,
    "memory_boxes.title": lambda: "a",
    "memory_boxes.held": lambda: {"parameters": 4e9},
    "memory_boxes.processes": lambda: 2,
    "memory_boxes.most": lambda: 8e9,
    "memory_boxes.said": lambda: "a",
    "training_flops.parameters": lambda: 10,
    "training_flops.tokens": lambda: 20,
    "fit_power_law.sizes": lambda: [1e3, 2e3, 4e3, 8e3],
    "fit_power_law.losses": lambda: [3.0, 2.5, 2.2, 2.0],
    "prediction_interval.sizes": lambda: [1e3, 2e3, 4e3, 8e3],
    "prediction_interval.losses": lambda: [3.0, 2.5, 2.2, 2.0],
    "prediction_interval.target": lambda: 3e4,
    "prediction_interval.draws": lambda: 3,
    "scaling_plot.sizes": lambda: [1e3, 2e3],
    "scaling_plot.losses": lambda: [3.0, 2.5],
    "scaling_plot.target": lambda: 8e3,
    "scaling_plot.guess": lambda: 1.5,
    "Choice.label": lambda: "a",
    "Choice.drawings": lambda: {"a": Canvas("a")},
    "save_sharded.folder": lambda: folder(),
    "save_sharded.model": lambda: remembered(),
    "save_sharded.optimizers": lambda: torch.optim.SGD(KEPT["model"].parameters(), lr=0.1),
    "load_sharded.folder": lambda: sharded_folder(),
    "load_sharded.model": lambda: remembered(),
    "load_sharded.optimizers": lambda: torch.optim.SGD(KEPT["model"].parameters(), lr=0.1),
    # pictures and texts
    "Icons.images": lambda: torch.ones(2, 1, 8, 8),
    "Icons.names": lambda: ("a b", "c"),
    "Icons.__getitem__.rows": lambda: torch.tensor([0]),
    "IconBatches.data": icons,
    "name_ids.names": lambda: ("a b", "c"),
    "new_combinations.names": lambda: ["a b", *(f"{word} {n}" for word in "ab" for n in range(5))],
    "new_combinations.size": lambda: 1,
    "unpatchify.patches": lambda: torch.ones(2, 4, 16),
    "hide_words.mask_id": lambda: 2,
    "hide_words.special": lambda: (0, 1, 2),
    "MaskedBatches.rows": lambda: [torch.tensor([3, 4]), torch.tensor([5, 6])],
    "MaskedBatches.hide": lambda: partial(hide_words, mask_id=2, vocab_size=11, special=(0, 2)),
    "Difficulty.near": lambda: 0.5,
    "Difficulty.noise": lambda: 0.1,
    "compose.data": lambda: Images(torch.ones(2, 1, 28, 28), torch.tensor([0, 1])),
    "SceneBatches.data": lambda: Images(torch.ones(2, 1, 28, 28), torch.tensor([0, 1])),
    "sound_picture.sound": lambda: torch.ones(4000),
    "join.ids": lambda: [1, 2, 3],
    "join.pair": lambda: (1, 2),
    "join.new": lambda: 9,
    "always_capital.texts": lambda: [["a", "b"]],
    "chat_text.messages": lambda: [{"role": "user", "content": "a"}],
    # measures
    "average_precision.detections": lambda: [(torch.ones(1), torch.tensor([0]), one_box())],
    "check_objects.name": lambda: "objects",
    "check_objects.objects": lambda: (torch.tensor([0]), one_box()),
    "check_boxes.name": lambda: "boxes",
    "focal_loss.wanted": lambda: torch.ones(2, 5, dtype=torch.bool),
    "contrastive_loss.a": lambda: torch.eye(3),
    "contrastive_loss.b": lambda: torch.eye(3),
    "contrastive_loss.scale": lambda: 2.0,
    "contrastive_loss.same": lambda: torch.eye(3, dtype=torch.bool),
    "questions.rows": lambda: [torch.tensor([3, 4]), torch.tensor([5, 6])],
    "questions.mask_id": lambda: 2,
    "questions.special": lambda: (0, 1, 2),
    "truth.asked": masked,
    "best_guesses.model": lambda: MaskedWords(bert()),
    "best_guesses.asked": masked,
    "Neighbours.rows": lambda: [torch.tensor([3, 4]), torch.tensor([5, 6])],
    "Neighbours.unknown": lambda: (0,),
    "Neighbours.guess.left": lambda: 3,
    "Neighbours.guess.right": lambda: 4,
    "Neighbours.guesses.asked": masked,
    "Neighbours.guesses.right": lambda: True,
    "ranks.scores": lambda: torch.eye(3),
    "ranks.right": lambda: torch.tensor([0, 1, 2]),
    "recall_at.scores": lambda: torch.eye(3),
    "recall_at.right": lambda: torch.tensor([0, 1, 2]),
    "recall_at.k": lambda: (1,),
    "match_cost.logits": lambda: torch.zeros(3, 3),
    "match_cost.boxes": lambda: torch.full((3, 4), 0.5),
    "match_cost.objects": lambda: (torch.tensor([0]), one_box()),
    "set_loss.guesses": guesses,
    "f1.guessed": lambda: torch.tensor([True, False]),
    "f1.true": lambda: torch.tensor([True, True]),
    "recall.guessed": lambda: torch.tensor([True, False]),
    "recall.true": lambda: torch.tensor([True, True]),
    "recall.among": lambda: torch.tensor([True, True]),
    "window_features.words": lambda: ["a", "b"],
    "window_features.counts": lambda: {"a": 3},
    # models and their parts
    "DecoderLayer.forward.context": decoder_layer_memory,
    "Decoder.forward.context": decoder_layer_memory,
    "Transformer.decode.context": decoder_layer_memory,
    "PlacedAttention.forward.places": lambda: torch.ones(3, 8),
    "PlacedEncoderLayer.self_attention": placed,
    "PlacedEncoderLayer.forward.places": lambda: torch.ones(3, 8),
    "PlacedDecoderLayer.self_attention": placed,
    "PlacedDecoderLayer.cross_attention": placed,
    "PlacedDecoderLayer.forward.context": decoder_layer_memory,
    "PlacedDecoderLayer.forward.places": lambda: torch.ones(3, 8),
    "PlacedDecoderLayer.forward.context_places": lambda: torch.ones(4, 8),
    "Reach.same_length": lambda: True,
    "Reach.clamp_len": lambda: None,
    "ClassTokens.reader": lambda: Encoder([encoder_layer()]),
    "ClassTokens.forward.patches": features,
    "AdaptiveOutput.tables": lambda: [nn.Embedding(4, 8), nn.Embedding(7, 4)],
    "AdaptiveOutput.forward.targets": ids,
    "Bert.config": lambda: BertConfig(11, max_len=16, **SMALL),
    "MaskedWords.bert": bert,
    "Classifier.bert": bert,
    "Bert.forward.segments": lambda: torch.zeros(2, 3, dtype=torch.long),
    "MaskedWords.forward.chosen": lambda: torch.ones(2, 3, dtype=torch.bool),
    "mean_of_tokens.real": lambda: torch.ones(2, 3, dtype=torch.bool),
    "BagOfWords.config": lambda: BagOfWordsConfig(11, 3),
    "TextTower.config": lambda: TextTowerConfig(11, 3, max_len=16, end_id=10, **SMALL),
    "TextTower.forward.ids": lambda: torch.tensor([[3, 4, 10], [5, 10, 0]]),
    "CLIP.config": CLIPConfig,
    "CLIP.image_tower": vit,
    "CLIP.text_tower": bag_of_words,
    "pictures": lambda: torch.ones(2, 1, 8, 8),
    "backbone": vit,
    "DETR.config": lambda: DETRConfig(2, 4, 8, 2, 1, 1, 16),
    "DETR.detect.features": lambda: torch.ones(2, 2, 2, 8),
    "DETR.probabilities.logits": lambda: torch.zeros(2, 4, 3),
    "Segmenter.config": lambda: SegmenterConfig(3),
    "bert_config.published": lambda: ENCODER | {"model_type": "bert"},
    "vit_config.published": lambda: EYES | {"model_type": "vit"},
    "gpt2_config.published": lambda: dict(GPT_2),
    "llama_config.published": lambda: dict(ENCODER),
    "vision_config.published": lambda: dict(EYES),
    "text_config.published": lambda: ENCODER | {"eos_token_id": 2},
    "load.file": lambda: saved(),
    # training
    "token_sum.logits": lambda: torch.zeros(2, 3, 11),
    "Rates.model": lambda: remembered(),
    "Rates.optimizer": lambda: torch.optim.SGD(KEPT["model"].parameters(), lr=0.1),
    "Rates.schedule": lambda: None,
    "check_generators.generators": list,
}


def filled(cache):
    """An empty one has nothing that new keys, rows or batches could be at odds with."""
    heads = torch.ones(1, 2, 3, 4)
    cache.append(nn.Identity(), heads, heads)
    return cache


# What a method is called on, where a new one would not do.
FILLED = {
    "KVCache": lambda: filled(KVCache()),
    "MemoryCache": lambda: filled(MemoryCache(4)),
}

KEPT: dict[str, nn.Module] = {}


def remembered():
    """The optimizer and the model of one call belong together."""
    KEPT["model"] = gpt()
    return KEPT["model"]


def encoder_layer():
    return EncoderLayer(MultiHeadAttention(8, 2), FeedForward(8, 16))


def decoder_layer():
    attentions = MultiHeadAttention(8, 2), MultiHeadAttention(8, 2)
    return DecoderLayer(*attentions, FeedForward(8, 16))


def parameters():
    return [nn.Parameter(torch.ones(3, 3))]


def pair_state(model):
    return model.start(ids())[1]


def saved():
    from transformer_lib.weights import save

    file = folder() / "w.safetensors"
    save(gpt(), file)
    return file
