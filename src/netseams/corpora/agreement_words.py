"""Words of the agreement grammar: for every kind of slot, pairs of a singular and a plural form."""

_NOUNS = (
    "author baker pilot doctor farmer teacher lawyer singer dancer painter driver sailor hunter "
    "banker waiter writer actor guard judge nurse clerk grocer chef scout tailor miner potter "
    "student manager senator minister officer customer surgeon architect gardener plumber mason "
    "cousin neighbor friend guest stranger rider rival partner poet king"
)
_THINGS = (
    "car house tree boat river garden tower bridge window table lamp wall gate road train shop "
    "barn fence statue fountain"
)
_VERBS = (
    "laugh smile swim walk sleep sing dance run jump work talk shout wait rest play cook read "
    "write travel arrive fall sneeze whisper yawn"
)
_TRANSITIVES = (
    "admire:admired like:liked love:loved hate:hated help:helped see:saw hear:heard know:knew "
    "trust:trusted blame:blamed praise:praised greet:greeted follow:followed defend:defended "
    "describe:described draw:drew doubt:doubted warn:warned thank:thanked amuse:amused "
    "embarrass:embarrassed find:found forgive:forgave question:questioned"
)
_ADJECTIVES = "old young tall short kind cruel happy sad rich poor quiet loud clever famous"
_SAYING = "say think believe claim hope fear"
_PLACES = "near behind beside with before above"


def _s(word: str) -> str:
    """A noun's plural, or a verb's third person."""
    return f"{word}es" if word.endswith(("s", "sh", "ch")) else f"{word}s"


def _alone(words: str) -> list[tuple[str, str]]:
    return [(word, word) for word in words.split()]


_PAIRS = [pair.split(":") for pair in _TRANSITIVES.split()]

WORDS: dict[str, list[tuple[str, str]]] = {
    "noun": [(noun, f"{_s(noun)}") for noun in _NOUNS.split()],
    "thing": [(thing, _s(thing)) for thing in _THINGS.split()],
    "verb": [(f"{_s(verb)}", verb) for verb in _VERBS.split()],
    "transitive": [(_s(verb), verb) for verb, _ in _PAIRS],
    "past": _alone(" ".join(past for _, past in _PAIRS)),
    "is": [("is", "are"), ("was", "were")],
    "says": [(_s(verb), verb) for verb in _SAYING.split()],
    "self": [("himself", "themselves"), ("herself", "themselves")],
    "adjective": _alone(_ADJECTIVES),
    "near": _alone(_PLACES),
    "the": _alone("the"),
    "who": _alone("who"),
    "that": _alone("that"),
    ".": _alone("."),
}
"""Slot -> (singular, plural); equal where the word has one form."""
