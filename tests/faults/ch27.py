"""Chapter 27: GGUF files, Llamas, the words of a chat model, and the conversation."""

from faults.fault import faults_of

_gguf = faults_of("pretrained/gguf.py", "test_gguf.py")
_llama = faults_of("pretrained/llama.py", "test_llama.py")
_tokens = faults_of("pretrained/tokens.py", "test_tokens.py")
_chat = faults_of("chat.py", "test_chat.py")
_recorded_talk = faults_of("show/recorded_talk.py", "test_recorded_talk.py")

BLOCKS = "blocks_are_unpacked_as_the_format_says"
FOLDER = "a_folder_computes_the_same"
FILE = "a_gguf_file_computes_the_same"

FAULTS = [
    # --- the file
    _gguf(
        "the high half of a byte comes first",
        '[blocks["codes"] & 15, blocks["codes"] >> 4]',
        '[blocks["codes"] >> 4, blocks["codes"] & 15]',
        BLOCKS,
    ),
    _gguf("the lowest number is left out", "scale * codes + lowest", "scale * codes", BLOCKS),
    _gguf(
        "tensors begin right behind the last entry",
        "first = -(-reader.at // alignment) * alignment",
        "first = reader.at",
        "tensors_begin_at_multiples_of_the_alignment",
    ),
    _gguf(
        "the file's own alignment is not asked for",
        'settings.get("general.alignment", 32)',
        "32",
        "tensors_begin_at_multiples_of_the_alignment",
    ),
    _gguf(
        "axes in the order of the file",
        'range(reader.take("I"))][::-1]',
        'range(reader.take("I"))]',
        BLOCKS,
    ),
    _gguf(
        "a tensor may reach a little beyond the end",
        "kind.block.itemsize > end",
        "kind.block.itemsize > end + 32",
        "a_file_that_was_cut_anywhere_is_refused",
    ),
    # --- the model
    _llama(
        "rows stay in pairs of neighbours",
        "pairs.transpose(1, 2).flatten(0, 2)",
        "pairs.flatten(0, 2)",
        FILE,
    ),
    _llama(
        "the rows of queries are put in order, and those of keys are not",
        '(".attn_q.weight", ".attn_k.weight")',
        '".attn_q.weight"',
        FILE,
    ),
    _llama(
        "gate and up changed places",
        "torch.cat([new.pop(name), new.pop(other)])",
        "torch.cat([new.pop(other), new.pop(name)])",
        FOLDER,
    ),
    _llama(
        "the rotary base is always 10,000",
        'rotary.get("rope_theta") or published.get("rope_theta", 10_000.0)',
        "10_000.0",
        FOLDER,
    ),
    _llama(
        "a head of its own is taken for the embedding",
        '"embedding" if config.tie else "head"',
        '"embedding"',
        FOLDER,
    ),
    _llama("it is left in training mode", "return model.eval()", "return model.train()", FOLDER),
    # --- its words
    _tokens(
        "digits in one piece",
        "individual_digits=True",
        "individual_digits=False",
        "merges_are_used_marks_are_one_token_and_digits_stand_alone",
    ),
    _tokens(
        "a blank in front of every text",
        "add_prefix_space=False",
        "add_prefix_space=True",
        "any_text_comes_back",
    ),
    # --- the conversation
    _chat(
        "everything is read anew at every turn",
        "if self._cache is None or self._read != ids[:known]:",
        "if True:",
        "history_is_read_and_only_what_is_new_costs",
    ),
    _chat(
        "half a character is shown",
        'if not answer.endswith("\\ufffd"):',
        "if True:",
        "pieces_come_as_they_are_written_and_never_half_a_character",
    ),
    _chat(
        "a question is forgotten and its answer is kept",
        "rest = rest[2:]",
        "rest = rest[1:]",
        "when_the_window_is_full_the_oldest_question_and_its_answer_are_forgotten",
    ),
    _chat(
        "what was read counts as the last token alone",
        "self._read += new\n",
        "self._read += new[-1:]\n",
        "history_is_read_and_only_what_is_new_costs",
    ),
    _chat(
        "the likeliest token, whatever was asked for",
        "token = int(self.choose(logits))",
        "token = int(greedy(logits))",
        "tokens_are_chosen_as_asked",
    ),
    _recorded_talk(
        "a word can be markup",
        "f'{escape(word)}<span",
        "f'{word}<span",
        "words_are_text_and_never_markup",
    ),
]
