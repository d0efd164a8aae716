"""Which rule tells latencies that leave a front's order from such as do not: searches with noise of known size.

    python benchmarks/scripts/latency_rule.py

Networks of 2 to 6 ms and a quality that rises with the logarithm are searched by latencies with noise of three kinds;
the front is measured again on a calm machine, or on the same one. What the noise did is the hypervolume of the chosen
networks at their true latencies, as a share of the true front's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from lighttrack_nas.benchmarks.scoring.latency_verdict import LEAST_TAU, LatencyVerdict, judge_latencies
from lighttrack_nas.strategies.search.goals.hypervolume import hypervolume, non_dominated

LEVELS = {
    "even": (0.0, 0.02, 0.05, 0.1, 0.2, 0.4),
    "slower only": (0.05, 0.1, 0.2, 0.4),
    "bursts": (0.05, 0.1, 0.2, 0.4),
}
NETWORKS = (40, 200)


def noise(kind: str, level: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Factors on true latencies, ``(count,)``: even and slower-only noise by its deviation, bursts by their share."""
    deviation = np.exp(rng.normal(0, level, count))
    if kind == "even":
        return deviation
    if kind == "slower only":
        return np.exp(np.abs(np.log(deviation)))
    return np.where(rng.uniform(size=count) < level, rng.uniform(1.3, 3, count), np.exp(rng.normal(0, 0.02, count)))


def simulate(kind: str, level: float, count: int, calm: bool, rng: np.random.Generator) -> tuple[LatencyVerdict, float]:
    """One search: what is said of its latencies, and the share of the true front's hypervolume that it has."""
    u = rng.uniform(size=count)
    true = 2 * 3**u
    quality = 0.45 + 0.2 * u + rng.normal(0, 0.02, count)
    searched = true * noise(kind, level, count, rng)
    front = np.flatnonzero(non_dominated(np.stack([-quality, searched], 1)))
    again = true * (np.exp(np.abs(rng.normal(0, 0.02, count))) if calm else noise(kind, 0.7 * level, count, rng))
    references = 3 * noise(kind, level, count // 5, rng)
    points = np.stack([-quality, true], 1)
    worst = points.max(0)
    share = hypervolume(points[front], worst) / hypervolume(points[non_dominated(points)], worst)
    return judge_latencies(searched[front], again[front], references), share


def rows(repeats: int, seed: int) -> Iterator[str]:
    """A line for each kind and size of noise."""
    rng = np.random.default_rng(seed)
    for kind, levels in LEVELS.items():
        for level in levels:
            for count in NETWORKS:
                for calm in (True, False):
                    searches = [simulate(kind, level, count, calm, rng) for _ in range(repeats)]
                    verdicts, shares = [v for v, _ in searches], np.array([share for _, share in searches])
                    tau, low, change = (
                        float(np.nanmedian([getattr(v, name) for v in verdicts]))
                        for name in ("tau", "tau_low", "change")
                    )
                    yield (
                        f"{kind:12} {level:5.0%} {count:4} trials, again {'calm' if calm else 'same'}: front "
                        f"{np.median([v.networks for v in verdicts]):3.0f}, tau {tau:.2f} from {low:.2f}, change "
                        f"{change:.1%}, hypervolume {np.median(shares):.1%}; called reliable "
                        f"{np.mean([v.reliable for v in verdicts]):4.0%}"
                    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print(f"interval of tau from {LEAST_TAU}")
    for line in rows(chosen.repeats, chosen.seed):
        print(line)


if __name__ == "__main__":
    main()
