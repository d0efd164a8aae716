"""The commands of the chain from a supernet to a tracker, and those that compare searches."""

from pathlib import Path
from typing import Annotated

import typer

from lighttrack_nas.cli.shared.options import Config, Json, OnBad, Only, Output, Set, Without
from lighttrack_nas.cli.shared.panels import COMPARE, SEARCH, START

commands = typer.Typer()


@commands.command(rich_help_panel=START)
def check(
    config: Config,
    set_: Set = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Do each step for a moment, and say what all of it takes.")
    ] = True,
    json: Json = False,
) -> None:
    """Check a chain's configuration, and say what it will cost.

    All mistakes at once, of every step: files and data sets that are not there, measurements that cannot be had, limits
    that no network keeps. Then each step is done for a moment, in a folder that is thrown away.
    """
    from lighttrack_nas.cli.search.check import check as run

    run(config, set_ or [], measure, json)


@commands.command("pretrain-backbone", rich_help_panel=SEARCH)
def pretrain_backbone(config: Config, set_: Set = None) -> None:
    """Train the backbone's operations on a folder of images.

    The folder holds a folder of images a class; each step trains one random path.
    """
    from lighttrack_nas.cli.search.run_chain import pretrain_backbone as run

    run(config, set_ or [])


@commands.command("train-supernet", rich_help_panel=SEARCH)
def train_supernet(config: Config, set_: Set = None) -> None:
    """Train a space's supernet; a stopped training goes on.

    The supernet holds the shared weights of all networks; NNI trains it.
    """
    from lighttrack_nas.cli.search.run_chain import train_supernet as run

    run(config, set_ or [])


@commands.command(rich_help_panel=SEARCH)
def migrate(
    supernet: Annotated[
        Path, typer.Argument(metavar="SUPERNET", help="A supernet.safetensors, or the folder of its training.")
    ],
    space: Annotated[str, typer.Argument(metavar="SPACE", help="The space to start: a preset or a YAML file.")],
    output: Output,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the weights that are drawn afresh.")] = 0,
    json: Json = False,
) -> None:
    """Start another space's supernet from a trained one.

    Weights are taken where places, operations and shapes match; the report says what was taken.

    To go on training from there, give the trained one as supernet.start_from to train-supernet.
    """
    from lighttrack_nas.cli.search.migrate import migrate as run

    run(supernet, space, output, seed, json)


@commands.command(rich_help_panel=SEARCH)
def predict(config: Config, set_: Set = None, json: Json = False) -> None:
    """Fit what predicts any network's overlap from its places.

    Some thirty networks are measured with the supernet's weights, and how well the prediction ranks is said; a
    stopped fit goes on.
    """
    from lighttrack_nas.cli.search.predict import predict as run

    run(config, set_ or [], json)


@commands.command(rich_help_panel=SEARCH)
def search(
    config: Config,
    set_: Set = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, help="Workers: processes that evaluate at once. Default: search.workers, which is 1."
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Go on from the whole lines of a damaged journal; a copy of it is kept.")
    ] = False,
) -> None:
    """Search the supernet's space; a stopped search goes on.

    The same command in another terminal, or on another machine, joins the search; by latency another machine needs the
    same search.latency.table.
    """
    from lighttrack_nas.cli.search.run_chain import search as run

    run(config, [*(set_ or []), *([f"search.workers={workers}"] if workers else [])], repair)


@commands.command("build-table", rich_help_panel=COMPARE)
def build_table(
    config: Config,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The table's file. Default: table.zip in the run's folder.")
    ] = None,
    set_: Set = None,
) -> None:
    """Measure every network of a small space, as a table.

    The table is a tabular benchmark. Each network is measured with the trained supernet's weights; a stopped build
    goes on.
    """
    from lighttrack_nas.cli.search.build_table import build_table as run

    run(config, output, set_ or [])


@commands.command(rich_help_panel=COMPARE)
def compare(
    config: Annotated[
        Path, typer.Argument(metavar="COMPARE.yaml", help="What to compare; schema comparison says its keys.")
    ],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a value otherwise, such as seeds=3.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare search strategies over seeds on one evaluator.

    Hypervolume, distance to the front, and for each pair of strategies effect size and test; what the seeds can show is
    said before. Finished runs are kept: the same call again goes on where it stopped.
    """
    from lighttrack_nas.cli.search.compare import compare as run

    run(config, set_ or [], json)


@commands.command("pretrain-network", rich_help_panel=SEARCH)
def pretrain_network(config: Config, set_: Set = None) -> None:
    """Train the chosen network's backbone on images.

    As retrain.pretraining says; retrain then starts from it.
    """
    from lighttrack_nas.cli.search.run_chain import pretrain_network as run

    run(config, set_ or [])


@commands.command(rich_help_panel=SEARCH)
def retrain(config: Config, set_: Set = None) -> None:
    """Train a network of the front alone, as a tracker's model."""
    from lighttrack_nas.cli.search.run_chain import retrain as run

    run(config, set_ or [])


@commands.command("rank-correlation", rich_help_panel=COMPARE)
def rank_correlation(config: Config, set_: Set = None, json: Json = False) -> None:
    """Say whether a supernet ranks networks right.

    Networks spread over MACs are trained alone, and supernets by each of the configuration's one-shot strategies, in
    parallel processes; a stopped comparison goes on.
    """
    from lighttrack_nas.cli.search.rank import rank_correlation as run

    run(config, set_ or [], json)


@commands.command("tune-tracker", rich_help_panel=SEARCH)
def tune_tracker(
    config: Config, set_: Set = None, only: Only = None, without: Without = None, on_bad: OnBad = None
) -> None:
    """Tune the retrained tracker's penalty, window and rate.

    They are tuned on the validation sequences; --only, --without and --on-bad replace the configuration's.
    """
    from lighttrack_nas.cli.search.run_chain import tune_tracker as run

    run(config, set_ or [], only or [], without or [], on_bad)


@commands.command(rich_help_panel=START)
def quickstart(
    output: Output = Path("runs/quickstart"),
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is random.")] = 0,
    without_teacher: Annotated[
        bool,
        typer.Option("--without-teacher", help="Train supernet and network from labels alone, by random single paths."),
    ] = False,
) -> None:
    """Run the whole chain on generated video, in minutes.

    Supernet, search, retraining, tuning, test, a video. The supernet learns from the network that ships with the
    package, and so does the network that is found.
    """
    from lighttrack_nas.cli.search.quickstart import quickstart as run

    run(output, seed, without_teacher)
