"""Words as search compares them: folded, without the commonest, each cut to its stem; and BM25's arithmetic.

    stems("She went to Melanie's parties")    # "go melani parti"

A record's stems are kept beside it, so they must come out the same for ever: `VERSION` names how they were
made, the stemmer's release included, and stems of two versions are never compared.

Covers any script: case, accents and points are folded away; scripts written without spaces (Chinese,
Japanese, Thai and others) give overlapping pairs of characters. Does not cover: stems of other languages than
English, whose words are kept whole where they hold a letter that English has not, and words of several
meanings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import snowballstemmer  # pyright: ignore[reportMissingTypeStubs]

VERSION = "english-1/snowball-3"
"""Kept with the records. The release's first number is part of it: it changed the algorithm before."""

K1, B = 1.2, 0.75
"""BM25's saturation of a word that is repeated, and how much long texts are held against.

Source: Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", section 3.
"""

STOP_WORDS = frozenset(
    (
        "a about after all also am an and any are as at be because been before being both but by can could "
        "did do does doing done for from had has have having he her here hers herself him himself his how i "
        "if in into is it its itself just me more most my myself no nor not of off on once only or other our "
        "ours out over own same she should so some such than that the their theirs them themselves then "
        "there these they this those through to too under until up us very was we were what when where "
        "which while who whom whose why will with would you your yours yourself "
        "arent cant couldnt didnt doesnt dont hadnt hasnt havent hed hell hes id ill im isnt ive lets "
        "shes shouldnt thats theres theyre theyve wasnt weve werent whats whos wont wouldnt youd youll "
        "youre youve"
    ).split()
)
"""Left out unless a text has no other words."""

ASKING = STOP_WORDS | frozenset("kind kinds type types sort many much often long name".split())
"""Words that say how something is asked and not what."""

IRREGULAR = {
    form: base
    for base, forms in (
        line.split(":")
        for line in (
            "be:being,become:became,begin:began begun,bite:bit bitten,blow:blew blown,break:broke broken,"
            "bring:brought,build:built,buy:bought,catch:caught,child:children,choose:chose chosen,"
            "come:came,deal:dealt,draw:drew drawn,dream:dreamt,drink:drank drunk,drive:drove driven,"
            "eat:ate eaten,fall:fell fallen,feed:fed,feel:felt,fight:fought,find:found,fly:flew flown,"
            "foot:feet,forget:forgot forgotten,get:got gotten,give:gave given,go:went gone,"
            "grow:grew grown,hang:hung,hear:heard,hide:hid hidden,hold:held,keep:kept,know:knew known,"
            "lead:led,leave:left,lend:lent,life:lives,lose:lost,make:made,man:men,mean:meant,meet:met,"
            "mouse:mice,pay:paid,person:people persons,ride:rode ridden,ring:rang rung,rise:rose risen,"
            "run:ran,say:said,see:saw seen,seek:sought,sell:sold,send:sent,shake:shook shaken,"
            "shoot:shot,sing:sang sung,sit:sat,sleep:slept,speak:spoke spoken,spend:spent,"
            "stand:stood,steal:stole stolen,stick:stuck,swim:swam swum,take:took taken,teach:taught,"
            "tell:told,think:thought,throw:threw thrown,tooth:teeth,understand:understood,"
            "wake:woke woken,wear:wore worn,wife:wives,win:won,woman:women,write:wrote written"
        ).split(",")
    )
    for form in forms.split()
}
"""Forms that no rule of spelling leads back."""

_INDIC = "\u0900-\u0963\u0966-\u0dff\u0f00-\u109f"
_UNSPACED = (
    "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003134f"
)
_WORD = re.compile(rf"(?:[^\W_]|[{_INDIC}{_UNSPACED}])+|[\u2600-\u27bf\U0001f000-\U0001faff]")
_PLAIN_WORD = re.compile(r"[a-z0-9]+")
_PARTS = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]")
_POINTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u200b-\u200f\ufe00-\ufe0f]")
_APOSTROPHE = re.compile("['’ʼ](s\\b)?")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_MOST_KEPT = 200_000

_kept: dict[str, str] = {}


def stems(text: str) -> str:
    """The stems of a text in order, with a space between two; a word is in it as often as in the text.

    Empty for a text without letter, digit or picture. A text of stop words only keeps them.
    """
    words = words_of(text)
    kept = _kept
    found: list[str] = []
    for word in words:
        stem = kept.get(word)
        if stem is None:
            stem = _remember(word)
        if stem:
            found.append(stem)
    return " ".join(found) if found else " ".join(words)


def words_of(text: str) -> list[str]:
    """The words of a text in order, folded, stop words among them, as they are spelled."""
    if text.isascii():
        return _PLAIN_WORD.findall(_APOSTROPHE.sub("", text.lower()) if "'" in text else text.lower())
    folded = fold(text)
    return [part for word in _WORD.findall(_APOSTROPHE.sub("", folded)) for part in _unspaced(word)]


def fold(text: str) -> str:
    """Without case, accents, vowel points and compatibility forms."""
    bare = _POINTS.sub("", unicodedata.normalize("NFKD", text)).casefold()
    return unicodedata.normalize("NFC", bare)


def stem_of(word: str) -> str:
    """The stem of one folded word; empty for a stop word."""
    stem = _kept.get(word)
    return _remember(word) if stem is None else stem


def _remember(word: str) -> str:
    """Stem a word that was not met yet. A race between threads stems it twice, to the same stem."""
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    stem = "" if word in STOP_WORDS else _stemmed(IRREGULAR.get(word, word))
    _kept[word] = stem
    return stem


def _stemmed(word: str) -> str:
    if word.isdecimal():
        return word
    ordinal = _ORDINAL.fullmatch(word)
    if ordinal:
        return ordinal[1]
    if not word.isascii():
        return word
    stemmer: Any = snowballstemmer.EnglishStemmer()  # holds the word it works on: one for each thread
    return stemmer.stemWord(word)


def _unspaced(word: str) -> Iterable[str]:
    """A word, or the pairs of characters of its runs that are written without spaces."""
    if not _RUN.search(word):
        return (word,)
    return [pair for part in _PARTS.findall(word) for pair in _pairs(part)]


def _pairs(part: str) -> list[str]:
    if len(part) == 1 or not _RUN.match(part):
        return [part]
    return [part[start : start + 2] for start in range(len(part) - 1)]
