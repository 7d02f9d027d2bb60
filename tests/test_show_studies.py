import json

import pytest

from transformer_lib.show.studies import Study


@pytest.fixture
def study(tmp_path):
    runs = [{"rate": r, "seed": s, "bits": {"8+8": r + s}} for r in (0.1, 0.2) for s in range(3)]
    kept = {"command": "make study-some", "commit": "abc", "cpu": "a kind", "runs": runs}
    (tmp_path / "some.json").write_text(json.dumps(kept), encoding="utf-8")
    return Study("some", tmp_path)


def test_a_figure_of_all_seeds_of_one_setting(study):
    assert study.seeds("bits.8+8", rate=0.2) == [0.2, 1.2, 2.2]
    assert study.seeds("rate", seed=1) == [0.1, 0.2]
    assert (study.command, study.commit, study.cpu) == ("make study-some", "abc", "a kind")
    assert study.conclusion == {}


def test_settings_that_no_run_has(study):
    with pytest.raises(ValueError, match=r"no run of 'make study-some' has \{'rate': 0.3\}"):
        study.seeds("bits.8+8", rate=0.3)
