"""The other tools: those of the gateway, and tools that nobody has seen before, which are read by their names."""

import json
from random import Random

from . import strings
from .steps import Call, Hands, Step, Tool, chance, did, failed

_NOUNS = """price weather stock status balance address owner score temperature level ticket order invoice message booking
    account customer contact event meeting report alarm light door room device sensor task note reminder playlist song
    recipe product parcel train flight ticker timer volume brightness channel rating forecast schedule distance""".split()
_ONE = [
    "city",
    "name",
    "id",
    "key",
    "query",
    "item",
    "symbol",
    "user",
    "code",
    "target",
    "place",
    "number",
    "title",
    "subject",
]
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def noun(random: Random) -> str:
    """What a foreign tool is about."""
    return random.choice(_NOUNS) if chance(random, 55) else strings.plain(random)


def foreign(random: Random) -> Tool:
    """A tool that does something with something."""
    thing, one = noun(random), random.choice(_ONE)
    name, parameters = random.choice(
        [
            (f"get_{thing}", (one,)),
            (f"search_{thing}", ("query", *(["limit?: integer"] if chance(random, 40) else []))),
            (f"send_{thing}", ("to", "text")),
            (f"set_{thing}", (one, "value")),
            (f"delete_{thing}", (one,)),
            (f"list_{thing}", ()),
        ]
    )
    return Tool(name, parameters, thing)


def use(random: Random, hands: Hands) -> list[Step]:
    """Uses one of the foreign tools that are offered; or one is asked for that is not."""
    offered = [tool for tool in hands.tools if tool.thing]
    if offered and not chance(random, 15):
        tool = random.choice(offered)
    else:
        tool = foreign(random)
        while any(it.thing == tool.thing for it in offered):
            tool = foreign(random)
    asked, arguments, printed, answer = _asked(random, tool)
    call = Call(tool.name, arguments) if tool in offered else None
    if call and chance(random, 6):
        whys = ["not found", "the service is not available", "timeout after 30 s", "access denied"]
        return failed(hands, asked, call, random.choice([*whys, f"unknown {tool.thing}"]))
    return did(hands, asked, call, printed, answer)


def _asked(random: Random, tool: Tool) -> tuple[str, dict, str, str]:
    """A question that the tool is for, the arguments of its call, what it prints, and the answer."""
    thing, of = tool.thing, _subject(random)
    names = [it.split(":")[0] for it in tool.parameters]
    match tool.name.split("_")[0]:
        case "get":
            asked = ["What is the {t} of {v}?", "Get the {t} of {v}.", "{t} of {v}?", "Tell me the {t} of {v}."]
            given = strings.value(random)
            printed = random.choice([given, given, f"{thing}: {given}", json.dumps({thing: given})])
            arguments, answer = {names[0]: of}, f"The {thing} of {of} is {given}."
        case "search":
            asked = ["Search the {t}s for {v}.", "Find {t}s with {v}.", "search {t} {v}"]
            printed = "\n".join(strings.phrase(random, 1, 4) for _ in range(random.randint(1, 3)))
            arguments, answer = {"query": of}, f"I found:\n{printed}"
        case "send":
            text = strings.phrase(random, 1, 5)
            of = strings.name(random)
            asked = [f"Send a {{t}} to {{v}}: {text}", f'Send the {{t}} "{text}" to {{v}}.']
            arguments, printed, answer = {"to": of, "text": text}, "ok", f"I have sent the {thing} to {of}."
        case "set":
            of, value = strings.word(random), strings.value(random)
            asked = [f"Set the {{t}} of {{v}} to {value}.", f"set {{t}} {{v}} to {value}"]
            arguments, printed = {names[0]: of, names[1]: value}, "ok"
            answer = f"The {thing} of {of} is now {value}."
        case "delete":
            asked = ["Delete the {t} {v}.", "Remove {t} {v}.", "delete {t} {v}"]
            printed = random.choice(["ok", "deleted", "done"])
            arguments, answer = {names[0]: of}, f"I have deleted the {thing} {of}."
        case _:
            asked = ["List the {t}s.", "Which {t}s are there?", "Show me all {t}s.", "list all {t}s"]
            printed = "\n".join(strings.phrase(random, 1, 3) for _ in range(random.randint(1, 4)))
            arguments, answer = {}, f"There are:\n{printed}"
    return random.choice(asked).format(t=thing, v=of), arguments, printed, answer


def _subject(random: Random) -> str:
    """What a tool is asked about: never a file, which is asked of others."""
    makers = (strings.word, strings.word, strings.name, strings.date, strings.scramble)
    return random.choice(makers)(random) if chance(random, 75) else str(strings.number(random))


def clock(random: Random, hands: Hands) -> list[Step]:
    """What time and which day it is: both are told, whatever was asked."""
    hour, second = f"{random.randrange(24):02}:{random.randrange(60):02}", f"{random.randrange(60):02}"
    day, weekday = strings.date(random), random.choice(_DAYS)
    asked = random.choice(
        ["What time is it?", "what time is it", "What is the time?", "Tell me the time.", "time?",
         "How late is it?", "Current time?", "What day is it?", "What is the date?", "What day is it today?",
         "Which day is today?", "today?", "What is today's date?", "What weekday is it?"]
    )  # fmt: skip
    if hands.has("current_time"):
        fields = {
            "time": f"{day}T{hour}:{second}Z",
            "weekday": weekday,
            "unix_seconds": random.randrange(10**9, 2 * 10**9),
        }
        printed = json.dumps(fields, separators=(",", ":"))
        return did(hands, asked, Call("current_time", {}), printed, f"It is {weekday}, {day}, {hour} UTC.")
    call = hands.run("date '+%A, %F, %R UTC'", "import datetime; print(datetime.datetime.now())")
    printed = f"{day} {hour}:{second}.{random.randrange(10**6):06}"
    if call and call.tool == "bash":
        printed = f"{weekday}, {day}, {hour} UTC"
    return did(hands, asked, call, printed, f"It is {printed}.")


def memory(random: Random, hands: Hands) -> list[Step]:
    """Keeps a note, reads one, finds some."""
    key, text = (
        noun(random),
        strings.value(random),
    )
    kind = random.randrange(3)
    if kind == 0:
        asked = random.choice(
            [
                "Remember that my {k} is {v}.",
                "Remember: {k} is {v}.",
                "Keep a note: {k} is {v}.",
                "Note that the {k} is {v}.",
            ]
        )
        call = Call("memory_put", {"key": key, "text": text}) if hands.has("memory_put") else None
        return did(hands, asked.format(k=key, v=text), call, "kept", f"I will remember that {key} is {text}.")
    if kind == 1:
        asked = random.choice(
            [
                "What did I tell you about {k}?",
                "What do you remember about {k}?",
                "Read your note about {k}.",
                "Recall {k}.",
            ]
        )
        call = Call("memory_get", {"key": key}) if hands.has("memory_get") else None
        return did(hands, asked.format(k=key), call, text, f"It says:\n{text}")
    asked = random.choice(["Search your notes for {k}.", "Which notes have {k}?", "Find notes about {k}."])
    call = Call("memory_search", {"query": key}) if hands.has("memory_search") else None
    printed = "\n".join(
        f"{strings.plain(random)}: {strings.value(random)}" for _ in range(random.randint(1, 3))
    )
    return did(hands, asked.format(k=key), call, printed, f"I found:\n{printed}")


def web(random: Random, hands: Hands) -> list[Step]:
    """Searches the web, or reads a page."""
    if chance(random, 50):
        query = strings.phrase(random, 1, 4)
        asked = random.choice(
            ["Search the web for {}.", "Google {}", "web search: {}"]
        )
        call = Call("web_search", {"query": query}) if hands.has("web_search") else None
        printed = "\n".join(f"{n}. {strings.phrase(random, 2, 5)}" for n in range(1, random.randint(2, 4)))
        return did(hands, asked.format(query), call, printed, f"I found:\n{printed}")
    url = f"https://{random.choice(['', 'www.'])}{strings.plain(random)}.{random.choice(['com', 'org', 'net', 'example', 'io'])}"
    url += random.choice(["", f"/{strings.plain(random)}", f"/{strings.file(random)}"])
    asked = random.choice(["Fetch {}", "Open the page {}", "Get the page {}", "What does the page {} say?"])
    call = Call("web_fetch", {"url": url}) if hands.has("web_fetch") else None
    printed = strings.sentence(random)
    return did(hands, asked.format(url), call, printed, f"It says:\n{printed}")


SKILLS = {use: 5, clock: 2, memory: 2, web: 2}
