"""The config of a run: its schema, and reading and writing it as YAML.

May import: yaml_io, errors.
Start reading: schema.py, then search.py and loading.py.
"""

from conflict_ner.config.loading import build_config, dump_config, load_config
from conflict_ner.config.schema import ColumnsConfig, Config, DataConfig, FoldConfig, TrainingConfig

__all__ = [
    "ColumnsConfig",
    "Config",
    "DataConfig",
    "FoldConfig",
    "TrainingConfig",
    "build_config",
    "dump_config",
    "load_config",
]
