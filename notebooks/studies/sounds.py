"""Chapter 17: a tower that hears, paired with pictures; words are paired with pictures only."""

from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from study import first_losses, keep
from torch import nn

from transformer_lib.data.augment import jitter
from transformer_lib.data.images import load_mnist_5k
from transformer_lib.data.order import random_numbers
from transformer_lib.data.sounds import load_spoken_digits
from transformer_lib.layers.contrastive import contrastive_loss
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train
from transformer_lib.weights import load

STEPS = 300
NEEDS = "fsdd"  # a set that is downloaded on request
EAR = ViTConfig(28, 7, 1, 64, d_model=64, num_heads=4, num_layers=2, d_ff=128, pooling="mean")
CHANGE = partial(jitter, shift=2.0, degrees=0.0, scale=0.15, shear=0.0)


def arm(unheard, same, seed) -> dict:
    """The settings of one training: who is never heard in it, and whether equal digits are told."""
    return locals()


ARMS = [
    arm(who, same, seed) for seed in range(3) for who in (None, "theo") for same in (True, False)
]
ARMS += [
    arm(who, True, seed)
    for who in ("george", "jackson", "lucas", "nicolas", "yweweler")
    for seed in range(3)
]


class Towers(nn.Module):
    """Sounds, pictures (a linear map of what the reader of digits sees) and ten words."""

    def __init__(self):
        super().__init__()
        self.ear, self.eye = ViT(EAR), nn.Linear(128, 64, bias=False)
        self.words = nn.Embedding(10, 64)
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def loss(self, sounds, seen, digits, same) -> torch.Tensor:
        """Sounds with pictures, and pictures with words; never sounds with words."""
        vectors = self.ear(sounds), self.eye(seen), self.words(digits)
        sound, picture, word = (F.normalize(x.float(), dim=1) for x in vectors)
        pair = partial(contrastive_loss, scale=self.log_scale.exp().clamp(max=100), same=same)
        return pair(sound, picture) + pair(picture, word)


spoken_digits = lru_cache(load_spoken_digits)


def run(unheard, same, seed, *, stop=None) -> dict:
    """Train, and ask sounds that were held out for their word and for a picture of their digit."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    spoken, digits, eyes = spoken_digits(), load_mnist_5k(), load("digits_vit")
    test = spoken.of(unheard) if unheard else spoken.takes < 5
    with torch.no_grad():
        seen = [eyes.encode(part.images).mean(dim=1) for part in (digits.train, digits.test)]
        seen = [part - seen[0].mean(dim=0) for part in seen]

    def batch(n):
        numbers = random_numbers(seed, n)
        places = (~test).nonzero()[:, 0]
        sounds = spoken.data[places[torch.randint(len(places), (64,), generator=numbers)]]
        order = torch.rand(len(digits.train), generator=numbers)
        fits = sounds.labels[:, None] == digits.train.labels  # any picture of the same digit
        chosen = (fits * (order + torch.rand(64, 1, generator=numbers)).fmod(1)).argmax(dim=1)
        alike = sounds.labels[:, None] == sounds.labels if same else None
        return CHANGE(sounds.images, numbers), seen[0][chosen], sounds.labels, alike

    towers = Towers()
    history = train(
        towers,
        lambda model, given: model.loss(*given),
        (batch(n) for n in range(stop or STEPS)),
        optimizer=muon_and_adamw(towers, lr=0.02, adamw_lr=5e-3, weight_decay=0.05),
        schedule=trapezoid_schedule(STEPS, warmup=20, decay=STEPS // 2),
        steps=stop or STEPS,
        autocast=True,
    )
    with torch.no_grad():
        heard, labels = towers.eval().ear(spoken.data.images[test]), spoken.data.labels[test]
        word = (heard @ F.normalize(towers.words.weight, dim=1).T).argmax(dim=1)
        seen_there = F.normalize(towers.eye(seen[1]), dim=1)
        picture = digits.test.labels[(heard @ seen_there.T).argmax(dim=1)]
    flat = spoken.data.images.flatten(1)
    nearest = spoken.data.labels[~test][torch.cdist(flat[test], flat[~test]).argmin(dim=1)]
    found = {"word": word, "picture": picture, "neighbour": nearest}
    shares = {name: round((x == labels).double().mean().item(), 3) for name, x in found.items()}
    return shares | {"losses": first_losses(history)}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
