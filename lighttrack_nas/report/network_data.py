"""What the page knows of networks: values, drawings, texts to copy, costs by part, commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import moocore
import numpy as np
import pandas as pd

from lighttrack_nas.drawings.architecture_drawing import architecture_drawing
from lighttrack_nas.drawings.svg_texts import svg_text
from lighttrack_nas.reporting.architecture_texts import official_codes
from lighttrack_nas.reporting.plot_style import axis_of
from lighttrack_nas.results.front_texts import architecture_lines
from lighttrack_nas.results.fronts import LATENCY_AGAIN_COLUMN, shared_measurements
from lighttrack_nas.results.networks import broken_text, records

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.search_spaces.space import Architecture

MOST_DRAWN = 400
"""Networks behind a front that are drawn, those nearest to it first; a drawing takes some milliseconds."""
MOST_SHOWN = 5000
"""Points behind a front; more would be one grey cloud, and slow."""


class ChainPlace(NamedTuple):
    """What commands on a network say of its chain.

    Attributes:
        folder: The chain's; "" where nobody knows it.
        search: The search's name; "" where it has none.
    """

    folder: str = ""
    search: str = ""


NO_CHAIN = ChainPlace()
"""Where nobody knows of a chain."""


def front_networks(
    front: Front, run: str, costs: CostTable | None, place: ChainPlace = NO_CHAIN
) -> list[dict[str, Any]]:
    """Every network of a run, those of its front first, JSON-able.

    Args:
        front: The run's.
        run: Its name on the page.
        costs: For costs by part; None leaves them out.
        place: What commands say of the chain.

    Returns:
        A dictionary a network: `id`, `run`, `front`, `feasible`, `values` by measurement, `low` and `high` where paths
        differ, `about` (words), and of those that are drawn `svg`, `lines`, `code`, `json`, `parts`, `commands`.
    """
    on_front = dict(zip(front.table["network"], front.architectures, strict=True))
    rows = records(front.table)
    rest = front.networks[~front.networks["network"].isin(list(on_front))]
    rest = _nearest_first(rest, front)[:MOST_SHOWN]
    behind = records(rest)
    drawn = on_front | {
        row["network"]: front.known[row["network"]] for row in behind[:MOST_DRAWN] if row["network"] in front.known
    }
    codes = dict(zip(drawn, official_codes(list(drawn.values())), strict=True))
    networks = []
    for number, row in enumerate([*rows, *behind]):
        shown = _values(front, row) | {"run": run, "front": number < len(rows)}
        digest = row["network"]
        if digest in drawn:
            shown |= network_details(drawn[digest], digest, codes[digest], costs, place)
        networks.append(shown)
    return networks


def network_details(
    architecture: Architecture, digest: str, code: str, costs: CostTable | None, place: ChainPlace = NO_CHAIN
) -> dict[str, Any]:
    """What is shown of a network that is chosen: drawing, lines, code, JSON, costs by part, commands."""
    measured = costs.measure(architecture) if costs is not None and architecture.space.is_declared else None
    total = {"macs": measured.macs, "params": measured.params} if measured else None
    drawing = architecture_drawing(architecture, total, code)
    parts = {} if measured is None else measured.parts
    return {
        "svg": svg_text(drawing, f"the architecture of network {digest}"),
        "lines": architecture_lines(architecture),
        "code": code,
        "json": architecture.to_json(),
        "parts": [{"part": part, **values} for part, values in parts.items() if values["macs"] or values["params"]],
        "uncounted": {} if measured is None else dict(measured.uncounted),
        "commands": _commands(code or f"{digest}.json", place),
    }


def network_count(networks: int) -> str:
    """How many networks, in words."""
    return f"{networks} network{'s' if networks != 1 else ''}"


def measurement_columns(fronts: Sequence[Front]) -> list[dict[str, Any]]:
    """The measurements that the page may put on an axis: what all fronts have, how it is shown, which way is good."""
    first = fronts[0]
    names = shared_measurements(fronts)
    goals = {goal.name for goal in first.objectives}
    return [
        {
            "name": name,
            "label": axis_of(name).label,
            "short": f"{name} (M)" if axis_of(name).divisor == 1e6 else name,
            "divisor": axis_of(name).divisor,
            "digits": axis_of(name).digits,
            "sign": first.sign(name),
            "objective": name in goals,
        }
        for name in names
    ]


def _nearest_first(networks: pd.DataFrame, front: Front) -> pd.DataFrame:
    """Networks layer by layer behind the front, those within the limits before the others."""
    names = [goal.name for goal in front.objectives]
    whole = networks.dropna(subset=names)
    if whole.empty:
        return networks
    signs = np.array([goal.sign for goal in front.objectives])
    ranks = moocore.pareto_rank(whole[names].to_numpy(float) * signs)
    order = np.lexsort((ranks, whole["violation"].to_numpy(float)))
    return pd.concat([whole.iloc[order], networks[networks[names].isna().any(axis=1)]])


def _values(front: Front, row: Mapping[str, Any]) -> dict[str, Any]:
    names = [*front.measurements, *({LATENCY_AGAIN_COLUMN} & row.keys())]
    known = {name: float(row[name]) for name in names if pd.notna(row.get(name))}
    spread = {
        end: {name: float(row[f"{name}_{end}"]) for name in known if pd.notna(row.get(f"{name}_{end}"))}
        for end in ("low", "high")
    }
    differ = [name for name in spread["low"] if spread["low"][name] < spread["high"].get(name, np.nan)]
    about = [] if front.predicted else [f"paths measured: {row['paths']}", f"trials: {_cut(str(row['trials']))}"]
    broken = broken_text(front.constraints, row)
    return {
        "id": row["network"],
        "feasible": bool(row["feasible"]),
        "values": known,
        "low": {name: spread["low"][name] for name in differ},
        "high": {name: spread["high"][name] for name in differ},
        "about": [*about, *([f"breaks its limits: {broken}"] if broken else [])],
    }


def _cut(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[:most]} ..."


def _commands(source: str, place: ChainPlace) -> dict[str, str]:
    folder = place.folder or "OUTPUT"
    step = f"retrain-{place.search}" if place.search else "retrain"
    model = shlex.quote(f"{folder}/{step}/model.safetensors")
    values = [f"search.name={place.search}"] if place.search else []
    values.append(f"retrain.architecture={source}")
    settings = " ".join(f"--set {shlex.quote(value)}" for value in values)
    return {
        "retrain": f"lighttrack-nas retrain CHAIN.yaml {settings}",
        "tune": f"lighttrack-nas tune-tracker CHAIN.yaml {settings}",
        "track": f"lighttrack-nas track {model} VIDEO.mp4 --box X,Y,W,H --output {shlex.quote(f'{folder}/tracked')} "
        "--save-video",
    }
