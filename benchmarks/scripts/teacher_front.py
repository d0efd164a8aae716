"""The figure at the top of the README: AO on unseen real video against MACs, of networks that learnt from a teacher.

    python benchmarks/scripts/teacher_front.py [benchmarks/teacher_front.csv] [docs/teacher_front.png]

The figures come from `benchmarks/RESULTS.md`, which has the commands that made them.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")
import matplotlib.pyplot as plt

STYLES: dict[str, dict[str, Any]] = {
    "from the teacher": {"color": "#1f6fb4", "marker": "o", "linestyle": "-"},
    "teacher": {"color": "#c0392b", "marker": "*", "linestyle": "", "markersize": 14},
    "others": {"color": "#555555", "marker": "s", "linestyle": ""},
    "the chain from labels alone": {"color": "#999999", "marker": "^", "linestyle": ""},
}


def main() -> None:
    """Draw."""
    arguments = [*sys.argv[1:], "benchmarks/teacher_front.csv", "docs/teacher_front.png"][:2]
    source, target = map(Path, arguments)
    table = pd.read_csv(source, comment="#")
    figure, axes = plt.subplots(figsize=(8, 4.6), dpi=140)
    for kind, rows in table.groupby("kind", sort=False):
        rows = rows.sort_values("macs_m")
        axes.plot(rows["macs_m"], rows["ao"], label=kind, **STYLES[str(kind)])
        for _, row in rows.iterrows():
            axes.annotate(
                row["name"], (row["macs_m"], row["ao"]), textcoords="offset points", xytext=(6, 6), fontsize=8
            )
    axes.set_xlabel("MACs of a tracked frame (M)")
    axes.set_ylabel("AO, 12 unseen real sequences")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(target)


if __name__ == "__main__":
    main()
