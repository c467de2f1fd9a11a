"""Learns weights of English words: logistic regression over words, scikit-learn does the work.

What is learned must hold for other companies: names of people, places and products (words that are
mostly written with a capital inside a sentence) and numbers are left out.
"""

import re
from collections import Counter

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from orchestrator.evidence.sectors import plain_words, singular
from tools.sectors.data import Row

_HEAD = """\
# Learned weights of English words for sectors. Written by `python -m tools.sectors learn`; do not
# edit: `sector_words.tsv` is for people. Learned from {rows} descriptions of listed companies of
# FinanceDatabase (Copyright Jeroen Bouma, MIT licence), whose texts are not part of this project.
# word <TAB> 100 * inverse document frequency <TAB> sector:10 * weight ... ; first line: the biases
"""
#: A word is learned from at least so many texts.
_LEAST_TEXTS = 3
#: Share of capitals from which on a word counts as a name.
_NAME = 0.6
#: Weights below it (tenths) are left out of the table.
_LEAST_TENTHS = 3
#: Inverse strength of the regularization.
_STRENGTH = 20.0


def learn(rows: list[Row]) -> str:
    """Return the table that *rows*, English ones, give; the same rows give the same table."""
    names = _names(rows)
    texts = [" ".join(_words(row, names)) for row in rows]
    vectorizer = TfidfVectorizer(
        token_pattern=r"\S+",  # noqa: S106 - no password
        min_df=_LEAST_TEXTS,
        sublinear_tf=True,
        norm=None,
    )
    vectors = normalize(vectorizer.fit_transform(texts))
    model = LogisticRegression(C=_STRENGTH, max_iter=2_000)
    model.fit(vectors, [row.sector for row in rows])
    lines = ["(bias)\t0\t" + _cells(model.classes_, model.intercept_, least=1)]
    for word, rarity, weights in zip(
        vectorizer.get_feature_names_out(), vectorizer.idf_, model.coef_.T, strict=True
    ):
        if cells := _cells(model.classes_, weights, least=_LEAST_TENTHS):
            lines.append(f"{word}\t{round(100 * rarity)}\t{cells}")
    return _HEAD.format(rows=len(rows)) + "\n".join(lines) + "\n"


def _words(row: Row, names: set[str]) -> list[str]:
    own = set(plain_words(row.company))
    words = (singular(word) for word in plain_words(row.text) if word not in own)
    return [word for word in words if _is_common(word) and word not in names]


def _is_common(word: str) -> bool:
    return len(word) > 2 and not word[0].isdigit() and word not in ENGLISH_STOP_WORDS  # noqa: PLR2004 - "as", "us"


def _names(rows: list[Row]) -> set[str]:
    capitals: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for row in rows:
        for sentence in re.split(r"(?<=[.!?;:])\s+", row.text):
            for written in re.findall(r"[^\W_]+", sentence)[1:]:
                for word in map(singular, plain_words(written)):
                    every[word] += 1
                    capitals[word] += written[0].isupper()
    return {word for word, count in every.items() if capitals[word] > _NAME * count}


def _cells(labels: list[str], weights: list[float], least: int) -> str:
    tenths = [(label, round(10 * weight)) for label, weight in zip(labels, weights, strict=True)]
    return " ".join(f"{label}:{value}" for label, value in tenths if abs(value) >= least)
