"""Earlier work is never destroyed without an option: checkpoints of another config, epochs of an interrupted run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conflict_ner.config import Config, dump_config, load_config
from conflict_ner.errors import CheckpointError, ConfigError, OverwriteError
from conflict_ner.training.saved_epochs import refuse_lost_work, training_folder
from helpers.command import conflict_ner
from helpers.runs import changed, copy_to_output


@pytest.fixture
def config(tmp_path: Path, checkpoint_folder: Path) -> Config:
    """The config of a checkpoint that stands in its output, `models/mine`."""
    return copy_to_output(checkpoint_folder, tmp_path / "models" / "mine")


def save_epochs(config: Config, epochs: int = 2) -> Path:
    """What a run leaves that was killed after some epochs."""
    folder = training_folder(config.output)
    folder.mkdir(parents=True)
    (folder / "run.yaml").write_text(dump_config(config, folder), encoding="utf-8")
    for epoch in range(1, epochs + 1):
        state = folder / f"checkpoint-{epoch}"
        state.mkdir()
        log = [entry for end in range(1, epoch + 1) for entry in ({"loss": 0.5}, {"eval_strict_f1": 0.5, "step": end})]
        (state / "trainer_state.json").write_text(json.dumps({"global_step": epoch, "log_history": log}))
    return folder


def refusal_message(config: Config, *, resume: bool = False, restart: bool = False, overwrite: bool = False) -> str:
    with pytest.raises(OverwriteError) as error:
        refuse_lost_work(config, resume=resume, restart=restart, overwrite=overwrite)
    return str(error.value)


def test_the_same_config_may_replace_its_checkpoint_and_another_only_if_asked(config: Config) -> None:
    refuse_lost_work(config, resume=False, restart=False, overwrite=False)
    other = changed(config, epochs=3, seed=8)
    assert "training.epochs: 40 there, 3 now; training.seed: 7 there, 8 now" in refusal_message(other)
    refuse_lost_work(other, resume=False, restart=False, overwrite=True)


def test_a_share_of_the_data_is_another_config(config: Config) -> None:
    data = config.data.model_copy(update={"train_share": 0.05})
    assert "data.train_share: 1.0 there, 0.05 now" in refusal_message(config.model_copy(update={"data": data}))


def test_data_files_that_have_grown_are_the_same_config(config: Config) -> None:
    manifest = config.output / "manifest.json"
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    facts["data"]["train"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(facts), encoding="utf-8")
    refuse_lost_work(config, resume=False, restart=False, overwrite=False)


@pytest.mark.parametrize("name", ["run.yaml", "manifest.json"])
def test_a_checkpoint_that_cannot_be_compared_is_not_replaced_unasked(config: Config, name: str) -> None:
    (config.output / name).write_text("{broken", encoding="utf-8")
    assert "--overwrite" in refusal_message(config)
    refuse_lost_work(config, resume=False, restart=False, overwrite=True)


def test_what_stands_where_the_old_checkpoint_would_be_kept_is_named_before_training(config: Config) -> None:
    kept = config.output.with_name("mine.previous")
    kept.mkdir()
    (kept / "thesis.txt").write_text("years of work")
    with pytest.raises(CheckpointError, match=r"mine\.previous exists and is not a checkpoint"):
        refuse_lost_work(config, resume=False, restart=False, overwrite=True)


def test_saved_epochs_are_kept_unless_given_up(config: Config) -> None:
    shutil.rmtree(config.output)
    save_epochs(config)
    message = refusal_message(config)
    assert "mine.training holds an interrupted run with 2 epochs saved" in message
    assert "--resume" in message
    assert "--restart" in message
    refusal_message(config, overwrite=True)  # that is about checkpoints
    refuse_lost_work(config, resume=True, restart=False, overwrite=False)
    refuse_lost_work(config, resume=False, restart=True, overwrite=False)


def test_saved_epochs_of_another_config_name_the_command_that_goes_on_with_them(config: Config) -> None:
    shutil.rmtree(config.output)
    folder = save_epochs(config, epochs=1)
    for resume in (False, True):
        message = refusal_message(changed(config, epochs=3), resume=resume)
        assert "1 epoch saved, of another config (training.epochs: 40 there, 3 now)" in message
        assert f"conflict-ner train {folder / 'run.yaml'} --resume" in message
    refuse_lost_work(load_config(folder / "run.yaml"), resume=True, restart=False, overwrite=False)


def test_a_run_that_saved_nothing_whole_is_no_loss(config: Config) -> None:
    folder = save_epochs(config, epochs=1)
    (folder / "checkpoint-1" / "trainer_state.json").write_text("{broken off")
    refuse_lost_work(config, resume=False, restart=False, overwrite=False)


def test_a_training_folder_that_is_something_else_is_left_alone(config: Config) -> None:
    folder = training_folder(config.output)
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(CheckpointError, match="something else is in it"):
        refuse_lost_work(config, resume=False, restart=True, overwrite=True)


def test_a_checkpoint_that_is_called_like_a_training_folder_is_left_alone(config: Config) -> None:
    folder = shutil.copytree(config.output, training_folder(config.output))
    with pytest.raises(CheckpointError, match="something else is in it"):
        refuse_lost_work(config, resume=False, restart=True, overwrite=True)
    assert (folder / "manifest.json").is_file()


def test_a_run_that_is_going_on_is_not_disturbed(config: Config) -> None:
    record = save_epochs(config, epochs=0) / "run.yaml"
    code = """
        import fcntl, sys
        stream = open(sys.argv[1], "ab")
        fcntl.flock(stream, fcntl.LOCK_EX)
        print("locked", flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(record)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ConfigError, match="another process is training it"):
            refuse_lost_work(config, resume=False, restart=True, overwrite=True)
        other.communicate("")
    refuse_lost_work(config, resume=False, restart=False, overwrite=False)


def test_the_command_says_whole_commands_and_loads_nothing(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    before = {file.name: file.read_bytes() for file in config.output.iterdir()}
    typed = ("train", "mine.yaml", "--set", "data.train_share=0.05")
    with monkeypatch.context() as patch:
        patch.setattr("conflict_ner.training.run.train", lambda *_, **__: pytest.fail("it was trained"))
        code, out, err = conflict_ner(capsys, *typed)
    assert (code, out) == (2, "")
    assert err == (
        "error: models/mine holds a checkpoint of another config (data.train_share: 1.0 there, 0.05 now); "
        "nothing was changed\n"
        "  to replace it (the old one is kept as models/mine.previous until the next replacement):\n"
        "    conflict-ner train mine.yaml --set data.train_share=0.05 --overwrite\n"
        "  to keep both:\n"
        "    conflict-ner train mine.yaml --set data.train_share=0.05 --set output=models/mine-2\n"
    )
    assert {file.name: file.read_bytes() for file in config.output.iterdir()} == before
    save_epochs(config)
    code, _, err = conflict_ner(capsys, "train", "mine.yaml")
    assert code == 2
    assert "  to go on with it:\n    conflict-ner train mine.yaml --resume\n" in err
    assert "  to delete it and start anew:\n    conflict-ner train mine.yaml --restart\n" in err
    assert len(list(training_folder(config.output).glob("checkpoint-*"))) == 2
    assert conflict_ner(capsys, "train", "mine.yaml", "--resume", "--restart")[0] == 2


def test_several_runs_lose_nothing_either(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    eighth = changed(config, seed=8).model_copy(update={"output": config.output.with_name("mine-seed8")})
    folder = save_epochs(eighth)
    code, _, err = conflict_ner(capsys, "train", "mine.yaml", "--seeds", "2")
    assert code == 2
    assert "models/mine-seed8.training holds an interrupted run" in err
    assert "conflict-ner train mine.yaml --seeds 2 --resume" in err
    shutil.rmtree(folder)
    shutil.copytree(config.output, eighth.output)
    code, _, err = conflict_ner(capsys, "train", "mine.yaml", "--seeds", "2")
    assert code == 2
    assert "models/mine-seed8 holds a checkpoint of another config (training.seed: 7 there, 8 now)" in err
    assert "--set output=models/mine-2" in err
