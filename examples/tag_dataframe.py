"""Tag a column of a pandas DataFrame into a table of entities, one row per entity.

    python examples/tag_dataframe.py models/default reports.csv body entities.csv

reads reports.csv, tags its column `body`, and writes entities.csv. The column `row` holds the index of the report's
row, so that the two tables can be joined: `reports.join(entities.set_index("row"), rsuffix="_entity")`.

conflict-ner does not use pandas, but it is installed: the library `datasets`, which conflict-ner needs, requires it.
For a file that does not fit into memory, use `conflict-ner tag`.
"""

from __future__ import annotations

import sys
from dataclasses import asdict

import pandas as pd
from conflict_ner import ConflictNerError, Tagger


def tag_column(tagger: Tagger, texts: pd.Series) -> pd.DataFrame:
    """Return the entities of a column of texts; missing values have none."""
    texts = texts.dropna()
    # One call for all texts: they are computed in batches, many times faster than with one call for each text.
    rows = [
        {"row": row, **asdict(entity)}
        for row, entities in zip(texts.index, tagger.stream(texts), strict=True)
        for entity in entities
    ]
    return pd.DataFrame(rows, columns=["row", "label", "text", "start", "end", "score"])


def main(checkpoint: str, table: str, column: str, output: str) -> None:
    """Tag a column of a CSV file and write the entities as CSV."""
    reports = pd.read_csv(table, dtype={column: "string"})
    if column not in reports:
        sys.exit(f"error: {table} has no column {column!r}; the columns are {', '.join(reports)}")
    entities = tag_column(Tagger.load(checkpoint), reports[column])
    entities.to_csv(output, index=False)
    print(f"{len(entities):,} entities in {len(reports):,} reports")
    if len(entities):
        print(entities["label"].value_counts().to_string())


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (ConflictNerError, OSError) as error:
        sys.exit(f"error: {error}")
