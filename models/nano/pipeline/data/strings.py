"""Names, numbers and texts, most of which never come twice: what a model has to copy, not to know.

Whoever asks for a copy of one that may have spaces in it puts a sign behind it, or nothing: a reader that copies token
by token sees at a space only that it may go on.
"""

from random import Random

CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxz", "aeiouy"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ENGLISH = """
    able acid angle apple autumn baker basket beach berry bird black blue board boat bone book bottle bread
    bridge bright brown brush bucket button cable candle canvas carbon castle cedar chain chalk cheese cherry
    circle clay clean clear clock cloud coast coffee cold copper corn cotton cream crystal curtain dark deep desert
    door dream drift dry duck dust early earth east echo empty engine evening fabric falcon farm feather field fire
    fish flag flat flint flower fog forest fox fresh frost fruit garden garlic gentle giant glass gold grain grape
    grass gravel gray green hammer harbor heavy hill hollow honey horse ice iron island ivory jacket jade jar
    kettle key kind king kite ladder lake lamp large leaf lemon light lime linen little lock long loud maple marble
    market meadow melon metal milk mint mirror moon moss mountain mouse music narrow needle nest night north oak
    ocean olive onion orange orchid owl paint paper pearl pencil pepper pine plain planet plum pocket pond poppy
    potato quick quiet quilt rabbit rain raven red reed ribbon rice ridge ring river road robin rocket roof root
    rope rose round rust sail salt sand scarf sea seed shadow sharp shell ship shore silk silver sky slate slow
    small smoke snow soft south spark spice spoon spring square star steam steel stone storm straw stream sugar
    summer sun swan sweet table tall tea thin thunder tiger timber tin tower train tree tulip valley velvet violet
    wagon walnut warm water wave west wheat wheel white wide willow wind window winter wolf wood wool yarn yellow
""".split()
STEMS = """
    notes readme todo main data log config report index test users build orders sales items prices stock
    names list draft letter plan budget summary backup server client results scores output input events tasks
    """.split()
ENDINGS = "txt md py rs json csv toml log yaml html sh js conf ini dat".split()
FOLDERS = "tmp data srv work src etc home docs logs images backup var opt reports archive".split()
FIRST = """Anna Ben Carla David Elena Felix Greta Hugo Ivan Julia Karl Lena Maria Nils Olga Paul Rosa Sven Tara
    Uwe Vera Willem Yara Zoe Joan John Jon Anne Hanna Marie Mario Lina Omar Priya Chen Aiko Tom Kate""".split()
LAST = """Berg Stone Hill Hall Moreau Novak Silva Tanaka Weber Young Adler Costa Dahl Evans Fischer Gruber Holt
    Storm Strand Borg Berger Kim Lopez Meyer Olsen Petrov Quinn Rossi Singh""".split()


def coined(random: Random, longest: int = 3) -> str:
    """A word that there is not, but could be."""
    syllables = (random.choice(CONSONANTS) + random.choice(VOWELS) for _ in range(random.randint(2, longest)))
    return "".join(syllables) + random.choice(["", "", "n", "r", "s", "x", "l", "t"])


def scramble(random: Random, shortest: int = 3, longest: int = 9) -> str:
    """Letters and digits without any order."""
    alphabet = random.choice([LETTERS, LETTERS, LETTERS + "0123456789", "0123456789abcdef", LETTERS.upper()])
    return "".join(random.choice(alphabet) for _ in range(random.randint(shortest, longest)))


def word(random: Random) -> str:
    """A word of any kind, in small letters more often than not."""
    kind = random.randrange(10)
    text = random.choice(ENGLISH) if kind < 5 else coined(random) if kind < 8 else scramble(random)
    return text.capitalize() if random.randrange(12) == 0 else text


def plain(random: Random) -> str:
    """A word of small letters."""
    return random.choice(ENGLISH) if random.randrange(2) else coined(random)


def phrase(random: Random, least: int = 1, most: int = 5) -> str:
    """Some words."""
    return " ".join(word(random) for _ in range(random.randint(least, most)))


def number(random: Random, digits: int = 6) -> int:
    """A number of at most so many digits: short ones as often as long ones."""
    size = random.randint(1, digits)
    return random.randrange(10 ** (size - 1), 10**size)


def file(random: Random) -> str:
    """The name of a file."""
    kind = random.randrange(8)
    stem = random.choice(STEMS) if kind < 3 else word(random)
    if kind == 6:
        stem += random.choice("-_") + random.choice([plain(random), str(random.randrange(2000, 2040))])
    if kind == 7:
        stem += str(random.randrange(100))
    return f"{stem}.{random.choice(ENDINGS)}"


def folder(random: Random) -> str:
    """The path of a folder."""
    parts = [
        random.choice(FOLDERS) if random.randrange(2) else plain(random) for _ in range(random.randint(1, 2))
    ]
    return random.choice(["", "", "/"]) + "/".join(parts)


def path(random: Random) -> str:
    """The path of a file."""
    return file(random) if random.randrange(4) else f"{folder(random)}/{file(random)}"


def name(random: Random) -> str:
    """What a person is called."""
    first = random.choice(FIRST) if random.randrange(2) else coined(random).capitalize()
    kind = random.randrange(3)
    if kind == 0:
        return first
    last = random.choice(LAST) if random.randrange(2) else coined(random).capitalize()
    return f"{first} {last}"


def date(random: Random) -> str:
    """A day, as ISO 8601 writes it."""
    return f"{random.randint(1990, 2040)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"


def value(random: Random) -> str:
    """What a setting, or a column, may hold."""
    kind = random.randrange(12)
    if kind < 4:
        return word(random)
    if kind < 7:
        return str(number(random))
    return (
        name, date, file, scramble,
        lambda random: f"{number(random, 3)}.{random.randrange(100)}",
    )[kind - 7](random)  # fmt: skip


def sentence(random: Random) -> str:
    """A sentence that means nothing."""
    return phrase(random, 3, 6).capitalize() + "."
