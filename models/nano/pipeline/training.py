"""Training: Muon for the matrices, AdamW for the rest, a rate that is constant at first, then falls, and rises a
little once more for what comes last.

What is known so far (weights, the optimiser's state, the number of the update) is kept every few minutes in
the folder of the run. The same command goes on from there, and gives the same model as without the break.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy
import optax
from optax.contrib import muon

from . import network
from .network import Shape
from .workers import Workers

# How many updates the rate rises at first.
WARMING_UPDATES = 40
# The weights that are kept are an average of the last ones, in which each counts this much less than the next.
MEMORY = 0.995
KEPT_EVERY_SECONDS = 150
SAID_EVERY_UPDATES = 25


@dataclass(frozen=True)
class Plan:
    """What a run is: another plan is another model."""

    seed: int = 1
    updates: int = 14700
    # How many of these are the last ones (those of the last stage of `batches`), as one of so many, and what part
    # of the rate they begin with.
    last: int = 21
    again: float = 0.1
    matrix_rate: float = 0.0075
    rate: float = 0.002


def train(plan: Plan, shape: Shape, folder: Path, pause: Path | None) -> None:
    """Trains to the end of the plan, from wherever the run in `folder` has come to."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = network.begin(shape, jax.random.key(plan.seed))
    optimiser = _optimiser(plan)
    state = {"weights": weights, "averaged": weights, "optimiser": optimiser.init(weights)}
    state, number, seconds = _restored(folder, state)
    print(f"{network.parameters(weights)} parameters, {number} of {plan.updates} updates done", flush=True)
    apply = jax.jit(_apply(optimiser))
    began, kept, heard, total = time.process_time(), time.monotonic(), [], seconds
    with Workers(shape, plan.seed) as workers:
        while number < plan.updates:
            if pause is not None and pause.exists():
                _keep(folder, state, number, total)
                while pause.exists():
                    time.sleep(2)
            told = workers.gradients(state["weights"], number)
            state = apply(state, [it.gradients for it in told], [it.sums[0] for it in told])
            number += 1
            heard.append(numpy.sum([it.sums for it in told], 0))
            seconds += sum(it.seconds for it in told)
            total = seconds + time.process_time() - began
            if number % SAID_EVERY_UPDATES == 0:
                _say(folder, number, heard, total)
                heard = []
            if time.monotonic() - kept > KEPT_EVERY_SECONDS or number == plan.updates:
                _keep(folder, state, number, total)
                kept = time.monotonic()


def averaged(shape: Shape, folder: Path) -> dict:
    """The weights that a run has come to."""
    weights = network.begin(shape, jax.random.key(0))
    with numpy.load(folder / "checkpoint.npz") as kept:
        leaves = [kept[f"averaged/{at}"] for at in range(len(jax.tree.leaves(weights)))]
    return jax.tree.unflatten(jax.tree.structure(weights), leaves)


def _apply(optimiser: optax.GradientTransformation):
    def apply(state: dict, gradients: list[dict], counted: list[jax.Array]) -> dict:
        mean = jax.tree.map(lambda *of: sum(of) / sum(counted), *gradients)
        changes, held = optimiser.update(mean, state["optimiser"], state["weights"])
        weights = optax.apply_updates(state["weights"], changes)
        mixed = jax.tree.map(lambda old, new: MEMORY * old + (1 - MEMORY) * new, state["averaged"], weights)
        return {"weights": weights, "averaged": mixed, "optimiser": held}

    return apply


def _optimiser(plan: Plan) -> optax.GradientTransformation:
    fallen_at = plan.updates - plan.updates // plan.last
    falls_from = fallen_at // 10

    def rate(highest: float) -> optax.Schedule:
        def at(number: jax.Array) -> jax.Array:
            fallen = jnp.clip((number - falls_from) / (fallen_at - falls_from), 0.0, 1.0)
            falling = jnp.minimum(number / WARMING_UPDATES, 1.0) * (1.0 - jnp.sqrt(fallen))
            left = (plan.updates - number) / (plan.updates - fallen_at)
            return highest * jnp.where(number < fallen_at, falling, plan.again * left)

        return at

    def kinds(weights: dict) -> dict:
        matrix = lambda path, leaf: "matrix" if leaf.ndim == 2 and len(path) > 1 else "other"  # noqa: E731
        return jax.tree_util.tree_map_with_path(matrix, weights)

    others = optax.adamw(rate(plan.rate), b1=0.9, b2=0.98, weight_decay=0.01)
    each = optax.multi_transform({"matrix": muon(rate(plan.matrix_rate)), "other": others}, kinds)
    return optax.chain(optax.clip_by_global_norm(1.0), each)


def _say(folder: Path, number: int, heard: list[numpy.ndarray], seconds: float) -> None:
    _, loss, own, right = numpy.sum(heard, 0).tolist()
    said = {
        "update": number,
        "loss": round(loss / own, 4),
        "right": round(right / own, 4),
        "cpu_seconds": round(seconds),
    }
    print(json.dumps(said), flush=True)
    with (folder / "progress.jsonl").open("a") as progress:
        progress.write(json.dumps(said) + "\n")


def _keep(folder: Path, state: dict, number: int, seconds: float) -> None:
    arrays = {
        f"{part}/{at}": numpy.asarray(leaf)
        for part in state
        for at, leaf in enumerate(jax.tree.leaves(state[part]))
    }
    new = folder / "checkpoint.new.npz"
    numpy.savez(new, number=number, seconds=seconds, **arrays)
    os.replace(new, folder / "checkpoint.npz")


def _restored(folder: Path, state: dict) -> tuple[dict, int, float]:
    path = folder / "checkpoint.npz"
    if not path.exists():
        return state, 0, 0.0
    with numpy.load(path) as kept:
        restored = {
            part: jax.tree.unflatten(
                jax.tree.structure(tree), [kept[f"{part}/{at}"] for at in range(len(jax.tree.leaves(tree)))]
            )
            for part, tree in state.items()
        }
        return restored, int(kept["number"]), float(kept["seconds"])
