"""Chapter 25: the model that scaling_ladder.py has predicted, trained under the same rule."""

from scaling_ladder import TARGET, run
from study import keep

ARMS = [{"d_model": TARGET, "seed": 0}]

if __name__ == "__main__":
    keep(__file__, ARMS, run)
