"""Which tools a conversation has: the gateway's own, and foreign ones."""

from random import Random

from .services import foreign
from .steps import Tool, chance

GATEWAY = [
    Tool("bash", "Runs a command or script with bash in the working directory of this task. Files stay there from call to"
         " call. Returns exit status, standard output and standard error.", ("command",)),
    Tool("python", "Runs a Python 3 program in the working directory of this task. Files stay there from call to call,"
         " variables do not: print what you want to see.", ("code",)),
    Tool("read_file", "Reads a text file in the working directory of this task.",
         ("path", "first_line?: integer", "lines?: integer")),
    Tool("write_file", "Writes a file in the working directory of this task, in place of what it held.", ("path", "content")),
    Tool("edit_file", "Replaces a piece of text in a file in the working directory of this task.",
         ("path", "old", "new", "everywhere?: boolean")),
    Tool("list_files", "Lists the files below a directory in the working directory of this task, with their sizes.", ("path?",)),
    Tool("web_search", "Searches the web.", ("query",)),
    Tool("web_fetch", "Returns a page of the public web as plain text.", ("url", "from?: integer")),
    Tool("calculator", "Calculates an expression: + - * / // % ** and parentheses, exactly for numbers of any length; functions"
         " abs min max sum round floor ceil trunc sqrt gcd lcm factorial comb exp ln log log2 log10 sin cos tan asin acos"
         " atan degrees radians; constants pi e.", ("expression",)),
    Tool("current_time", "Returns the current date, time and weekday, in UTC or at an offset from it.", ("offset?",)),
    Tool("list_models", "Lists the models that can be asked.", ()),
    Tool("memory_put", "Keeps a note for later tasks, in place of the one of the same key.", ("key", "text")),
    Tool("memory_get", "Reads a note that was kept.", ("key",)),
    Tool("memory_search", "Finds notes that were kept, by words.", ("query", "limit?: integer")),
]  # fmt: skip


def offered(random: Random, most: int) -> list[Tool]:
    """Some tools, in the gateway's order or in any other."""
    kind = random.randrange(10)
    if kind < 3:
        tools = [it for it in GATEWAY if it.name in ("bash", "python", "calculator")]
        tools = random.sample(tools, random.randint(1, min(most, 3)))
    elif kind == 3 and chance(random, 50):
        tools = list(GATEWAY) if most >= len(GATEWAY) else random.sample(GATEWAY, most)
    elif kind < 8:
        tools = random.sample(GATEWAY, random.randint(1, min(most, 6)))
    else:
        tools = random.sample(GATEWAY, random.randint(0, min(most, 4)))
    if kind in (5, 6, 9) and len(tools) < most:
        tools = tools + [foreign(random) for _ in range(random.randint(1, min(4, most - len(tools))))]
    names: dict[str, Tool] = {}
    for tool in tools:
        names.setdefault(tool.name, tool)
    tools = list(names.values())
    if chance(random, 50):
        random.shuffle(tools)
    elif chance(random, 60):
        tools.sort(key=lambda tool: tool.name)
    return tools


def with_foreign(random: Random, tools: list[Tool], most: int) -> list[Tool]:
    """The same, and at least one foreign tool."""
    names = {tool.name for tool in tools}
    more = {tool.name: tool for tool in (foreign(random) for _ in range(random.randint(1, 4)))}
    tools = tools[: max(0, most - len(more))] + [tool for name, tool in more.items() if name not in names]
    random.shuffle(tools)
    return tools
