"""Chapter 16: class tokens, the segmenter, mean IoU, what is drawn, painted and marked."""

from faults.fault import faults_of

_tokens = faults_of("layers/class_tokens.py", "test_class_tokens.py")
_model = faults_of("models/segmentation.py", "test_segmentation.py")
_iou = faults_of("measure/mean_iou.py", "test_mean_iou.py")
_masks = faults_of("show/masks.py", "test_masks_shown.py")
_painter = faults_of("show/scene_painter.py", "test_scene_painter.py")
_page = faults_of("show/static/segmenter.js", "test_scene_painter.py")
_marks = faults_of("exercises/chapter_16.py", "test_exercises_16.py")
_recipe = faults_of("recipes/scenes_segmenter.py", "test_recipes_scenes_segmenter.py")

PUBLISHED = "its_masks_are_those_of_the_published_encoder_only_mask_transformer"
LOGIT = "a_logit_is_the_product_of_a_pixel_and_a_class"
IN_THE_PAGE = "it_computes_in_the_page_what_torch_computes"

FAULTS = [
    _tokens(
        "the scores are not divided by the root of the number of features",
        "keys @ features.mT / keys.size(-1) ** 0.5",
        "keys @ features.mT",
        LOGIT,
    ),
    _tokens(
        "pixels vary slowest in what a patch says",
        "return logits.flatten(2)",
        "return logits.mT.flatten(2)",
        LOGIT,
    ),
    _tokens(
        "the tokens do not look: their keys are made before the layers",
        "keys = self.keys(tokens)[:, None]",
        "keys = self.keys(self.tokens.weight.expand(len(x), -1, -1))[:, None]",
        PUBLISHED,
    ),
    _tokens(
        "the patches do not hear of the classes",
        "patches, tokens = x.split(",
        "_, tokens = x.split(",
        LOGIT,
    ),
    _tokens(
        "tokens start large",
        "nn.init.normal_(self.tokens.weight, std=0.02)",
        "nn.init.normal_(self.tokens.weight, std=1.0)",
        "fresh_tokens_are_small_and_all_of_them_learn",
    ),
    _model(
        "the layers for the classes have the default activation",
        "FeedForward(seen.d_model, seen.d_ff, activation=seen.activation)",
        "FeedForward(seen.d_model, seen.d_ff)",
        "its_class_layers_are_like_those_of_the_eyes",
    ),
    _model(
        "the layers for the classes have the default eps",
        "norm = partial(nn.LayerNorm, eps=seen.eps)",
        "norm = nn.LayerNorm",
        "its_class_layers_are_like_those_of_the_eyes",
    ),
    _model(
        "the layers for the classes drop nothing",
        "dropout=seen.dropout,",
        "dropout=0.0,",
        "its_class_layers_are_like_those_of_the_eyes",
    ),
    _model(
        "one layer for the classes, however many are asked for",
        "reader = _reader(config.class_layers, seen)",
        "reader = _reader(1, seen)",
        "a_model_with_class_tokens_is_its_parts_one_after_another",
    ),
    _model(
        "corners are aligned",
        'mode="bilinear", align_corners=False',
        'mode="bilinear", align_corners=True',
        "bilinear_is_a_mixture_of_the_four_nearest_patches",
    ),
    _model(
        "the token of the picture is taken for a patch",
        "[:, -(seen.grid**2) :]",
        "[:, : seen.grid**2]",
        "pixels_of_a_token_are_those_of_its_patch",
    ),
    _iou(
        "the union counts what is in both twice",
        "self._pairs.sum(dim=1) - intersection",
        "self._pairs.sum(dim=1)",
        "it_is_what_scikit_learn_finds_over_the_whole_set",
    ),
    _iou(
        "a class that is nowhere makes the mean NaN",
        "self.per_class().nanmean()",
        "self.per_class().mean()",
        "a_class_that_is_nowhere_is_left_out",
    ),
    _masks(
        "the names stand in the order in which classes occur",
        "names[k], bbox=box",
        "names[0], bbox=box",
        "every_pixel_has_the_colour_of_its_class_and_every_class_its_name",
    ),
    _masks(
        "scores of the first patch, whichever is drawn",
        "scores = said[0, patch].view",
        "scores = said[0, 0].view",
        "a_journey_shows_the_shapes_and_numbers_of_the_run",
    ),
    _painter(
        "weights of a head that scores patches as a whole are let through",
        "if width != wanted:",
        "if width > wanted:",
        "what_the_page_cannot_show_is_refused",
    ),
    _page(
        "the page takes the first tokens for the patches",
        "features.slice(-grid * grid)",
        "features.slice(0, grid * grid)",
        IN_THE_PAGE,
    ),
    _page(
        "the page turns rows and columns within a patch round",
        "(y % size) * size + (x % size)",
        "(x % size) * size + (y % size)",
        IN_THE_PAGE,
    ),
    _marks(
        "a mean over pictures is marked as right",
        "scores.add(said, true)",
        "scores.add(said[:1], true[:1])",
        "an_answer_is_known_however_it_is_written",
    ),
    _recipe(
        "the background counts as much as a digit",
        "weight[BACKGROUND] = WEIGHT",
        "weight[BACKGROUND] = 1.0",
        "its_loss_is_that_of_loops_over_pixels",
    ),
    _recipe(
        "the weight of the background stays in the model's scores",
        "logits + weight.log()[:, None, None]",
        "logits",
        "the_loss_is_least_for_the_true_shares",
    ),
    _recipe(
        "the weight is taken out twice",
        "logits + weight.log()[:, None, None]",
        "logits - weight.log()[:, None, None]",
        "its_loss_is_that_of_loops_over_pixels",
    ),
    _recipe(
        "the score of the digits counts the background too",
        "return scores.per_class()[:BACKGROUND].mean().item()",
        "return scores.mean()",
        "the_score_of_the_digits_leaves_the_background_out",
    ),
]
