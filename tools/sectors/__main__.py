"""`python -m tools.sectors learn|measure --data FOLDER`: the learned table, and the figures.

FOLDER has `sector.dev.csv` and `maps_category.dev.csv`. Needs scikit-learn in an environment of
its own (see docs/evidence.md); the program itself does not.
"""

import argparse
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from tools.sectors.data import read_categories, read_texts

TABLE = Path(str(resources.files("orchestrator.evidence"))) / "data" / "sector_weights.en.tsv"


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line, or *arguments*, says."""
    parser = argparse.ArgumentParser(prog="python -m tools.sectors", description=__doc__)
    parser.add_argument("action", choices=("learn", "measure"))
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="labelled texts and categories")
    options = parser.parse_args(arguments)
    if options.data is None:
        parser.error("name the folder of the labelled data with --data; it is not in this project")
    if find_spec("sklearn") is None:
        parser.error("install scikit-learn in an environment of its own; see docs/evidence.md")
    from tools.sectors.learn import learn  # noqa: PLC0415 - needs scikit-learn
    from tools.sectors.measure import report  # noqa: PLC0415 - needs scikit-learn

    texts = read_texts(options.data)
    if options.action == "learn":
        TABLE.write_text(learn([row for row in texts if row.language == "en"]), "utf-8")
    else:
        print(report(texts, read_categories(options.data)))


if __name__ == "__main__":
    main()
