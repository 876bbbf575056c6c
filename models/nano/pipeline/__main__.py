"""The pipeline's command: `python -m pipeline --help`."""

import argparse
import os
import sys
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent.parent
MODEL, CHECKSUM = HERE / "nano.gguf", HERE / "nano.gguf.sha256"
CARD, PICTURE = HERE / "README.md", HERE / "training.svg"
CONVERSATIONS = 1500


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(prog="models/nano/build", description=__doc__)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--folder", type=Path, default=cache / "dormouse" / "nano-training" / "run",
                        help="where a run keeps how far it has come")  # fmt: skip
    parser.add_argument("--model", type=Path, default=MODEL, help="the exported file")
    steps = parser.add_subparsers(dest="step", metavar="STEP")
    steps.add_parser("all", help="train, export and evaluate (what is done without a word)")
    show = steps.add_parser("show", help="print some conversations of the generator")
    show.add_argument("count", type=int, nargs="?", default=5)
    show.add_argument("--family")
    steps.add_parser(
        "words", help="choose the words of the vocabulary anew: another vocabulary is another model"
    )
    train = steps.add_parser("train", help="train, or go on with it; it may be stopped at any time")
    for command in (parser, train):
        command.add_argument("--updates", type=int, help="so many instead of the plan's")
        command.add_argument(
            "--pause-while", type=Path, metavar="FILE", help="rest for as long as there is this file"
        )
    steps.add_parser(
        "export", help="write the file from what the training has come to, its checksum and the plot"
    )
    evaluate = steps.add_parser("evaluate", help="judge the file on conversations that it was not trained on")
    evaluate.add_argument("--conversations", type=int, default=CONVERSATIONS)
    evaluate.add_argument("--wrong", type=Path, help="write down what was wrong")
    arguments = parser.parse_args()
    if arguments.step == "show":
        return _show(arguments)
    if arguments.step == "words":
        from . import choosing

        return choosing.write()
    for step in (_train, _export, _evaluate):
        if arguments.step in (None, "all", step.__name__.lstrip("_")):
            step(arguments)


def _show(arguments: argparse.Namespace) -> None:
    from .chat import rendered
    from .data import mix

    shares = {arguments.family: 1} if arguments.family else mix.SHARES
    for number in range(arguments.count):
        print(rendered(mix.conversation(Random(f"show/{number}"), shares).messages), end="\n\n")


def _train(arguments: argparse.Namespace) -> None:
    from . import workers

    # Before JAX is loaded, and for the processes that are begun.
    os.environ["XLA_FLAGS"] = workers.ONE_THREAD
    from . import training

    plan = training.Plan(**({"updates": arguments.updates} if arguments.updates else {}))
    training.train(plan, _shape(), arguments.folder, arguments.pause_while)


def _export(arguments: argparse.Namespace) -> None:
    from . import export, plot, training

    digest = export.export(_shape(), training.averaged(_shape(), arguments.folder), arguments.model)
    if arguments.model == MODEL:
        CHECKSUM.write_text(f"{digest}  {MODEL.name}\n")
        plot.draw(arguments.folder / "progress.jsonl", PICTURE)
    print(f"{arguments.model}: {arguments.model.stat().st_size} bytes, SHA-256 {digest}")


def _evaluate(arguments: argparse.Namespace) -> None:
    from . import card, evaluate

    count = getattr(arguments, "conversations", CONVERSATIONS)
    figures = evaluate.evaluate(arguments.model, count, getattr(arguments, "wrong", None))
    for name, its in figures.items():
        low, high = 100 * its["low"], 100 * its["high"]
        print(f"{name:20} {100 * its['part']:5.1f} % ({low:.1f} to {high:.1f}) of {its['asked']}")
    if arguments.model == MODEL:
        card.write(figures, count, CARD)


def _shape():
    from .network import Shape
    from .vocabulary import Vocabulary

    return Shape(Vocabulary.read().size)


if __name__ == "__main__":
    sys.exit(main())
