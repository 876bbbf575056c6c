"""Questions in words that the generator does not have: how far what was learnt carries.

They were written by hand, before the model was seen to answer any of them, and none goes into its training.
"""

from dataclasses import dataclass
from random import Random

from .chat import Message
from .data import forms, offers
from .data.steps import Hands, Tool, User

_SHOP = Tool("get_price", ("item",), "price")
_MAIL = Tool("send_mail", ("to", "text"), "mail")
_TRAINS = Tool("search_train", ("query",), "train")


@dataclass(frozen=True)
class Unseen:
    """A question, the tools that are offered, and what must stand in the message of the model."""

    asked: str
    wanted: tuple[str, ...]
    tools: tuple[Tool, ...] = tuple(offers.GATEWAY)

    def messages(self) -> list[Message]:
        """What the model is shown."""
        return forms.native([User(self.asked)], Hands(Random(0), list(self.tools)), "")


_CODE = tuple(it for it in offers.GATEWAY if it.name in ("bash", "calculator"))
_OTHERS = (*_CODE, _SHOP, _MAIL, _TRAINS)

CASES = [
    Unseen("I'd like to know 4821 * 77", ('"calculator"', '"4821 * 77"')),
    Unseen("can you tell me what 91823 + 1827 comes to", ('"calculator"', '"91823 + 1827"')),
    Unseen("so what would 5000 - 1234 be?", ('"calculator"', '"5000 - 1234"')),
    Unseen("Give me 17 * 23", ('"calculator"', '"17 * 23"')),
    Unseen("quick: 88*91", ('"calculator"', '"88*91"')),
    Unseen("hey, 3000 / 12 = ?", ('"calculator"', '"3000 / 12"')),
    Unseen("Solve (12 + 30) * 4", ('"calculator"', '"(12 + 30) * 4"')),
    Unseen("The result of 2^20, please", ('"calculator"', '"2**20"')),
    Unseen("please find the product of 719 and 38", ('"calculator"', '"719 * 38"')),
    Unseen("A crate holds 24 bottles. I have 36 crates. How many bottles is that?", ('"calculator"', '"')),
    Unseen("Could you show me what's inside budget.txt?", ("budget.txt",)),
    Unseen("I want to see the file poem.md", ("poem.md",)),
    Unseen("Take a look at server.log", ("server.log",)),
    Unseen("Display the contents of data/input.csv", ("data/input.csv",)),
    Unseen("What are the files in this folder?", ('"list_files"',)),
    Unseen("Give me a list of my files", ('"list_files"',)),
    Unseen("How many lines has server.log got?", ("wc -l", "server.log"), _CODE),
    Unseen("Give me the word count for essay.txt", ("wc -w", "essay.txt"), _CODE),
    Unseen("Tell me the number of lines in app.py", ("wc -l", "app.py"), _CODE),
    Unseen("Could you delete old.txt for me?", ("rm", "old.txt"), _CODE),
    Unseen("Please rename a.txt to b.txt", ("mv", "a.txt", "b.txt"), _CODE),
    Unseen("Write the words good morning into hello.txt", ("good morning", "hello.txt")),
    Unseen("Turn dormouse into capital letters", ("dormouse",), _CODE),
    Unseen("Spell hazelnut backwards", ("hazelnut", "rev"), _CODE),
    Unseen("How many letters are in strawberry?", ("strawberry", "wc -c"), _CODE),
    Unseen("Which files talk about winter?", ("grep", "winter"), _CODE),
    Unseen("Do you have the time?", ('"current_time"',)),
    Unseen("Which day of the week is it today?", ('"current_time"',)),
    Unseen("Please remember: my cat is called Minka", ('"memory_put"', "Minka")),
    Unseen("How much is a melon?", ('"get_price"', "melon"), _OTHERS),
    Unseen("I need to know the price of bread", ('"get_price"', "bread"), _OTHERS),
    Unseen("Mail Ann that dinner is ready", ('"send_mail"', "Ann", "dinner is ready"), _OTHERS),
    Unseen("Is there a train to Lyon?", ('"search_train"', "Lyon"), _OTHERS),
    Unseen("Find me something on the web about hazel mice", ('"web_search"', "hazel mice")),
    Unseen("I'd like a poem about the sea", ("demonstration model",)),
    Unseen("Who was the first person on the moon?", ("demonstration model",)),
    Unseen("Should I marry her?", ("demonstration model",)),
    Unseen("What's your opinion on tea?", ("demonstration model",)),
    Unseen("And who might you be?", ("demonstration model",)),
    Unseen("Good afternoon!", ("demonstration model",)),
]
