"""Sum the casualties of tagged reports by province: the lowest, stated and highest figures.

    conflict-ner tag models/casualties reports.csv --rows incidents -o incidents.csv
    python examples/casualties_by_province.py incidents.csv province

`province` is a column of reports.csv: `tag` passes it through. The sum of the highest figures is left empty where one
of them is open, as in "at least 19 killed": the reports give no upper bound then. docs/values.md defends each figure.
"""

from __future__ import annotations

import argparse
import sys

import pandas as pd

KINDS = ("killed", "injured", "detained", "displaced")


def main() -> None:
    """Read the incidents, and print a row of sums for each value of the column."""
    parser = argparse.ArgumentParser(description="Sum the casualties of tagged reports.")
    parser.add_argument("incidents", help="what `conflict-ner tag --rows incidents` wrote (.csv or .parquet)")
    parser.add_argument("column", help="the column to sum by, such as province")
    options = parser.parse_args()
    is_parquet = options.incidents.endswith(".parquet")
    incidents = pd.read_parquet(options.incidents) if is_parquet else pd.read_csv(options.incidents)
    if options.column not in incidents:
        raise SystemExit(f"error: {options.incidents} has no column {options.column!r}: {', '.join(incidents)}")
    sums = {}
    for kind in KINDS:
        # A report without a figure of this kind adds nothing; one with a figure but no upper bound leaves the sum open.
        stated = incidents[incidents[f"{kind}_low"].notna()].groupby(options.column)
        sums[f"{kind}_low"] = stated[f"{kind}_low"].sum()
        sums[f"{kind}_value"] = stated[f"{kind}_value"].sum()
        sums[f"{kind}_high"] = stated[f"{kind}_high"].agg(lambda high: high.sum(skipna=False))
    pd.DataFrame(sums).to_csv(sys.stdout, float_format="%g")


if __name__ == "__main__":
    main()
