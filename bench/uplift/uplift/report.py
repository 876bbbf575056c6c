"""The figures of a run: as JSON, and as tables in Markdown."""

from collections import Counter, defaultdict
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from .intervals import Estimate, Pairs, chance, difference, quantile, share
from .journal import ERROR
from .task import NONE, RIGHT

ALL = "all"

Entries = list[dict[str, Any]]


def figures(run: dict[str, Any], entries: Entries) -> dict[str, Any]:
    """Everything that is known of a run."""
    names = [it["name"] for it in run["variants"]]
    groups: dict[tuple[str, str], Entries] = defaultdict(list)
    for entry in entries:
        for family in (entry["family"], ALL):
            groups[entry["variant"], family].append(entry)
    families = [*run["families"], *([ALL] if len(run["families"]) > 1 else [])]
    cells = [_cell(name, family, groups[name, family]) for name in names for family in families]
    against = [
        _pair(name, names[0], family, groups) for name in names[1:] for family in families
    ]
    return {"run": run, "cells": cells, "differences": against}


def _cell(variant: str, family: str, entries: Entries) -> dict[str, Any]:
    answered = [it for it in entries if it["outcome"] != ERROR]
    right = sum(it["outcome"] == RIGHT for it in answered)
    seconds = [it["seconds"] for it in answered]
    costs = [Decimal(it["cost"]) for it in answered if "cost" in it]

    def mean(field: str) -> float | None:
        known = [it[field] for it in answered if it.get(field) is not None]
        return sum(known) / len(known) if known and len(known) == len(answered) else None

    return {
        "variant": variant, "family": family,
        "tasks": len(answered), "right": right,
        "without_an_answer_line": sum(it["outcome"] == NONE for it in answered),
        "errors": len(entries) - len(answered),
        # Of so many the gateway showed no receipt: their calls and tokens are as the answers say.
        "unbooked": sum("unbooked" in it for it in answered),
        "accuracy": asdict(share(right, len(answered))) if answered else None,
        "calls": mean("calls"), "input_tokens": mean("input_tokens"), "output_tokens": mean("output_tokens"),
        "cost": f"{sum(costs, Decimal(0)).normalize():f}" if costs and len(costs) == len(answered) else None,
        "seconds_p50": quantile(seconds, 0.5), "seconds_p95": quantile(seconds, 0.95),
    }  # fmt: skip


def _pair(
    variant: str, base: str, family: str, groups: dict[tuple[str, str], Entries]
) -> dict[str, Any]:
    ours, theirs = _right(groups[variant, family]), _right(groups[base, family])
    shared = ours.keys() & theirs.keys()
    met = Counter((ours[task], theirs[task]) for task in shared)
    pairs = Pairs(met[True, True], met[True, False], met[False, True], met[False, False])
    return {
        "variant": variant, "against": base, "family": family, "pairs": asdict(pairs),
        "difference": asdict(difference(pairs)) if shared else None,
        "chance": chance(pairs) if shared else None,
    }  # fmt: skip


def _right(entries: Entries) -> dict[str, bool]:
    """Of every task that was answered, whether it was answered right."""
    return {it["task"]: it["outcome"] == RIGHT for it in entries if it["outcome"] != ERROR}


def markdown(result: dict[str, Any]) -> str:
    """The tables, and what must be known to read them."""
    run = result["run"]
    programs = f"runs programs {run['programs']}" if run["programs"] else "itself runs no programs"
    about = (
        f"{run['tasks_a_family']} tasks a family, seed {run['seed']}; model `{run['model']}`."
        f" The harness {programs}. Intervals are of 95 %."
    )
    return "\n".join([about, "", *_accuracy(result["cells"]), "", *_differences(result["differences"])]) + "\n"


def _accuracy(cells: list[dict[str, Any]]) -> list[str]:
    rows = [
        "| variant | family | right | accuracy | no answer line | errors | calls | input tokens | output tokens"
        " | cost $ | p50 s | p95 s |",
        "|---|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for it in cells:
        shown = [
            it["variant"], it["family"], f"{it['right']} / {it['tasks']}", _percent(it["accuracy"]),
            it["without_an_answer_line"], it["errors"], _figure(it["calls"], 1),
            _figure(it["input_tokens"], 0), _figure(it["output_tokens"], 0), it["cost"] or "–",
            _figure(it["seconds_p50"], 2), _figure(it["seconds_p95"], 2),
        ]  # fmt: skip
        rows.append(f"| {' | '.join(map(str, shown))} |")
    about = "Calls and tokens are means of a task, the cost is the sum."
    unbooked = sum(it["unbooked"] for it in cells if it["family"] != ALL)
    if unbooked:
        about += f" Of {unbooked} answers the gateway showed no receipt; they count as they say themselves."
    return [*rows, "", about]


def _differences(differences: list[dict[str, Any]]) -> list[str]:
    if not differences:
        return []
    rows = [
        "| variant | against | family | pairs | both right | only it | only the other | difference | chance |",
        "|---|---|---|--:|--:|--:|--:|---|--:|",
    ]
    for it in differences:
        pairs = it["pairs"]
        shown = [
            it["variant"], it["against"], it["family"], sum(pairs.values()), pairs["both"],
            pairs["only_first"], pairs["only_second"], _percent(it["difference"], sign=True),
            _figure(it["chance"], 4),
        ]  # fmt: skip
        rows.append(f"| {' | '.join(map(str, shown))} |")
    about = "Chance: how likely pairs as uneven as these are if there is no difference (McNemar's exact test)."
    return [*rows, "", about]


def _percent(estimate: dict[str, float] | None, sign: bool = False) -> str:
    if estimate is None:
        return "–"
    it = Estimate(**estimate)
    mark = "+" if sign else ""
    return f"{it.value:{mark}.1%} ({it.low:{mark}.1%} to {it.high:{mark}.1%})"


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
