"""Pushes checkpoints to a repository on the Hugging Face hub, by huggingface_hub.

Who is logged in (`hf auth login`, or the variable HF_TOKEN) and which hub it is (HF_ENDPOINT) are huggingface_hub's own
settings. A repository is private unless asked for otherwise, because a model says something of the reports that
it was trained on.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.errors import CheckpointError, ConfigError, Problem
from conflict_ner.export.checkpoint_writer import refuse_changed_weights
from conflict_ner.files import short_path

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


@dataclass(frozen=True, slots=True)
class Push:
    """What was pushed: the repository's name, the address of the commit, and the names of the files."""

    repository: str
    commit: str
    files: tuple[str, ...]


def push(checkpoint: Path | str, repository: str, *, public: bool = False, message: str = "") -> Push:
    """Upload the files of a checkpoint to a repository as one commit; the repository is made if it does not exist.

    Args:
        checkpoint: its folder.
        repository: `OWNER/NAME`, or `NAME` for one of one's own.
        public: make a new repository public, and accept one that is public already.
        message: of the commit; by default it names the checkpoint and its weights.

    Raises:
        CheckpointError: if the checkpoint is incomplete or has changed since its export, or the hub cannot be
            reached or refuses.
        ConfigError: if the repository's name cannot be one, or is that of a public repository and `public` is False.
    """
    original = Checkpoint.load(checkpoint)
    if original.is_plain:
        raise CheckpointError(
            f"{original.folder} was not exported by conflict-ner; `conflict-ner export` makes it a checkpoint, which "
            "can be pushed"
        )
    refuse_changed_weights(original)
    names = sorted(path.name for path in original.folder.iterdir() if path.is_file() and not path.name.startswith("."))
    digest = original.manifest.weights_sha256
    with _hub_errors(repository):
        from huggingface_hub import HfApi

        api = HfApi()
        full_name = _prepare_repository(api, repository, public=public)
        commit = api.upload_folder(
            folder_path=original.folder,
            repo_id=full_name,
            allow_patterns=list(map(glob.escape, names)),
            commit_message=message or f"{original.name}, weights {digest[:12]}",
        )
    return Push(full_name, str(commit.commit_url), tuple(names))


def _prepare_repository(api: HfApi, repository: str, *, public: bool) -> str:
    """Make the repository if it does not exist; return its full name.

    Raises:
        ConfigError: if it is public and should not be.
    """
    full_name = str(api.create_repo(repository, private=not public, exist_ok=True).repo_id)
    if not public and not api.repo_info(full_name).private:  # it existed before
        fault = "is public: everybody could download the checkpoint"
        raise ConfigError("the repository", [Problem(full_name, fault, "add --public if that is what you want")])
    return full_name


@contextmanager
def _hub_errors(repository: str) -> Iterator[None]:
    """Turn the errors of huggingface_hub within the block into our own."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    login = "log in with `hf auth login`, or set HF_TOKEN to a token that may write"
    try:
        yield
    except HFValidationError as error:
        reason = str(error).split(":")[0].splitlines()[0]
        raise ConfigError("the repository", [Problem(repository, reason, "write OWNER/NAME")]) from None
    except LocalTokenNotFoundError:
        raise CheckpointError(f"{constants.ENDPOINT} does not know who you are; {login}") from None
    except OfflineModeIsEnabled:
        raise CheckpointError("HF_HUB_OFFLINE is set, so nothing can be pushed; unset it") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        fix = {
            _UNAUTHORIZED: f"; {login}",
            _FORBIDDEN: "; the token may not write there: make one with write access, or name a repository of yours",
            _NOT_FOUND: f"; check the name, and {login}",
        }.get(status, "; try again")
        reason = (error.server_message or f"status {status}").rstrip(".")
        raise CheckpointError(f"{constants.ENDPOINT} refuses {repository}: {reason}{fix}") from None
    except OSError as error:
        raise CheckpointError(
            f"{short_path(Path(error.filename or ''))} cannot be read: {error.strerror or error}"
        ) from None
    except Exception as error:
        if _is_connection_error(error):
            raise CheckpointError(
                f"{constants.ENDPOINT} cannot be reached ({error}); check the network, and HF_ENDPOINT if it is set"
            ) from None
        raise


def _is_connection_error(error: Exception) -> bool:
    """Return whether an error is one of the HTTP library of huggingface_hub, which differs between its versions."""
    return any(kind.__name__ in ("TransportError", "RequestException") for kind in type(error).__mro__)
