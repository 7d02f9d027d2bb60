"""Chapter 15: boxes, matching, focal loss, average precision, DETR, and what its page shows."""

from faults.fault import faults_of

_boxes = faults_of("measure/boxes.py", "test_boxes.py")
_sets = faults_of("measure/sets.py", "test_sets.py")
_focal = faults_of("measure/focal.py", "test_focal.py")
_ap = faults_of("measure/average_precision.py", "test_average_precision.py")
_places = faults_of("layers/places.py", "test_places.py")
_detr = faults_of("models/detection.py", "test_detection.py")
_recipe = faults_of("recipes/scenes_detr.py", "test_recipes_scenes_detr.py")
_page = faults_of("show/detector_checks.py", "test_page_models.py")
_drawn = faults_of("show/boxes.py", "test_show_boxes.py")
_marked = faults_of("exercises/chapter_15.py", "test_exercises_15.py")

KNOWN = "an_answer_is_known_however_it_is_written"

FAULTS = [
    _boxes(
        "boxes that do not touch share a negative side",
        "overlap = (last - first).clamp(min=0).prod(dim=-1)",
        "overlap = (last - first).prod(dim=-1)",
        "every_pair_is_what_a_loop_over_numbers_finds",
    ),
    _boxes(
        "inverted boxes pass",
        "wrong = ~(boxes[..., 2:] >= boxes[..., :2]).all(dim=-1) | ~",
        "wrong = ~",
        "inverted_boxes_are_refused",
    ),
    _sets(
        "the logarithm of the probability in the price",
        "return -logits.softmax(dim=-1)",
        "return -logits.log_softmax(dim=-1)",
        "the_cost_by_hand",
    ),
    _sets(
        "a softmax over the queries in the price",
        "return -logits.softmax(dim=-1)",
        "return -logits.softmax(dim=-2)",
        "the_cost_by_hand",
    ),
    _sets(
        "the objects of the batch are counted from each picture's first",
        "which = torch.cat([columns for _, columns in pairs]) + before",
        "which = torch.cat([columns for _, columns in pairs]) + 0 * before",
        "a_query_never_takes_the_object_of_another_picture",
    ),
    _sets(
        "no object at full weight",
        "weights[nothing] = no_object",
        "weights[nothing] = 1.0",
        "no_object_weighs_what_it_is_given",
    ),
    _sets(
        "without no object the price of a yes leaves out that of the no",
        "(focal_loss(logits, yes) - focal_loss(logits, ~yes))",
        "focal_loss(logits, yes)",
        "without_no_object_it_is_the_focal_loss_of_every_class",
    ),
    _sets(
        "the focal loss is a mean over all questions",
        "focal_loss(logits, yes).sum() / max(len(labels), 1)",
        "focal_loss(logits, yes).mean()",
        "without_no_object_it_is_the_focal_loss_of_every_class",
    ),
    _focal(
        "a sure answer counts more than an open one",
        "(-right).sigmoid() ** GAMMA",
        "right.sigmoid() ** GAMMA",
        "what_is_known_hardly_counts",
    ),
    _focal(
        "the weights of yes and no are swapped",
        "torch.where(wanted, ALPHA, 1 - ALPHA)",
        "torch.where(wanted, 1 - ALPHA, ALPHA)",
        "by_hand",
    ),
    _focal(
        "the logarithm of a sigmoid that is zero far out",
        "F.logsigmoid(right)",
        "right.sigmoid().log()",
        "its_gradient_is_its_slope_and_is_finite_far_out",
    ),
    _ap(
        "a second hit on one object counts",
        "free[rows[hits[:, n]], best[hits[:, n]]] = False",
        "pass",
        "a_second_hit_on_one_object_is_a_false_positive",
    ),
    _ap(
        "no staircase: the precision where it is",
        "best_from_here = np.maximum.accumulate(precision[::-1])[::-1]",
        "best_from_here = precision",
        "it_is_what_a_loop_over_the_definition_finds",
    ),
    _places(
        "places reach the values",
        "v = self._split(self.v_proj(keys))",
        'v = self._split(self.v_proj(_at("context_places", keys, key_places)))',
        "places_do_not_reach_the_values",
    ),
    _detr(
        "the boxes of each layer start from the anchors, refined or not",
        "start = boxes.detach()  #",
        "pass  #",
        "a_box_starts_from_its_anchor_or_from_the_layer_before",
    ),
    _detr(
        "a layer learns the steps of those before too",
        "start = boxes.detach()  #",
        "start = boxes  #",
        "refined_a_layer_learns_its_own_step_alone",
    ),
    _detr(
        "the class token is taken for a patch",
        "self.backbone.encode(images)[:, -(grid**2) :]",
        "self.backbone.encode(images)[:, : grid**2]",
        "pictures_are_seen_patch_by_patch",
    ),
    _detr(
        "no object is a class to be found",
        "logits.softmax(dim=-1)[..., :-1] if",
        "logits.softmax(dim=-1) if",
        "probabilities_are_of_the_classes_alone",
    ),
    _detr(
        "asked one by one, every class starts at one half",
        "nn.init.constant_(self.class_head.bias, -math.log(99))",
        "pass",
        "asked_one_by_one_every_class_starts_improbable",
    ),
    _recipe(
        "a model without no object learns with it",
        "NO_OBJECT if model.config.no_object else None",
        "NO_OBJECT",
        "the_loss_is_the_sets_in_float32",
    ),
    _recipe(
        "a blob keeps the ink of its neighbours' box",
        "digits.append(_centred(image[rows, columns] * own))",
        "digits.append(_centred(image[columns, rows]))",
        "each_blob_is_read_and_has_the_box_of_its_pixels",
    ),
    _recipe(
        "queries and keys of a fresh model have nothing in common",
        "attention.k_proj.load_state_dict(attention.q_proj.state_dict())",
        "pass",
        "a_fresh_model_looks_where_it_stands_with_the_readers_eyes",
    ),
    _page(
        "a detector with an encoder is shown without it",
        'if config.get("num_encoder_layers") != 0:',
        "if False:",
        "a_finder_refuses_what_does_not_fit",
    ),
    _drawn(
        "boxes of a picture that is not square are stretched",
        "box[0] * width, box[1] * height, box[2] * width",
        "box[0] * width, box[1] * width, box[2] * width",
        "boxes_stand_in_pixels_with_their_names_above",
    ),
    _marked(
        "the queries in ascending order pass for those of the objects",
        "return queries[objects.argsort()]",
        "return queries",
        KNOWN,
    ),
]
