"""The command, in a process of `accelerate launch`, with processes on CPUs treated as if each had a GPU.

accelerate divides a model among GPUs only. PyTorch does so on CPUs too, and nothing else here is different.
"""

from __future__ import annotations

from typing import Any

from accelerate import DistributedType, PartialState
from conflict_ner.cli.main import main
from conflict_ner.training import environment, run


def start_as_on_gpus(*arguments: Any, **options: Any) -> PartialState:
    """Join the processes as `start_processes` does."""
    processes = environment.start_processes(*arguments, **options)
    processes.distributed_type = DistributedType.MULTI_GPU
    return processes


if __name__ == "__main__":
    vars(run)["start_processes"] = start_as_on_gpus
    main()
