"""Files of the working directory, and texts: listed, read, counted, changed, by whatever tool is offered."""

from collections.abc import Callable
from random import Random

from . import strings
from .steps import Call, Hands, Step, chance, did, failed


def listing(random: Random, hands: Hands) -> list[Step]:
    """Which files there are."""
    names = [strings.file(random) for _ in range(random.randint(1, 4))]
    where = strings.folder(random) if chance(random, 40) else None
    asked = random.choice(
        ["What files are in {}?", "List the files in {}.", "list {}", "ls {}", "Show me what is in {}.",
         "Which files does {} have?"]
        if where
        else ["List the files.", "list files", "What files are here?", "ls", "Show me the files.",
        "Which files are there?",
              "What is in the current directory?", "What files do I have?", "List all files here."]
    )  # fmt: skip
    asked = asked.format(where)
    if hands.has("list_files"):
        call = Call("list_files", {"path": where} if where else {})
        printed = "\n".join(f"{name} ({strings.number(random, 5)} bytes)" for name in names)
    else:
        call = hands.run(
            f"ls {where}" if where else "ls", f"import os; print(*os.listdir({where or '.'!r}), sep='\\n')"
        )
        printed = "\n".join(names)
    if chance(random, 8):
        empty = "there are no files" if call and call.tool == "list_files" else ""
        return did(hands, asked, call, empty, "There are no files.")
    return did(hands, asked, call, printed, f"The files are:\n{printed}")


def reading(random: Random, hands: Hands) -> list[Step]:
    """What a file says."""
    name = strings.path(random)
    asked = random.choice(
        ["Show {}.", "Read {}.", "read the file {}", "What does {} say?", "cat {}", "Print the file {}.",
         "What is in {}?",
         "Open {} and tell me what it says.", "Show me the content of {}.", "Please read {}"]
    ).format(name)  # fmt: skip
    call = _read(hands, name)
    if call and chance(random, 12):
        return _missing(hands, asked, name, call)
    printed = _content(random)
    return did(hands, asked, call, printed, f"It says:\n{printed}")


def setting(random: Random, hands: Hands) -> list[Step]:
    """One thing of what a file says."""
    name = strings.path(random)
    sign = random.choice(["=", " = ", ": ", ":", ","])
    keys = list(dict.fromkeys(strings.plain(random) for _ in range(random.randint(1, 6))))
    random.shuffle(keys)
    values = [strings.value(random) for _ in keys]
    at = random.randrange(len(keys))
    printed = "\n".join(f"{key}{sign}{value}" for key, value in zip(keys, values))
    asked = random.choice(
        ["What is the {key} in {name}?", "Which {key} does {name} have?",
         "Read {name} and tell me the {key}.",
         "Look up {key} in {name}.", "{name} has a value for {key}. What is it?",
         "What does {name} say about {key}?"]
    )  # fmt: skip
    asked = asked.format(key=keys[at], name=name)
    call = _read(hands, name)
    if call and chance(random, 8):
        return _missing(hands, asked, name, call)
    answer = f"It says: {keys[at]}{sign}{values[at]}"
    if chance(random, 10) and len(keys) > 1:
        kept = [it for n, it in enumerate(printed.split("\n")) if n != at]
        printed, answer = "\n".join(kept), f"It says: {keys[at]} is not there."
    return did(hands, asked, call, printed, answer)


def counting(random: Random, hands: Hands) -> list[Step]:
    """How many lines or words a file has."""
    name, count = strings.path(random), strings.number(random, 4)
    what, flag, python = random.choice(
        [
            ("lines", "-l", f"print(len(open({name!r}).readlines()))"),
            ("words", "-w", f"print(len(open({name!r}).read().split()))"),
        ]
    )
    asked = random.choice(
        ["How many {} are in {}?", "How many {} does {} have?", "Count the {} of {}.", "count the {} in {}",
         "Number of {} in {}?", "Tell me how many {} {} has."]
    )  # fmt: skip
    call = hands.run(f"wc {flag} < {name}", python)
    return did(hands, asked.format(what, name), call, str(count), f"The result is {count}.")


def some_lines(random: Random, hands: Hands) -> list[Step]:
    """The first or the last lines, or those with a word."""
    name, count, wanted = strings.path(random), random.randrange(2, 21), strings.plain(random)
    printed = _content(random)
    kind = random.randrange(4)
    asked, bash = [
        (f"Show the first {count} lines of {name}.", f"head -n {count} {name}"),
        (f"Show the last {count} lines of {name}.", f"tail -n {count} {name}"),
        (random.choice([f"Find {wanted} in {name}.", f"Which lines of {name} contain {wanted}?",
        f"grep {wanted} in {name}"]),
         f"grep -n '{wanted}' {name}"),
        (random.choice([f"Sort the lines of {name}.", f"sort {name}"]), f"sort {name}"),
    ][kind]  # fmt: skip
    if kind == 2:
        printed = "\n".join(
            f"{random.randrange(1, 99)}:{strings.phrase(random, 0, 2)} {wanted}".replace(": ", ":")
            for _ in range(random.randint(1, 3))
        )
    return did(hands, asked, hands.run(bash, None), printed, f"It says:\n{printed}")


def containing(random: Random, hands: Hands) -> list[Step]:
    """In which files, or how often, a word stands."""
    wanted, name = strings.plain(random), strings.path(random)
    if chance(random, 50):
        asked = random.choice(
            [
                "Which files contain {}?",
                "Find the files that mention {}.",
                "search for {}",
                "Which files mention {}?",
            ]
        )
        printed = "\n".join(f"./{strings.file(random)}" for _ in range(random.randint(1, 4)))
        return did(
            hands,
            asked.format(wanted),
            hands.run(f"grep -rl '{wanted}' .", None),
            printed,
            f"The files are:\n{printed}",
        )
    asked = random.choice(["How many lines of {} contain {}?", "How many lines in {} have {}?"])
    count = strings.number(random, 3)
    call = hands.run(
        f"grep -c '{wanted}' {name}", f"print(sum({wanted!r} in line for line in open({name!r})))"
    )
    return did(hands, asked.format(name, wanted), call, str(count), f"The result is {count}.")


def writing(random: Random, hands: Hands) -> list[Step]:
    """Writes a file."""
    name, text = strings.path(random), strings.phrase(random, 1, 6)
    asked = random.choice(
        ['Write "{text}" to {name}.', 'Save "{text}" in {name}.', "Create {name} with the text {text}",
         'Put "{text}" into {name}.', "Make a file {name} that says {text}", "write '{text}' to the file {name}"]
    ).format(text=text, name=name)  # fmt: skip
    if hands.has("write_file"):
        call: Call | None = Call("write_file", {"path": name, "content": text})
        printed = random.choice(
            [f"wrote {len(text)} bytes to {name}", f"{len(text)} bytes were written", "done"]
        )
    else:
        call = hands.run(f"echo '{text}' > {name}", f"open({name!r}, 'w').write({text!r})")
        printed = ""
    return did(hands, asked, call, printed, f"I have written {name}.")


def moving(random: Random, hands: Hands) -> list[Step]:
    """Deletes, copies or renames a file, or makes a folder."""
    name, other = strings.path(random), strings.path(random)
    asked, bash, python, answer = random.choice(
        [
            (f"Delete {name}.", f"rm {name}", f"import os; os.remove({name!r})", f"I have deleted {name}."),
            (f"remove {name}", f"rm {name}", f"import os; os.remove({name!r})", f"I have deleted {name}."),
            (f"Copy {name} to {other}.", f"cp {name} {other}",
            f"import shutil; shutil.copy({name!r}, {other!r})",
             f"I have copied {name} to {other}."),
            (f"Rename {name} to {other}.", f"mv {name} {other}", f"import os; os.rename({name!r}, {other!r})",
             f"I have renamed {name} to {other}."),
            (f"Make a folder {other.split('.')[0]}.", f"mkdir -p {other.split('.')[0]}",
             f"import os; os.makedirs({other.split('.')[0]!r})", f"I have made {other.split('.')[0]}."),
        ]
    )  # fmt: skip
    call = hands.run(bash, python)
    if call and chance(random, 10) and not asked.startswith("Make"):
        why = f"cannot access '{name}': No such file or directory"
        return failed(hands, asked, call, why)
    return did(hands, asked, call, "", answer)


def text(random: Random, hands: Hands) -> list[Step]:
    """Changes or measures a text of the question itself."""
    it = strings.phrase(random, 1, 4) if chance(random, 60) else strings.scramble(random, 4, 20)
    asked, bash, python, printed = random.choice(_change(it))
    asked = random.choice(asked)
    quote = random.choice("\"'")
    call = hands.run(bash, python)
    return did(hands, asked.format(f"{quote}{it}{quote}"), call, printed, f"The result is {printed}.")


def _change(it: str) -> list[tuple[list[str], str, str, str]]:
    pipe = f"echo '{it}' |"
    return [
        (["Write {} in capital letters.", "Make {} upper case.", "uppercase {}"],
         f"{pipe} tr a-z A-Z", f"print({it!r}.upper())", it.upper()),
        (["Write {} in small letters.", "Make {} lower case.", "lowercase {}"],
         f"{pipe} tr A-Z a-z", f"print({it!r}.lower())", it.lower()),
        (["Reverse {}.", "Write {} backwards.", "What is {} spelled backwards?"],
         f"{pipe} rev", f"print({it!r}[::-1])", it[::-1]),
        (["How many characters does {} have?", "How long is {}?", "Count the letters of {}."],
         f"printf %s '{it}' | wc -c", f"print(len({it!r}))", str(len(it))),
        (["How many words are in {}?", "Count the words of {}."],
         f"{pipe} wc -w", f"print(len({it!r}.split()))", str(len(it.split()))),
    ]  # fmt: skip


def _read(hands: Hands, name: str) -> Call | None:
    if hands.has("read_file"):
        return Call("read_file", {"path": name})
    return hands.run(f"cat {name}", f"print(open({name!r}).read())")


def _missing(hands: Hands, asked: str, name: str, call: Call) -> list[Step]:
    """The file is not there."""
    why = {"read_file": f"there is no file `{name}`", "bash": f"cat: {name}: No such file or directory"}.get(
        call.tool, f"FileNotFoundError: [Errno 2] No such file or directory: '{name}'"
    )
    return failed(hands, asked, call, why)


def _content(random: Random) -> str:
    kinds: list[Callable[[Random], str]] = [
        strings.sentence, lambda it: strings.phrase(it, 1, 5), strings.value,
        lambda it: f"{strings.plain(it)}{it.choice(['=', ': ', ','])}{strings.value(it)}",
        lambda it: f"- {strings.phrase(it, 1, 4)}",
    ]  # fmt: skip
    kind = random.choice(kinds)
    return "\n".join(kind(random) for _ in range(random.choice([1, 1, 2, 2, 3, 4])))


SKILLS = {
    listing: 3, reading: 4, setting: 4, counting: 3, some_lines: 2, containing: 2, writing: 3, moving: 2, text: 4,
}  # fmt: skip
