"""Made-up ratings of the size of a large published set, for trying how fast and in how much memory a model trains."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from seedbed.data.ratings import RatingTable
from seedbed.data.splits import narrow
from seedbed.data.table import Progress
from seedbed.errors import ConfigError
from seedbed.randomness import numpy_generator

MOST = 2_000_000_000
CHUNK = 1_000_000  # ratings that are made at a time
POPULARITY, ACTIVITY = 1.0, 0.7  # exponents of the power laws of items and users: share ~ (rank + SHIFT) ** -exponent
SHIFT = 50  # flattens the head, so that no item is rated by nearly everyone
ROUNDS = 20
MEAN, SPREAD = 3.5, 1.0  # of the ratings before noise, about as in MovieLens
FIRST, SECONDS = 789_652_009, 785_000_000  # timestamps: from January 1995 on, and over how long


class SyntheticRatings:
    """Ratings of a low-rank model with noise; by default the shape of MovieLens-25M. Made by ``load``.

    Each pair of user and item occurs once and each user and item at least once; popularity follows a power law.
    """

    def __init__(
        self,
        *,
        ratings: int = 25_000_095,
        users: int = 162_541,
        items: int = 59_047,
        factors: int = 16,
        noise: float = 0.5,
        seed: int = 0,
    ) -> None:
        """The arguments are the keys of ``conf/data/synthetic_ratings.yaml``; ``noise`` is a standard deviation.

        Raises ``ConfigError``.
        """
        for key, value in {"ratings": ratings, "users": users, "items": items, "factors": factors}.items():
            if value < 1:
                raise ConfigError(f"data.{key}={value}: it must be at least 1.")
            if value > MOST:
                raise ConfigError(f"data.{key}={value}: they would fill the memory. Give at most {MOST}.")
        if not noise >= 0:
            raise ConfigError(f"data.noise={noise}: a standard deviation cannot be below 0.")
        if not max(users, items) <= ratings <= users * items / 2:
            raise ConfigError(
                f"data.ratings={ratings}: with data.users={users} and data.items={items} it must lie between "
                f"{max(users, items)}, one for each of them, and {users * items // 2}, half of all pairs. Change one of "
                "them."
            )
        self.ratings, self.users, self.items, self.factors = ratings, users, items, factors
        self.noise, self.seed = noise, seed

    def load(self, progress: Progress | None = None) -> RatingTable:
        """Make the ratings, ordered by user; ``progress`` is told ratings."""
        users, items = self._pairs()
        return RatingTable(
            name="synthetic_ratings",
            digest=self._digest(),
            users=users + np.int32(1),
            items=items + np.int32(1),
            ratings=self._ratings(users, items, progress),
            timestamps=narrow(numpy_generator(self.seed, "times").integers(FIRST, FIRST + SECONDS, self.ratings)),
            user_names=tuple(str(number) for number in range(1, self.users + 1)),
            item_names=tuple(f"item {number}" for number in range(1, self.items + 1)),
            user_features=None,
            item_features=None,
            counts={"rows": self.ratings, "users": self.users, "items": self.items},
            notes=("MADE-UP RATINGS: drawn from a low-rank model with noise. They say nothing of real users.",),
            folds={},
        )

    def _digest(self) -> str:
        """SHA-256 of the arguments."""
        return hashlib.sha256(json.dumps(vars(self), sort_keys=True).encode()).hexdigest()

    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct pairs, sorted: numbers of users and items, (N,) int32 each."""
        rng = numpy_generator(self.seed, "pairs")
        every = np.arange(max(self.users, self.items))
        needed = rng.permutation(every % self.users) * self.items + every % self.items
        user_of_rank, item_of_rank = rng.permutation(self.users), rng.permutation(self.items)
        pairs, rounds = np.unique(needed), 0
        while (missing := self.ratings - len(pairs)) > 0:
            rounds += 1
            drawn = np.empty(missing + missing // 4 + 1, dtype=np.int64)
            for start in range(0, len(drawn), CHUNK):
                part = drawn[start : start + CHUNK]
                # After some rounds, all pairs of the frequent are drawn: what is missing is drawn evenly.
                user_exponent, item_exponent = (ACTIVITY, POPULARITY) if rounds <= ROUNDS else (0.0, 0.0)
                part[:] = user_of_rank[_ranks(len(part), self.users, user_exponent, rng)] * self.items
                part += item_of_rank[_ranks(len(part), self.items, item_exponent, rng)]
            pairs = np.concatenate([pairs, drawn])
            pairs.sort()
            pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])]
        kept = np.ones(len(pairs), dtype=bool)
        kept[np.searchsorted(pairs, needed)] = False
        may_go = np.flatnonzero(kept)
        rng.shuffle(may_go)
        kept[:] = True
        kept[may_go[: len(pairs) - self.ratings]] = False
        del may_go
        pairs = pairs[kept]
        return (pairs // self.items).astype(np.int32), (pairs % self.items).astype(np.int32)

    def _ratings(self, users: np.ndarray, items: np.ndarray, progress: Progress | None) -> np.ndarray:
        """Half stars from 0.5 to 5, (N,) float32: biases and a product of factors of user and item, and noise."""
        rng = numpy_generator(self.seed, "ratings")
        # Variances of user bias, item bias and product come to a third of SPREAD's each.
        user_bias, item_bias = (_normal(rng, size, SPREAD / 3**0.5) for size in (self.users, self.items))
        scale = (SPREAD / 3**0.5) ** 0.5 / self.factors**0.25
        user_factors, item_factors = (_normal(rng, (size, self.factors), scale) for size in (self.users, self.items))
        ratings = np.empty(len(users), dtype=np.float32)
        for start in range(0, len(users), CHUNK):
            of_user, of_item = users[start : start + CHUNK], items[start : start + CHUNK]
            made = np.einsum("nf,nf->n", user_factors[of_user], item_factors[of_item])
            made += MEAN + user_bias[of_user] + item_bias[of_item] + _normal(rng, len(made), self.noise)
            ratings[start : start + CHUNK] = np.clip(np.round(made * 2) / 2, 0.5, 5)
            if progress:
                progress(start + len(made), len(users))
        return ratings


def _ranks(count: int, size: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Ranks from 0 to ``size`` - 1 with a power law's probabilities, (count,) int64, by its inverted integral."""
    draws = rng.random(count)
    first, last = float(SHIFT), float(SHIFT + size)
    if exponent == 1:
        shifted = first * (last / first) ** draws
    else:
        power = 1 - exponent
        shifted = (first**power + draws * (last**power - first**power)) ** (1 / power)
    ranks: np.ndarray = np.minimum(shifted - first, size - 1).astype(np.int64)  # rounding may reach the end
    return ranks


def _normal(rng: np.random.Generator, shape: int | tuple[int, int], deviation: float) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(deviation)
