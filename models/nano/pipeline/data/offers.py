"""Which tools a conversation has: the gateway's own, and foreign ones."""

from random import Random

from .services import foreign
from .steps import Tool, chance

GATEWAY = [
    Tool("bash", ("command",)),
    Tool("python", ("code",)),
    Tool("read_file", ("path", "first_line?: integer", "lines?: integer")),
    Tool("write_file", ("path", "content")),
    Tool("edit_file", ("path", "old", "new", "everywhere?: boolean")),
    Tool("list_files", ("path?",)),
    Tool("web_search", ("query",)),
    Tool("web_fetch", ("url", "from?: integer")),
    Tool("calculator", ("expression",)),
    Tool("current_time", ("offset?",)),
    Tool("list_models", ()),
    Tool("memory_put", ("key", "text")),
    Tool("memory_get", ("key",)),
    Tool("memory_search", ("query", "limit?: integer")),
]
CODE = [it for it in GATEWAY if it.name in ("bash", "python")]


def offered(random: Random) -> list[Tool]:
    """Some tools: those that `dormouse ask` offers more often than others, and all of them now and then."""
    kind = random.randrange(10)
    if kind < 4:
        few = [it for it in GATEWAY if it.name in ("bash", "python", "calculator", "current_time")]
        tools = random.sample(few, random.randint(1, len(few)))
    elif kind < 5:
        tools = list(GATEWAY)
    else:
        tools = random.sample(GATEWAY, random.randint(1, 6))
    if chance(random, 50):
        tools.sort(key=lambda tool: tool.name)
    return tools


def with_foreign(random: Random, tools: list[Tool]) -> list[Tool]:
    """Fewer of them, and some foreign tools between them."""
    things: dict[str, Tool] = {}
    for _ in range(random.randint(1, 3)):
        tool = foreign(random)
        things.setdefault(tool.thing, tool)
    tools = [*tools[:4], *things.values()]
    random.shuffle(tools)
    return tools
