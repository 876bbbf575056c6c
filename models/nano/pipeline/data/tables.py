"""Questions about a log or a table that stands in the question itself: a program has to be written around it."""

from random import Random

from . import strings
from .steps import Call, Hands, Step, chance, did

_LEVELS = ["INFO", "WARN", "ERROR", "DEBUG"]
_LINE = "End with one line that holds nothing but `ANSWER:` and the answer, like this:\nANSWER: {}"


def log_count(random: Random, hands: Hands) -> list[Step]:
    """How many lines of a level took longer than a time."""
    rows, text = _log(random)
    level, slow = random.choice(_LEVELS), random.choice([100, 250, 400, random.randrange(20, 800)])
    question = (
        f"How many lines have the level {level} and a time above {slow}ms?"
        " Each line holds a level, a user and a time."
    )
    count = sum(row[0] == level and int(row[2][:-2]) > slow for row in rows)
    test = f"r[0] == '{level}' and int(r[2][:-2]) > {slow}"
    python = f"{_rows(text)}\nprint(sum({test} for r in rows))"
    return _asked(random, hands, "service.log", text, question, (7, str(count)), python)


def log_users(random: Random, hands: Hands) -> list[Step]:
    """The users, without those of a level, sorted."""
    rows, text = _log(random)
    level = random.choice(_LEVELS)
    question = (
        f"Leave out the lines with the level {level}. Of the others take the users (the second word), each"
        " once, in capital letters, sorted from Z to A. Answer with a JSON array of strings on one line."
    )
    users = sorted({row[1].upper() for row in rows if row[0] != level}, reverse=True)
    shown = "[" + ", ".join(f'"{user}"' for user in users) + "]"
    python = (
        f"{_rows(text)}\nimport json\n"
        f"print(json.dumps(sorted({{r[1].upper() for r in rows if r[0] != '{level}'}}, reverse=True)))"
    )
    return _asked(random, hands, "service.log", text, question, ('["ZOE", "ABE"]', shown), python)


def table_sum(random: Random, hands: Hands) -> list[Step]:
    """The sum of products over the rows of a city."""
    rows, text = _orders(random)
    city = random.choice(rows)[1]
    question = f"What is the sum of pieces times price over all rows whose city is {city}?"
    total = sum(int(row[2]) * int(row[3]) for row in rows if row[1] == city)
    python = f"{_rows(text, ',')}\nprint(sum(int(r[2]) * int(r[3]) for r in rows if r[1] == '{city}'))"
    return _asked(random, hands, "orders.csv", text, question, (1234, str(total)), python)


def table_most(random: Random, hands: Hands) -> list[Step]:
    """Who has the most."""
    rows, text = _orders(random)
    question = (
        "Which user has the most pieces over all rows together?"
        " Of several with as many, name the first by the alphabet."
    )
    sums: dict[str, int] = {}
    for row in rows:
        sums[row[0]] = sums.get(row[0], 0) + int(row[2])
    most = min(sums, key=lambda user: (-sums[user], user))
    python = (
        f"{_rows(text, ',')}\nsums = {{}}\nfor r in rows[1:]:\n    sums[r[0]] = sums.get(r[0], 0) + int(r[2])\n"
        "print(min(sums, key=lambda u: (-sums[u], u)))"
    )
    return _asked(random, hands, "orders.csv", text, question, ("zoe", most), python)


def _asked(
    random: Random, hands: Hands, name: str, text: str, question: str, answers: tuple, python: str
) -> list[Step]:
    example, printed = answers
    asked = f'The file `{name}`:\n\n<file name="{name}">\n{text}\n</file>\n\n{question}'
    answer = printed
    if chance(random, 80):
        asked, answer = f"{asked}\n\n{_LINE.format(example)}", f"ANSWER: {printed}"
    call = Call("python", {"code": python}) if hands.has("python") else None
    return did(hands, asked, call, printed, answer)


def _rows(text: str, sign: str = "") -> str:
    return (
        f"rows = [r.split({sign!r}) for r in '''{text}'''.split('\\n')]"
        if sign
        else (f"rows = [r.split() for r in '''{text}'''.split('\\n')]")
    )


def _size(random: Random) -> int:
    return random.choice([2, 2, 3, 4, 5, 6, 8]) if chance(random, 90) else random.choice([12, 18, 24, 30])


def _log(random: Random) -> tuple[list[list[str]], str]:
    users = [
        strings.plain(random) if chance(random, 50) else random.choice(strings.FIRST).lower()
        for _ in range(6)
    ]
    rows = [
        [random.choice(_LEVELS), random.choice(users), f"{random.randrange(16, 900)}ms"]
        for _ in range(_size(random))
    ]
    return rows, "\n".join(map(" ".join, rows))


def _orders(random: Random) -> tuple[list[list[str]], str]:
    users = [
        strings.plain(random) if chance(random, 50) else random.choice(strings.FIRST).lower()
        for _ in range(6)
    ]
    cities = [strings.coined(random).capitalize() for _ in range(4)]
    rows = [
        [
            random.choice(users),
            random.choice(cities),
            str(random.randrange(1, 30)),
            str(random.randrange(5, 200)),
        ]
        for _ in range(_size(random))
    ]
    return rows, "\n".join(["user,city,pieces,price", *map(",".join, rows)])


SKILLS = {log_count: 1, log_users: 1, table_sum: 1, table_most: 1}
