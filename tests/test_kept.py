"""What breaks off leaves modes, weights and optimizers as they were, whatever broke it."""

import pytest
import torch
from torch import nn

from transformer_lib.training.kept import all_or_nothing, modes_kept


def made():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.Linear(3, 1))
    both = [torch.optim.AdamW(model[n].parameters(), lr=0.1) for n in (0, 2)]
    for optimizer in both:
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    return model, both


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_loading_that_breaks_off_is_undone_in_the_model_and_in_every_optimizer(error):
    model, both = made()
    weights = [p.detach().clone() for p in model.parameters()]
    moments = [o.state[o.param_groups[0]["params"][0]]["exp_avg"].clone() for o in both]

    @torch.no_grad()
    def load():
        for parameter in model.parameters():
            parameter.add_(1.0)
        for optimizer in both:
            optimizer.load_state_dict(optimizer.state_dict() | {"state": {}})
        raise error

    with pytest.raises(error), all_or_nothing(model, both):
        load()
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), weights, strict=True))
    for optimizer, old in zip(both, moments, strict=True):
        found = optimizer.state[optimizer.param_groups[0]["params"][0]]["exp_avg"]
        assert torch.equal(found, old)


def test_what_does_not_break_off_stays():
    model, both = made()
    with all_or_nothing(model, both), torch.no_grad():
        model[0].weight.fill_(7.0)
    assert (model[0].weight == 7).all()


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_every_part_has_its_mode_again(error):
    model, _ = made()
    model.train()
    model[1].eval()
    try:
        with modes_kept(model):
            model.eval()
            if error:
                raise error
    except (ValueError, KeyboardInterrupt):
        pass
    assert [part.training for part in model.modules()] == [True, True, False, True]
