"""Sum the casualties of tagged reports by province: the lowest, stated and highest figures.

    conflict-ner tag models/casualties reports.csv --rows incidents -o incidents.csv
    python examples/casualties_by_province.py incidents.csv province

`province` is a column of reports.csv: `tag` passes it through. The sum of the highest figures is left empty where one
of them is open, as in "at least 19 killed": the reports give no upper bound then. docs/values.md defends each figure.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

import pandas as pd

KINDS = ("killed", "injured", "detained", "displaced")


def main() -> None:
    """Read the incidents, and print a row of sums for each value of the column."""
    parser = argparse.ArgumentParser(description="Sum the casualties of tagged reports.")
    parser.add_argument("incidents", help="what `conflict-ner tag --rows incidents` wrote (.csv, .xlsx or .parquet)")
    parser.add_argument("column", help="the column to sum by, such as province")
    options = parser.parse_args()
    ending = options.incidents.rpartition(".")[2]
    read = {"parquet": pd.read_parquet, "xlsx": pd.read_excel}.get(
        ending, partial(pd.read_csv, sep=None, engine="python")
    )
    try:
        incidents = read(options.incidents)
    except (OSError, ValueError, ImportError) as error:
        raise SystemExit(f"error: {options.incidents}: {error}") from None
    for name in (options.column, "killed_low"):
        if name not in incidents:
            raise SystemExit(f"error: {options.incidents} has no column {name!r}: {', '.join(map(str, incidents))}")
    # Reports without a province are a row of their own.
    groups = incidents.groupby(options.column, dropna=False)
    sums = {}
    for kind in KINDS:
        for bound in ("low", "value"):
            sums[f"{kind}_{bound}"] = groups[f"{kind}_{bound}"].sum()
        # A report without a figure of this kind adds nothing; one with a figure but no upper bound leaves the sum open.
        is_open = incidents[f"{kind}_high"].isna() & incidents[f"{kind}_low"].notna()
        opened = is_open.groupby(incidents[options.column], dropna=False).any()
        sums[f"{kind}_high"] = groups[f"{kind}_high"].sum().mask(opened)
    pd.DataFrame(sums).to_csv(sys.stdout, float_format="%.15g")


if __name__ == "__main__":
    main()
