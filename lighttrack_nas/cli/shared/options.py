"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Space = Annotated[
    str | None,
    typer.Option("--space", help="A preset, a YAML file, or FILE.py:CLASS. Default: the first that contains the code."),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the results; made if missing.")]
HyperParameters = Annotated[
    str | None,
    typer.Option(help="'default', 'vot2019', or a YAML/JSON file. Default: those stored with the model."),
]
Device = Annotated[str, typer.Option(help="Device that runs the network, such as cpu or cuda.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, max=256, help="Threads on the CPU. Default: one a core; four at most in exported folders."),
]
ComputePrecision = Annotated[
    str | None,
    typer.Option(
        help="In which an exported folder computes: float32, or bfloat16 or float16 where its runtime and the "
        "processor have it. Default: float32."
    ),
]
Runtime = Annotated[
    str | None,
    typer.Option(help="That runs an exported folder: opencv for what was written for onnxruntime. Default: its own."),
]
Config = Annotated[
    Path, typer.Argument(metavar="CONFIG.yaml", help="The chain's configuration; schema chain says its keys.")
]
SetOfRun = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="With a configuration: set a value otherwise, such as search.name=A."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a value otherwise, such as supernet.training.steps=500."),
]
LAYOUT_HELP = "got10k, otb, lasot, trackingnet, uav123, uav123_10fps, uav20l, vot or nfs."
Split = Annotated[
    str,
    typer.Option(
        "--split",
        help="train, val or test, by the data set's own lists or folders (got10k, lasot, trackingnet), or all, "
        "what lies in the folder.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="Take this sequence alone; repeat it for more. Others are not opened."),
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="NAME", help="Leave out this sequence, unopened; repeat it for more."),
]
OnBad = Annotated[
    str | None,
    typer.Option(
        metavar="refuse|leave-out",
        help="What to do with a sequence that cannot be read: refuse the data set, or name it and go on without it.",
    ),
]
Results = Annotated[
    list[str] | None,
    typer.Option(
        "--results",
        metavar="[NAME=]FOLDER",
        help="Compare with results that are there: of evaluate, or of other toolkits, a tracker's folder or one of "
        "several trackers'. Nothing is tracked anew. Repeat it for more.",
    ),
]
RankBy = Annotated[
    str | None,
    typer.Option(
        help="What ranks several trackers: ao, sr50, sr75, success_auc, precision or normalised_precision. Default: ao."
    ),
]
MODEL_HELP = (
    "A model.safetensors, lighttrack-tiny-generated (which ships), an exported folder, or a baseline such as "
    "opencv-mil or never-moves."
)
