"""Chapter 25: what a training costs and will reach, models in parts, and their drawings."""

from faults.fault import faults_of

_scaling = faults_of("measure/scaling.py", "test_scaling.py")
_sharded = faults_of("training/sharded.py", "test_sharded.py")
_parallel = faults_of("training/parallel.py", "test_sharded.py")
_choice = faults_of("show/choice.py", "test_choice.py")
_boxes = faults_of("show/memory_boxes.py", "test_memory_boxes.py")
_plot = faults_of("show/scaling_plot.py", "test_scaling_plot.py")

AGAIN = "a_law_is_found_again"
LINE = "the_line_is_the_one_of_least_squares"
SAME = "in_parts_it_is_whole_copies_and_one_process"

FAULTS = [
    _scaling(
        "going backward costs nothing",
        "(6 * parameters",
        "(2 * parameters",
        "flops_are_those_that_torch_counts",
    ),
    _scaling(
        "attention forward alone",
        "+ 12 * num_layers",
        "+ 4 * num_layers",
        "flops_are_those_that_torch_counts",
    ),
    _scaling("a law falls the wrong way", "size**-self.exponent", "size**self.exponent", AGAIN),
    _scaling(
        "of all floors the first",
        "best = (fitted - y).square().sum(1).argmin()",
        "best = torch.tensor(0)",
        AGAIN,
    ),
    _scaling("a known floor is looked for all the same", "if floor is None:", "if True:", LINE),
    _scaling("the line does not go through the middle", "- slopes * x.mean()", "- slopes", LINE),
    _scaling(
        "errors are not dealt out anew",
        "dealt = errors[torch.randint(count, (draws, count), generator=generator)]",
        "dealt = errors.expand(draws, count)",
        "the_interval_grows_with_the_noise_and_with_the_distance",
    ),
    _scaling(
        "one end twice",
        "(1 + share) / 2]",
        "(1 - share) / 2]",
        "the_interval_grows_with_the_noise_and_with_the_distance",
    ),
    _scaling(
        "the share counts once",
        "[(1 - share) / 2,",
        "[(1 - share) / 20,",
        "the_interval_of_a_small_share_is_narrow",
    ),
    _sharded(
        "a layer that is sharded is not looked for",
        "if parallel.is_sharded(model):",
        "if False:",
        "a_sharded_model_needs_processes_and_is_sharded_once",
    ),
    _sharded(
        "every process goes on with the first one's random numbers",
        'f"process-{parallel.rank()}.pt", weights_only=True)',
        '"process-0.pt", weights_only=True)',
        "dropout_differs_by_process_and_goes_on",
    ),
    _sharded(
        "what is lost is not said",
        'if own["processes"] != parallel.world():',
        "if False:",
        "what_two_have_written_goes_on_in_one_and_says_what_is_lost",
    ),
    _sharded(
        "generators of one's own are forgotten",
        'set_random_state(own["random"], generators)',
        'set_random_state(own["random"] | {"generators": []}, ())',
        "generators_of_ones_own_go_on",
    ),
    _parallel(
        "a sharded model is wrapped too",
        "if is_sharded(model) or world() == 1:",
        "if world() == 1:",
        SAME,
    ),
    _parallel(
        "gradients are sent at every batch but the last",
        "model.set_requires_gradient_sync(unless)",
        "model.set_requires_gradient_sync(not unless)",
        SAME,
    ),
    _choice(
        "the first is always chosen",
        "(i == self.start)",
        "(i == 0)",
        "each_choice_shows_its_drawing_alone",
    ),
    _choice(
        "two choices share a name",
        "(self.label + parts).encode()",
        "b''",
        "two_on_one_page_do_not_answer_for_each_other",
    ),
    _boxes(
        "sides are bytes",
        "math.sqrt(size / most)",
        "(size / most)",
        "areas_are_bytes_for_each_process",
    ),
    _plot(
        "sizes stand on a plain axis",
        "right = (math.log(size) - first) / (last - first)",
        "right = size / target / 1.15",
        "points_stand_where_their_numbers_say",
    ),
]
