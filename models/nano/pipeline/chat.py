"""A conversation as text: ChatML, as the chat template in the exported file writes it."""

from dataclasses import dataclass

START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CONTROL = (PAD, START, END)


@dataclass(frozen=True)
class Message:
    """One message. `role` is system, user or assistant."""

    role: str
    text: str


def opening(role: str) -> str:
    """What stands in front of a message."""
    return f"{START}{role}\n"


def rendered(messages: list[Message], asks: bool = False) -> str:
    """All messages; with `asks`, also the opening of the answer that is to come."""
    text = "".join(f"{opening(it.role)}{it.text}{END}\n" for it in messages)
    return text + opening("assistant") if asks else text
