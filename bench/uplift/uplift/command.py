"""The command line."""

import argparse
import json
import os
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from . import families, plot, programs, report, variants
from .endpoint import Endpoint
from .journal import Journal, Mismatch
from .measure import Terms, TooManyErrors, measure

# What a run ends with: the endpoints failed too often; it could not begin.
FAILED, USAGE = 3, 2

_ABOUT = """Measures what the gateway's loop and its options are worth to a model.

Tasks whose answers are known are made from a seed, and asked in each of the variants that are compared, the same
tasks in all of them. The figures are accuracy with intervals, differences to the first variant, tokens, cost and
time; they are written to the folder --out:

    answers.jsonl   every answer and its verdict, as they come; a run that broke off goes on from there
    result.json     the figures
    result.md       the same as tables
    accuracy.svg    a picture

families:
    arithmetic      whole numbers of several digits
    files           counting in files and transforming them; the files stand in the prompt
    lookup          finding something in a text among what is like it; a quarter is not there: `unknown`
    forms           filling in forms: the answer must be JSON as a schema says, and nothing else
    programs        small Python programs, judged by running them on tests, in a sandbox (bubblewrap)

"""

_MORE = """
examples:
    # A model behind llama.cpp's server, and the same with the gateway's loop.
    llama-server -m model.gguf --port 8081 &
    dormouse serve --upstream http://127.0.0.1:8081/v1 &
    bench/uplift/run --url http://127.0.0.1:8081/v1 --model any \\
        --gateway-url http://127.0.0.1:8080/v1 --gateway-key $DORMOUSE_API_KEY \\
        --variant raw --variant tools --variant loop --n 50 --out bench/results/uplift/my-model

    # What each option of the loop is worth, against the loop without it.
    bench/uplift/run --url http://127.0.0.1:8081/v1 --model any \\
        --gateway-url http://127.0.0.1:8080/v1 --gateway-key $DORMOUSE_API_KEY \\
        --variant each --n 50 --out bench/results/uplift/options

    # Ollama, three families, temperature 0.
    bench/uplift/run --url http://127.0.0.1:11434/v1 --model qwen3:4b --families arithmetic,files,lookup \\
        --variant raw --variant tools --body '{"temperature": 0}' --out /tmp/qwen

errors:
    What an endpoint does not answer is an error, not a wrong answer. More of them than --max-errors end the run
    with status 3. The same command goes on: what was answered is not asked again, errors are.

environment:
    UPLIFT_KEY, UPLIFT_GATEWAY_KEY: the keys, if no flag says them.
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a measurement; returns the status of the process."""
    options = _parser().parse_args(arguments)
    try:
        run, terms, compared, tasks = _prepare(options)
        options.out.mkdir(parents=True, exist_ok=True)
        journal = Journal(options.out / "answers.jsonl", run)
    except (variants.Wrong, programs.Unavailable, Mismatch, _Usage) as why:
        print(f"uplift: {why}", file=sys.stderr)
        return USAGE
    status = 0
    try:
        measure(tasks, compared, terms, journal, lambda line: print(line, file=sys.stderr, flush=True))
    except TooManyErrors as why:
        print(f"uplift: the run FAILED: {why}", file=sys.stderr)
        status = FAILED
    finally:
        journal.close()
    result = {**report.figures(run, list(journal.entries.values())), "complete": status == 0}
    table = report.markdown(result)
    if status:
        table = f"**This run failed: its endpoints gave too few answers.**\n\n{table}"
    (options.out / "result.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    (options.out / "result.md").write_text(table)
    (options.out / "accuracy.svg").write_text(plot.svg(result))
    print(table, end="")
    return status


class _Usage(Exception):
    pass


def _prepare(options: argparse.Namespace):
    compared = variants.read_all(options.variant or ["raw"])
    names = [it.name for it in compared]
    if len({*names}) < len(names):
        raise _Usage("a variant is named twice")
    wanted = options.families.split(",")
    unknown = [it for it in wanted if it not in families.FAMILIES]
    if unknown or len({*wanted}) < len(wanted):
        raise _Usage(f"--families: {', '.join(unknown) or 'one is named twice'}; known are {', '.join(families.FAMILIES)}")
    for name in ("n", "concurrency"):
        if getattr(options, name) < 1:
            raise _Usage(f"--{name} must be at least 1")
    runs_programs = "programs" in wanted or any(it.tools for it in compared)
    how = programs.use(options.unconfined_programs) if runs_programs else None
    tasks = [families.make(family, at, options.seed) for at in range(options.n) for family in wanted]
    gateway = _endpoint(options, options.gateway_url or options.url, options.gateway_key or options.key,
                        options.gateway_model or options.model)  # fmt: skip
    model = _endpoint(options, options.url, options.key, options.model)
    body = _object("--body", options.body)
    asked = len(tasks) * len(compared)
    terms = Terms({"model": model, "gateway": gateway}, _prices(options.prices), body, options.concurrency,
                  int(options.max_errors * asked))  # fmt: skip
    run = {
        "families": wanted, "tasks_a_family": options.n, "seed": options.seed, "model": options.model,
        "gateway_model": gateway.model, "variants": [it.described() for it in compared], "body": body,
        "prices": options.prices, "programs": how,
    }  # fmt: skip
    return run, terms, compared, tasks


def _endpoint(options: argparse.Namespace, url: str, key: str, model: str) -> Endpoint:
    if not url.startswith(("http://", "https://")):
        raise _Usage(f"{url!r} is no URL")
    return Endpoint(url, key, model, options.timeout, options.retries)


def _object(flag: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as why:
        raise _Usage(f"{flag}: {why}") from None
    if not isinstance(value, dict):
        raise _Usage(f"{flag} must be a JSON object")
    return value


def _prices(text: str | None) -> tuple[Decimal, Decimal] | None:
    if text is None:
        return None
    try:
        input, output = (Decimal(it) for it in text.split(","))
    except (ValueError, InvalidOperation):
        raise _Usage("--prices: must be two amounts of dollars, like 0.15,0.60") from None
    return input, output


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/uplift/run",
        description=_ABOUT + "variants:\n" + "\n".join(f"    {it}" if it else "" for it in
                                                       (variants.__doc__ or "").splitlines()[2:]),
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    environment = os.environ.get
    add("--url", required=True, help="the model's API, up to and including /v1")
    add("--key", default=environment("UPLIFT_KEY", "none"), help="its key")
    add("--model", required=True, help="the model's name there")
    add("--gateway-url", help="the gateway's API; unset, that of the model is taken for one")
    add("--gateway-key", default=environment("UPLIFT_GATEWAY_KEY"), help="its key; unset, that of the model")
    add("--gateway-model", help="the model's name there; unset, the same")
    add("--variant", action="append", metavar="VARIANT", help="what to compare, the first with each; may be given often")
    add("--families", default=",".join(families.FAMILIES), help="which families (default: all)")
    add("--n", type=int, default=40, help="tasks of each family (default: 40)")
    add("--seed", type=int, default=1, help="what the tasks are made from (default: 1)")
    add("--body", default="{}", metavar="JSON", help="fields of every request, like {\"temperature\": 0}")
    add("--concurrency", type=int, default=4, help="requests at once (default: 4)")
    add("--timeout", type=float, default=600, help="seconds that an endpoint may be silent (default: 600)")
    add("--retries", type=int, default=2, help="how often a request is tried once more (default: 2)")
    add("--max-errors", type=float, default=0.02, help="the share of requests that may go without an answer (default: 0.02)")
    add("--prices", metavar="IN,OUT", help="dollars a million tokens of input and output, where there are no receipts")
    add("--unconfined-programs", action="store_true", help="run programs of models without a sandbox, as you")
    add("--out", type=Path, required=True, help="the folder of the results")
    return parser
