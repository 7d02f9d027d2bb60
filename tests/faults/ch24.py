"""Chapter 24: what is heard, measured, tried and found."""

from faults.fault import faults_of

_hearing = faults_of("training/hearing.py", "test_health.py")
_vitals = faults_of("training/vitals.py", "test_health.py")
_trial = faults_of("training/trial.py", "test_health.py")
_findings = faults_of("training/findings.py", "test_health.py")
_health = faults_of("training/health.py", "test_health.py")
_influence = faults_of("measure/influence.py", "test_influence.py")
_diagnosis = faults_of("show/diagnosis.py", "test_diagnosis.py")

ZERO = "what_is_not_read_has_a_gradient_of_exactly_zero"
FIRST = "each_patient_is_named_first"
UNCHANGED = "it_changes_nothing"
LANDMARKS = "the_landmarks_are_those_of_the_targets_that_count"

FAULTS = [
    _hearing(
        "only torch's own embedding counts as a table",
        "    return all(isinstance(m, nn.Embedding | nn.Linear) for m in inner)",
        "    return isinstance(part, nn.Embedding)",
        "a_table_of_ids_is_heard_whatever_its_class",
    ),
    _hearing(
        "padding counts among the targets",
        'given.get("ignore_index", -100)',
        "-100",
        LANDMARKS,
    ),
    _hearing(
        "the hooks stay",
        "            handle.remove()",
        "            pass",
        "a_table_of_ids_is_heard_whatever_its_class",
    ),
    _vitals(
        "the future is looked for in evaluation only",
        "        model.train()\n        with hear(model) as heard:",
        "        with hear(model) as heard:",
        "a_leak_in_one_mode_is_told_apart",
    ),
    _vitals(
        "a place counts as its own future",
        "each[:, t + 1 :]",
        "each[:, t:]",
        ZERO,
    ),
    _vitals(
        "outputs at padding are asked too",
        "output = output[heard.written[0] != pad_id]",
        "output = output + 0",
        ZERO,
    ),
    _vitals(
        "the frequencies are those of all targets",
        "targets = heard.targets[heard.counted]",
        "targets = heard.targets",
        LANDMARKS,
    ),
    _vitals(
        "a sum is taken for a mean",
        "loss[0] / loss[1] if",
        "loss[0] if",
        "a_loss_that_returns_a_sum_and_a_count_is_a_mean",
    ),
    _trial(
        "the caller's model learns the batch",
        "copy.deepcopy((model, list(optimizers)))",
        "(model, list(optimizers))",
        FIRST,
    ),
    _trial(
        "a control with the same rate",
        "trial(*run, 0.1 * peak)",
        "trial(*run, peak)",
        FIRST,
    ),
    _findings(
        "a bottleneck only where all outputs are one",
        'n["rank"] < 0.5 * n["room"]',
        'n["rank"] < 0.05 * n["room"]',
        FIRST,
    ),
    _findings(
        "tokens are judged before the trial only",
        'min(n["alike"], n["alike_after"]) > 0.98',
        'n["alike"] > 0.95',
        "nothing_is_found_on_a_healthy_model",
    ),
    _health(
        "the caller's model is examined itself",
        "copy.deepcopy((model, given, loss))",
        "(model, given, loss)",
        UNCHANGED,
    ),
    _health(
        "random numbers are drawn from the caller's",
        "with random_numbers_kept(), torch.enable_grad():",
        "with torch.enable_grad():",
        UNCHANGED,
    ),
    _influence(
        "rows and columns are exchanged",
        "return torch.stack(rows)",
        "return torch.stack(rows, dim=1)",
        "of_a_linear_map_it_is_the_map",
    ),
    _diagnosis(
        "the names stand in the order of the curves",
        "for name in sorted(case.name for case in self.cases)",
        "for name in (case.name for case in self.cases)",
        "all_is_drawn_without_a_script",
    ),
    _diagnosis(
        "a tag in a name ends the data",
        '.replace("<", "\\\\u003c")',
        "",
        "words_are_words_and_never_markup",
    ),
]
