"""Every study still computes what its file says: the first steps of one arm, run again."""

import importlib
import json
from pathlib import Path
from statistics import mean

import pytest
import torch

from transformer_lib.data.downloads import SETS, folder_of

FOLDER = Path(__file__).resolve().parents[2] / "notebooks/studies"
# A study that trains has ARMS; what others write was not trained, but recorded.
NAMES = sorted(p.stem for p in FOLDER.glob("*.py") if "\nARMS = " in p.read_text("utf-8"))
STEPS = 50


@pytest.fixture(params=NAMES)
def study(request, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    module = importlib.import_module(request.param)
    needs = getattr(module, "NEEDS", None)  # a set that is downloaded on request
    if needs and not all((folder_of(needs) / file).is_file() for file in SETS[needs]):
        pytest.skip(f"{needs} was not downloaded")
    kept = json.loads((FOLDER / f"{request.param}.json").read_text(encoding="utf-8"))
    dtype = torch.get_default_dtype()  # some chapters set another, and run in this process
    yield module, kept
    torch.set_default_dtype(dtype)


def test_the_file_holds_arms_of_the_study_and_says_what_made_it(study):
    """A page counts the seeds that are there; not every arm of a long study need have been run."""
    module, kept = study
    arms = [{name: run[name] for name in module.ARMS[0]} for run in kept["runs"]]
    assert arms[0] == module.ARMS[0]
    assert all(arm in module.ARMS for arm in arms)
    assert kept["command"] == f"make study-{module.__name__}"
    assert kept["commit"]
    assert kept["cpu"]


def test_the_first_steps_of_one_arm(study):
    module, kept = study
    again = module.run(**module.ARMS[0], stop=STEPS)["losses"]
    before = kept["runs"][0]["losses"][:STEPS]
    assert len(again) == STEPS
    # Later, what two processors round differently has grown: single losses part, their mean less.
    assert again[:20] == pytest.approx(before[:20], rel=0.03)
    assert mean(again) == pytest.approx(mean(before), rel=0.03)
