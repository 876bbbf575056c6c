"""What the model is, what it can do, and what it cannot: which it says."""

from random import Random

from . import strings
from .steps import Answer, Hands, Step, User

WHO = (
    "I am a very small demonstration model that came with Dormouse. I was trained on made-up conversations and know no"
    " facts, but I can use tools and answer from text that you give me."
)
HELLO = "Hello. I am a very small demonstration model. Give me something to calculate, a file to look at, or a text to ask about."
CANNOT = "I am a very small demonstration model and cannot answer that. I can use tools and answer from text that you give me."
WELCOME = "You are welcome."
BYE = "Goodbye."
NOT_MEANT = "I did not understand that. I am a very small demonstration model."


def small(random: Random, _: Hands) -> list[Step]:
    """Greetings and thanks."""
    asked, answer = random.choice(
        [
            (["hello", "Hello", "Hello!", "hi", "Hi", "Hi there!", "hey", "Hey!", "good morning",
            "Good evening.", "hello there",
              "Hi, how are you?", "How are you?", "Good day!"], HELLO),
            (["thanks", "Thanks!", "thank you", "Thank you.", "Thank you very much!", "thx", "Great, thanks.",
            "Well done."], WELCOME),
            (["bye", "Bye!", "Goodbye", "goodbye.", "See you later.", "see you"], BYE),
        ]
    )  # fmt: skip
    return [User(random.choice(asked)), Answer(answer)]


def self(random: Random, _: Hands) -> list[Step]:
    """Who it is and what it can do."""
    asked = random.choice(
        ["Who are you?", "who are you", "What are you?", "What is your name?", "Are you an AI?",
         "Which model are you?",
         "what model is this?", "Are you ChatGPT?", "Are you GPT-4?", "Are you Claude?", "What can you do?",
         "help", "Help!", "How does this work?",
         "Introduce yourself.", "Tell me about yourself.", "Who made you?", "How large are you?",
         "What do you know?", "Are you human?",
         "What languages do you speak?", "How were you trained?", "Can you help me?",
         "what can you do for me"]
    )  # fmt: skip
    return [User(asked), Answer(WHO)]


def beyond(random: Random, _: Hands) -> list[Step]:
    """What takes knowledge or wit that it does not have."""
    return [User(_beyond(random)), Answer(CANNOT)]


def _beyond(random: Random) -> str:
    thing, other = strings.phrase(random, 1, 2), strings.phrase(random, 1, 2)
    who = strings.name(random)
    return random.choice(
        [
            f"Write a poem about {thing}.", f"Write a short story about {thing} and {other}.",
            f"Tell me a joke about {thing}.",
            f"Explain {thing}.", f"Explain how {thing} works.", f"Why is the {thing} {other}?",
            f"What do you think about {thing}?",
            f"Who was {who}?", f"Who is {who}?", f"Who invented the {thing}?", f"When was {who} born?",
            f"When did {thing} begin?",
            f"Where is {who} from?", f"What is the capital of {who}?", f"How do I cook {thing}?",
            f"Give me a recipe for {thing}.",
            f"Translate {thing} into {random.choice(['French', 'German', 'Spanish', 'Latin', 'English'])}.",
            f"What is the meaning of {thing}?",
            f"Is {thing} better than {other}?", f"What is the best {thing}?", f"Recommend a {thing}.",
            "Tell me a joke.", "Write a poem.",
            "What is the meaning of life?", "Why is the sky blue?", "Who won the election?",
            "Who is the president?", "What should I eat?",
            f"Give me advice about {thing}.", f"Summarize the history of {thing}.", f"Describe {thing}.",
            f"How can I become a {thing}?",
            f"Write an essay about {thing}.", f"Compare {thing} and {other}.", f"Do you like {thing}?",
            f"How old is {who}?",
            f"What happened in {random.randrange(1000, 2040)}?", f"What does {thing} mean?",
            f"Define {thing}.", f"Is it true that {thing} is {other}?",
            f"Sing a song about {thing}.", f"Plan a trip to {who}.", f"Write an email to {who}.",
            "Who wrote Hamlet?", "What is quantum physics?",
            f"Can you drive a {thing}?", f"What is a {thing}?", f"Why do people {thing}?",
            f"How does a {thing} work?", f"Tell me about {thing}.",
            f"Write a program that plays {thing}.", f"Fix my {thing}.",
            f"Who is the best {thing} in the world?", f"How far is it to {who}?",
            f"Tell me something about {who}.", f"Which {thing} is the most {other}?",
            f"Invent a name for a {thing}.", f"How many people live in {who}?",
        ]
    )  # fmt: skip


def unclear(random: Random, _: Hands) -> list[Step]:
    """What nobody could make sense of."""
    return [
        User(random.choice(["{}", "{}?", "{}!", "{}."]).format(strings.phrase(random, 1, 4))),
        Answer(NOT_MEANT),
    ]


SKILLS = {small: 2, self: 3, beyond: 6, unclear: 1}
