"""The figures of an evaluation, in the model card."""

import re
from pathlib import Path

_PLACE = re.compile("(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)
_WHAT = {
    "action": "the call of a tool, where one is due",
    "final": "the answer after a tool's result",
    "context": "an answer from given text, or that it does not say",
    "refusal": "saying that it has no tool, or cannot",
    "copying": "repeating and looking up",
    "talk": "greetings, and what it is",
    "unseen wording": "questions in words that the generator does not have (written by hand)",
}


def write(figures: dict[str, dict], conversations: int, card: Path) -> None:
    """Puts the figures in place of those that the card has."""
    text, found = _PLACE.subn(lambda at: f"{at[1]}{_table(figures, conversations)}{at[2]}", card.read_text())
    if found != 1:
        raise ValueError(f"{card} must have one place for figures")
    card.write_text(text)


def _table(figures: dict[str, dict], conversations: int) -> str:
    rows = [f"| {what} | {_shown(figures[name])} |\n" for name, what in _WHAT.items() if name in figures]
    ways = [f"| {name} | {_shown(its)} |\n" for name, its in figures.items() if ": " in name]
    return (
        f"Of {conversations} conversations that were not in the training, right letter by letter, with the interval in"
        " which the true part lies with a confidence of 95 % (Wilson) and the number of cases. llama.cpp is asked two at"
        " a time and rounds as they come, so a case or two differ from run to run:\n\n"
        f"| message of the model | right |\n|---|---|\n{''.join(rows)}\n"
        f"The same, by what the conversation is about and by the form in which tools are told:\n\n"
        f"| | right |\n|---|---|\n{''.join(ways)}"
    )


def _shown(its: dict) -> str:
    low, high = 100 * its["low"], 100 * its["high"]
    return f"{100 * its['part']:.1f} % ({low:.1f} to {high:.1f}) of {its['asked']}"
