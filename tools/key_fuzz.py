"""`python -m tools.key_fuzz`: searches for names whose company keys break a promise.

Names are made of words, forms and signs that names are hard for, then distorted. A failure prints
the name and its seed: `--seed` tries it again.
"""

import argparse
import itertools
import random
import time
import unicodedata

from orchestrator.identity import MAX_KEY_LENGTH, InvalidCompanyName, company_key, parse_name

_VOCABULARY = """
The the PT OOO SC Delta Air Lines Año Peña Müller Øst Газпром Ελληνικά ПАО 銀行 トヨタ 株式会社
A B C E I S L Y O u and & y e et und Co Company Corp Inc Ltd S.A. SA S.L. s.r.o. SpA GmbH KG
de CV C.V. A/S AB AS S.Coop. Soc Coop Sp. z o.o. Limited (publ) Cía. Hnos. L' d 1 21 2000 + #
Electro Solu ciones FaroSoluciones Restaurante ME (The) Pará S.A.de Seguros Lote
C++ Co-operative W.E.S.T. I.B.M. C.E.I. Tbk Spa Unipersonal SIA "Forma" L.P. L.L.P. B.V. จำกัด
"""
VOCABULARY = tuple(_VOCABULARY.split())
GAPS = (" ", "  ", "-", ", ", " - ", "\u00a0", "/")

_MARKS = "&;#. ,'\"()-_/+&amp;\u200b\u0301\u00a0\ufe0f\u3164\uff0e\ud800\x00"


def key_or_none(name: str) -> str | None:
    """Return the key of *name*, None if it is blank."""
    try:
        return company_key(name)
    except InvalidCompanyName:
        return None


def check(name: str) -> None:
    """Fail unless *name* is refused as blank, or has a key that keeps every promise."""
    key = key_or_none(name)
    if key is None:
        return
    _promise(0 < len(key) <= MAX_KEY_LENGTH, name, key)
    _promise(not any(c.isspace() or unicodedata.category(c) == "Cc" for c in key), name, key)
    # It separates the key from a step, and a surrogate cannot be stored.
    _promise(":" not in key and not any(unicodedata.category(c) == "Cs" for c in key), name, key)
    _promise(company_key(key) == key, name, key)
    _promise(parse_name(name).key == key, name, key)


def _promise(is_kept: bool, name: str, key: str) -> None:  # noqa: FBT001  # as `assert` is called
    if not is_kept:
        raise AssertionError(ascii((name, key)))


def random_name(dice: random.Random) -> str:
    """Return a name, a distorted name, or noise; sometimes very long."""
    words = dice.choices(VOCABULARY, k=dice.randrange(1, 12))
    text = "".join(word + dice.choice(GAPS) for word in words)
    for _ in range(dice.choice((0, 0, 1, 3, 9))):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + _noise(dice) + text[at + dice.randrange(3) :]
    return text * dice.choice((1,) * 99 + (300,))


def _noise(dice: random.Random) -> str:
    code = dice.randrange(dice.choice((0x80, 0x500, 0x3100, 0x11_0000)))
    return dice.choice((dice.choice(_MARKS), chr(code), dice.choice(VOCABULARY)))


def main() -> None:
    """Try names until the time is over; the first broken promise ends it."""
    parser = argparse.ArgumentParser(prog="python -m tools.key_fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="try this one only")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    tried = 0
    for seed in itertools.count() if options.seed is None else [options.seed]:
        if time.monotonic() > end:
            break
        try:
            check(random_name(random.Random(seed)))  # noqa: S311  # nothing is kept secret by it
        except AssertionError as error:
            raise SystemExit(f"seed {seed}: {error}") from error
        tried += 1
    print(f"{tried:,} names keep the promises")


if __name__ == "__main__":
    main()
