"""The course of a training as a picture: the loss and the part of right tokens, by the updates."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402


def draw(progress: Path, picture: Path) -> None:
    """Draws what `training` has noted."""
    said = [json.loads(line) for line in progress.read_text().splitlines()]
    said = list({it["update"]: it for it in said}.values())
    updates = [it["update"] for it in said]
    figure, loss = pyplot.subplots(figsize=(7, 3.5))
    loss.plot(updates, [it["loss"] for it in said], color="tab:blue", linewidth=1)
    loss.set(yscale="log", xlabel="updates", ylabel="loss of the model's own tokens (nats)")
    right = loss.twinx()
    right.plot(updates, [100 * it["right"] for it in said], color="tab:orange", linewidth=1)
    right.set(ylim=(0, 100), ylabel="likeliest token right (%)")
    hours = said[-1]["cpu_seconds"] / 3600
    loss.set_title(f"Training: {hours:.1f} hours of one processor", fontsize=10)
    figure.tight_layout()
    matplotlib.rcParams["svg.hashsalt"] = "nano"
    figure.savefig(picture, metadata={"Date": None})
