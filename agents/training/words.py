"""Words that generated sites and goals are made of: fresh words without end beside small common lists.

Whatever comes from a short fixed list is memorised, so most names and products are words that never were
(see `fresh`). Labels are composed from parts, in several wordings each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random

from ..wording import FUNCTION

ONSETS = """
    b bl br c ch cl cr d dr f fl fr g gl gr h j k kl l m n p pl pr qu r s sc sh sk sl sm sn sp st str t th tr
    v w z
""".split()
VOWELS = "a a e e i i o o u ai ea ee oa oo ou".split()
CODAS = "b ck d f g l ll m n n nd ng nt p r r rd rn s sh sk st t t th x".split()
COLOURS = """
    amber azure bronze crimson cyan indigo jade lilac maroon mauve ochre olive rose ruby rust sand violet
""".split()
KINDS = """
    big compact curved double flat folding heavy large light little long narrow old plain round short slim
    small soft square striped tall thin tiny wide
""".split()
THINGS = """
    anchor axe barrel basin bell bench bicycle boat bolt boot bracelet bridle bucket buckle canoe candle cape
    chain chisel comb cork crate crown drum easel feather fiddle flag flute fork garland gate glove goblet
    guitar hammer hammock harp hat helmet hinge hook horn jacket jar kettle kite knife ladder lens locket
    magnet mallet mask medal mirror mitten necklace needle net oar paddle pan pearl pebble pen pipe plank
    pulley puzzle quilt rake ribbon ring rope saddle sail saw scarf shovel sieve skate sled spade spoon sword
    tent thimble tile torch trumpet tube violin wagon whistle wreath
""".split()
FIRST = """
    agnes albert alma anton astrid basil bella boris carla cedric clara conrad cora dario delia dmitri edith
    elias elsa emil enzo erika esther felix fiona flora gavin gerda gustav hanna harold hector helga hugo ida
    igor ines irma ivan jasper jonas judith karl kira lars leila leo lotte luca magda marco martha milo mina
    nadia nils nora olaf olga oscar otto paula petra pia quentin ralf rita romy rosa rufus ruth sara simon
    sonja stella sven tara theo tilda ulrich ursula vera viktor wanda willem yara yuri zelda
""".split()
LAST = """
    abbott acker bauer becker blum brandt castro clarke conti cruz dietz draper ebert falk ferrari fischer
    fuchs garcia gruber haas hansen hoffmann huber ibarra ivers jansen kaiser keller klein koch kovacs kraus
    lang larsen lopez lorenz maier marino mendez meyer moreau moser mueller nagy novak olsen ortiz peters pohl
    quist ramos reed reyes ricci rossi russo santos sauer schmidt schulz silva sommer stein szabo torres urban
    vargas vega vogel wagner walsh weber werner wolf yilmaz young zeller ziegler
""".split()
MONTHS = "january february march april may june july august september october november december".split()
OPTIONS = """
    standard economy priority overnight messenger pickup premium basic fast slow saver evening morning weekend
    tracked insured carbon neutral bank transfer cash cheque voucher gift card credit card direct
    debit gift box greeting card ribbon bag plastic free signature handling fragile care
""".split()


@lru_cache(maxsize=1024)
def phrases(text: str) -> tuple[str, ...]:
    """The phrases that `|` separates in `text`, in order, duplicates kept, without outer blanks."""
    return tuple(" ".join(phrase.split()) for phrase in text.split("|"))


@lru_cache(maxsize=1024)
def frames(text: str) -> tuple[tuple[str, str], ...]:
    """Phrases with a gap, written `_`: what stands before it and what stands behind it."""
    cut = (phrase.partition("_") for phrase in phrases(text))
    return tuple((before.strip(), after.strip()) for before, _, after in cut)


def pick(rng: Random, text: str) -> str:
    """One of the `phrases` of `text`."""
    return rng.choice(phrases(text))


MESSAGES = phrases("""
    your parcel is on its way | we have sent a new one | the refund was made today |
    please try again tomorrow | thank you for waiting | it will arrive next week | we are looking into it |
    the part is back in stock | your money is on the way | sorry for the delay | we called the carrier |
    a colleague will phone you
""")
"""What customers are told."""


def fresh(rng: Random) -> str:
    """A word of one to three syllables that most likely no dictionary holds."""
    syllables = rng.choice((1, 1, 2, 2, 2, 3))
    word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(syllables))
    word += rng.choice(CODAS) if rng.random() < 0.6 else ""
    return fresh(rng) if {word, f"{word}s"} & FUNCTION else word


def either(rng: Random, common: Sequence[str], share: float = 0.5) -> str:
    """A word of `common`, or with probability `share` a fresh one."""
    return fresh(rng) if rng.random() < share else rng.choice(common)


def product(rng: Random) -> list[str]:
    """A product's name: one to three words, the last one the thing."""
    thing = either(rng, THINGS, 0.55)
    roll = rng.random()
    if roll < 0.12:
        return [thing]
    first = either(rng, COLOURS if rng.random() < 0.6 else KINDS, 0.5)
    if roll < 0.8:
        return [first, thing]
    return [first, either(rng, KINDS + THINGS, 0.5), thing]


def person(rng: Random) -> list[str]:
    """First and last name; now and then a middle name or a single name."""
    names = [either(rng, FIRST, 0.5), either(rng, LAST, 0.5)]
    roll = rng.random()
    if roll < 0.06:
        return names[:1]
    return [names[0], either(rng, FIRST, 0.5), names[1]] if roll < 0.12 else names


def plural(word: str) -> str:
    """The regular plural."""
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def option(rng: Random) -> list[str]:
    """The name of a choice: one or two words."""
    count = 1 if rng.random() < 0.6 else 2
    return [either(rng, OPTIONS, 0.45) for _ in range(count)]


def inflected(word: str, rng: Random) -> str:
    """A word as another part of speech may spell it."""
    return word + rng.choice(("", "", "ed", "ing", "ped", "ping", "s", "ting"))


def day(rng: Random) -> tuple[str, int, int]:
    """A date as people write it, with its day and month."""
    number, month = rng.randint(1, 28), rng.randint(1, 12)
    name = MONTHS[month - 1]
    short = name[:3]
    suffix = "th" if 10 <= number <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    forms = f"""
        {number} {name} | {number} {name} | {name} {number} | {number}{suffix} of {name} |
        {number} {short} | the {number}{suffix} of {name} | {name} {number}{suffix} |
        {number}{suffix} {name} | {short} {number} | {number} {name} 2027 | 2027-{month:02d}-{number:02d} |
        {name} {number} 2027
    """
    return pick(rng, forms), number, month


def reference(rng: Random) -> str:
    """An order number as shops print it."""
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(3, 7)))
    letters = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(1, 3)))
    grouped = f"{letters}-{digits[:3]}-{digits[3:] or '7'}"
    return rng.choice((f"{letters}-{digits}", digits, f"{letters}{digits}", grouped))


def price(rng: Random) -> str:
    """An amount of money in one of several notations."""
    amount = f"{rng.randint(1, 180)}.{rng.choice(('00', '50', '90', '95', '99', '25'))}"
    return rng.choice((f"£{amount}", f"${amount}", f"€{amount}", f"{amount} €", f"{amount} eur"))


def sentence(rng: Random) -> list[str]:
    """A short message, three to nine words."""
    if rng.random() < 0.5:
        return rng.choice(MESSAGES).split()
    return [either(rng, THINGS + KINDS + OPTIONS, 0.6) for _ in range(rng.randint(2, 7))]
