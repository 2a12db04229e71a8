"""Config files: every fault is reported at once, and paths mean the same from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conflict_ner.config import Config, dump_config, load_config
from conflict_ner.errors import ConfigError, Problem
from hypothesis import example, given, settings
from hypothesis import strategies as st

BASE = "labels: [ACTOR, WEAPON]\ndata: {train: [../a.md], validation: [b]}\noutput: ../m\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write configs to a folder of their own."""

    def write(extra: str = "", base: str = BASE) -> Path:
        folder = tmp_path / "configs"
        folder.mkdir(exist_ok=True)
        file = folder / "run.yaml"
        file.write_text(base + extra, encoding="utf-8")
        return file

    return write


def problems(file: Path, *overrides: str) -> dict[str, Problem]:
    """Return the problems of a config by place."""
    with pytest.raises(ConfigError) as caught:
        load_config(file, overrides)
    assert all(str(problem) in str(caught.value) for problem in caught.value.problems)
    return {problem.where: problem for problem in caught.value.problems}


def test_all_problems_of_file_and_overrides_come_at_once(write: Write) -> None:
    extra = "labells: 3\ntraining: {epoch: 3, learning_rate: fast}\nencoding: {window: 20, overlap: 15}\n"
    found = problems(write(extra), "training.sed=7", "nonsense")
    assert set(found) == {"labells", "training.epoch", "training.learning_rate", "encoding", "training.sed", "--set"}


@pytest.mark.parametrize(
    ("extra", "key", "nearest"),
    [
        ("labells: []", "labells", "labels"),
        ("training: {epoch: 3}", "training.epoch", "training.epochs"),
        ("training: {learning_rat: 3}", "training.learning_rat", "training.learning_rate"),
        ("epochs: 3", "epochs", "training.epochs"),
        ("trainings: {}", "trainings", "training"),
        ("training: {window: 64}", "training.window", "encoding.window"),
        ("fold: {numbr: 1}", "fold", "data.fold"),
    ],
)
def test_an_unknown_key_has_the_nearest_valid_key_as_fix(write: Write, extra: str, key: str, nearest: str) -> None:
    found = problems(write(extra))
    assert list(found) == [key]
    assert "unknown key" in found[key].what
    assert found[key].fix == f"did you mean {nearest}?"


def test_an_unknown_key_that_resembles_none_is_to_be_removed(write: Write) -> None:
    assert problems(write("zzz: 1"))["zzz"].fix == "remove it"


def test_missing_keys_are_named(write: Write) -> None:
    assert set(problems(write(base="data: {train: [x]}\n"))) == {"labels", "output"}


def test_a_bad_value_is_shown(write: Write) -> None:
    assert "'fast'" in problems(write("training: {learning_rate: fast}"))["training.learning_rate"].what


@pytest.mark.parametrize("number", ["1e-5", "1E-5", "1.0e-5", ".00001", "0.1e-4", "+1e-05"])
def test_a_number_is_a_number_however_it_is_written(write: Write, number: str) -> None:
    assert load_config(write(f"training: {{learning_rate: {number}}}")).training.learning_rate == 1e-5
    assert load_config(write(), [f"training.learning_rate={number}"]).training.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("written", "number"), [("010", 10), ("08", 8), ("1_000", 1000), ("0x10", 16), ("0o10", 8), ("+7", 7), ("1", 1)]
)
def test_digits_are_decimal_numbers(write: Write, written: str, number: int) -> None:
    assert load_config(write(f"training: {{epochs: {written}}}")).training.epochs == number
    assert load_config(write(), [f"training.epochs={written}"]).training.epochs == number


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("20:30", "plain digits"),
        ("0b101", "plain digits"),
        ("1,000", "plain digits"),
        ("4 epochs", "plain digits"),
        ("2024-05-03", "plain digits"),
        ("no", "plain digits"),
        ('"10"', "without quotes"),
        ("~", "remove the line"),
        ("", "remove the line"),
    ],
)
def test_what_is_no_number_is_shown_as_it_is_written_with_its_line(write: Write, written: str, fix: str) -> None:
    file = write(f"training:\n  batch_tokens: {written}\n")
    problem = problems(file)["training.batch_tokens"]
    assert f"{file}:5:" in problem.what
    assert (written.strip('"') or "nothing") in problem.what
    assert fix in problem.fix
    assert (
        "--set training.batch_tokens"
        in problems(write(), f"training.batch_tokens={written}")["training.batch_tokens"].what
        or not written
    )


@pytest.mark.parametrize(
    "label", ["NO", "ON", "off", "Yes", "~", "null", "true", "7", "010", "1.5", "20:30", "2024-05-03"]
)
def test_a_label_that_not_every_program_reads_as_text_is_to_be_quoted(write: Write, label: str) -> None:
    file = write(base=BASE.replace("WEAPON", label))
    problem = problems(file)["labels.1"]
    assert f"{file}:1:17" in problem.what
    assert f'put it in quotes: "{label}"' in problem.fix
    assert problems(write(), f"labels=[ACTOR, {label}]")["labels.1"].fix == problem.fix
    assert load_config(write(base=BASE.replace("WEAPON", f"'{label}'"))).labels == ("ACTOR", label)


def test_names_of_files_are_text_and_numbers_among_them_are_to_be_quoted(write: Write, tmp_path: Path) -> None:
    for name in ("NO", "2024-05-03", "20:30"):
        assert load_config(write(base=BASE.replace("../m", name))).output == tmp_path / "configs" / name
    assert problems(write(base=BASE.replace("../m", "2024")))["output"].fix == 'put it in quotes: "2024"'


@pytest.mark.parametrize("word", ["no", "off", "No", "OFF", "false"])
def test_a_switch_may_be_written_in_words(write: Write, word: str) -> None:
    assert load_config(write(f"encoding: {{capitals: {word}}}")).encoding.capitals is False
    assert load_config(write(), [f"encoding.capitals={word}"]).encoding.capitals is False


def test_a_switch_that_may_be_null_is_written_in_words_too(write: Write) -> None:
    file = write(base=BASE.replace("validation: [b]", "validation: [b], guidelines: off"))
    assert load_config(file).data.guidelines is False


def test_a_switch_is_no_number_and_no_quoted_word(write: Write) -> None:
    for wrong in ("0", "'no'", "perhaps"):
        assert "encoding.capitals" in problems(write(f"encoding: {{capitals: {wrong}}}"))


def test_tabs_and_backslashes_have_a_fix(write: Write) -> None:
    (tab,) = problems(write("training:\n\tepochs: 3\n")).values()
    assert (tab.where.rpartition("run.yaml")[2], tab.fix) == (":5:1", "indent with spaces, not with tabs")
    (path,) = problems(write(base=BASE.replace("../m", '"C:\\models"'))).values()
    assert "single quotes" in path.fix


def test_digits_stay_whole_numbers_and_quoted_ones_strings(write: Write) -> None:
    config = load_config(write(base=BASE.replace("[ACTOR, WEAPON]", '["7", "1e5"]')), ["training.seed=12"])
    assert config.training.seed == 12
    assert config.labels == ("7", "1e5")


@pytest.mark.parametrize(
    ("extra", "lines"),
    [("output: x\n", (3, 4)), ("training:\n  epochs: 1\n  seed: 2\n  epochs: 1\n", (5, 7))],
    ids=["at the top", "in a section"],
)
def test_a_key_that_stands_twice_is_an_error(write: Write, extra: str, lines: tuple[int, int]) -> None:
    file = write(extra)
    (problem,) = problems(file).values()
    assert problem.where.rpartition(":")[0] in [f"{file}:{line}" for line in lines]
    assert "twice" in problem.what


def test_broken_yaml_is_reported_with_line_and_column(write: Write) -> None:
    file = write("training: {epochs: 1\n")
    assert list(problems(file)) == [f"{file}:5:1"]


@pytest.mark.parametrize("extra", ["training: &a [*a]\n", "training: " + "[" * 2000])
def test_yaml_that_is_nested_without_end_is_a_config_error(write: Write, extra: str) -> None:
    file = write(extra)
    assert problems(file)[str(file)].what == "not YAML: nested too deeply"


@pytest.mark.parametrize("content", [b"", b"- a\n", b"just words\n", b"labels: \xff\n"])
def test_what_is_no_config_at_all_is_a_config_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(content)
    assert list(problems(file)) == [str(file)]


def test_a_missing_file_and_a_folder_are_config_errors(tmp_path: Path) -> None:
    assert list(problems(tmp_path / "none.yaml")) == [str(tmp_path / "none.yaml")]
    assert list(problems(tmp_path)) == [str(tmp_path)]


@pytest.mark.parametrize("value", ["!!timestamp 2024-13-45", "0x1F", "~no-such-user-here/m"])
def test_an_unreadable_value_is_a_config_error(write: Write, value: str) -> None:
    assert problems(write(base=BASE.replace("../m", value)))
    assert problems(write(), f"output={value}")


def test_paths_in_the_file_are_relative_to_its_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write()
    config = load_config(file)
    assert config.data.train == (tmp_path / "a.md",)
    assert config.data.validation == (tmp_path / "configs/b",)
    assert config.output == tmp_path / "m"
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("configs/run.yaml")) == config


def test_paths_in_overrides_are_relative_to_the_working_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "else"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = load_config(write(), ["output=out", "data.test=[t.md, ../u]"])
    assert config.output == elsewhere / "out"
    assert config.data.test == (elsewhere / "t.md", tmp_path / "u")
    assert config.data.train == (tmp_path / "a.md",)


def test_the_home_folder_may_be_written_as_a_tilde(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere/home")
    config = load_config(write(base=BASE.replace("../m", "~/m")), ["data.test=[~/t]"])
    assert config.output == Path("/somewhere/home/m")
    assert config.data.test == (Path("/somewhere/home/t"),)


def test_a_home_folder_that_is_not_known_is_shown_with_its_place(write: Write) -> None:
    file = write(base=BASE.replace("../m", "~no-such-user-here/m"))
    problem = problems(file)["output"]
    assert f"'~no-such-user-here/m', {file}:3:9" in problem.what
    assert problem.fix == "write the path out"
    assert "--set output" in problems(write(), "output=~no-such-user-here/m")["output"].what


def test_an_encoder_is_a_path_only_where_it_looks_like_one(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path / "configs/mine", tmp_path / "typed"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert load_config(write("encoder: some/name")).encoder == "some/name"
    assert load_config(write("encoder: mine")).encoder == str(tmp_path / "configs/mine")
    assert load_config(write("encoder: ../enc")).encoder == str(tmp_path / "enc")
    assert load_config(write(), ["encoder=typed"]).encoder == str(tmp_path / "typed")
    assert load_config(write(), ["encoder=mine"]).encoder == "mine"


def test_overrides_change_only_what_they_name_and_the_last_one_wins(write: Write) -> None:
    file = write("training: {epochs: 5, seed: 3}\n")
    config = load_config(file, ["training.epochs=6", "encoding.window=64", "encoding.overlap=0", "training.epochs=9"])
    assert (config.training.epochs, config.training.seed) == (9, 3)
    assert (config.encoding.window, config.encoding.overlap) == (64, 0)
    assert load_config(file, ["training.patience=null"]).training.patience is None
    assert load_config(file, ["labels=[X, Y]"]).labels == ("X", "Y")


@pytest.mark.parametrize(
    ("override", "key", "message"),
    [
        ("training.epoch=3", "training.epoch", "training.epochs"),
        ("training.epochs=0", "training.epochs", "greater"),
        ("training.epochs=many", "training.epochs", "'many'"),
        ("training.epochs", "--set", "'training.epochs'"),
        ("=3", "--set", "'=3'"),
        ("training.epochs=[1", "--set", "'[1'"),
        ("training={seed: 1, seed: 2}", "--set", "seed"),
        ("labels.first=A", "--set labels.first", "'labels'"),
        ("output.name=A", "--set output.name", "'output'"),
        ("output=/", "output", "a folder with a name"),
        ("labels=ACTOR", "labels", "is not a list (got 'ACTOR', --set labels); write [ACTOR]"),
        ("training=3", "training", "is not a section of settings"),
        ("encoder_layers=0", "encoder_layers", "must be how many layers to keep, such as 3, or a list"),
        ("encoder_layers=all", "encoder_layers", "must be how many layers to keep, such as 3, or a list"),
        ("encoder_layers=[]", "encoder_layers", "must be how many layers to keep, such as 3, or a list"),
    ],
)
def test_overrides_are_validated_like_the_file(write: Write, override: str, key: str, message: str) -> None:
    found = problems(write(), override)
    assert list(found) == [key]
    assert message in str(found[key])


def test_a_section_without_settings_has_a_fix(write: Write) -> None:
    assert problems(write("training:\n"))["training"].fix == "write its settings below it, or remove the line"


def test_one_path_is_a_list_of_one(write: Write, tmp_path: Path) -> None:
    data = load_config(write(), ["data.train=t.md", "data.validation=v.md", "data.test=w.md"]).data
    assert (data.train, data.validation, data.test) == tuple((Path.cwd() / f"{name}.md",) for name in "tvw")


def test_a_section_that_is_null_can_be_filled(write: Write) -> None:
    file = write(base=BASE.replace("validation: [b]", "validation: [b], columns: null"))
    columns = load_config(file, ["data.columns.word=2"]).data.columns
    assert columns is not None
    assert columns.word == 2


DUMPED = [
    "training: {learning_rate: 1e-5, patience: null, max_grad_norm: .inf, schedule: cosine}\n",
    "encoding: {window: 64, overlap: 16}\nencoder: org/name-v1.5\n",
    "encoder: ./enc\n",
]


@pytest.mark.parametrize("extra", DUMPED, ids=["numbers", "names", "encoder folder"])
def test_a_dumped_config_loads_back_equal_from_another_folder(
    write: Write, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(write(extra))
    folder = tmp_path / "deep/er"
    folder.mkdir(parents=True)
    (folder / "run.yaml").write_text(dump_config(config, folder), encoding="utf-8")
    monkeypatch.chdir(folder)
    assert load_config(Path("run.yaml")) == config


@pytest.mark.parametrize("label", ["NO", "null", "7", "1.5", "1e5", "ÄÖ", "#x", "a:b", "'", "2024-01-01"])
def test_a_dumped_config_keeps_labels_that_yaml_could_take_for_something_else(write: Write, label: str) -> None:
    config = load_config(write()).model_copy(update={"labels": ("ACTOR", label)})
    file = write(base=dump_config(config, write().parent))
    assert load_config(file) == config


def test_a_dumped_config_means_the_same_behind_a_linked_folder(write: Write, tmp_path: Path) -> None:
    config = load_config(write())
    (tmp_path / "big/disk/models").mkdir(parents=True)
    (tmp_path / "models").symlink_to(tmp_path / "big/disk/models")
    file = tmp_path / "models/run.yaml"
    file.write_text(dump_config(config, file.parent), encoding="utf-8")
    assert load_config(file) == config


def test_a_dumped_config_moves_with_its_surroundings(write: Write, tmp_path: Path) -> None:
    config = load_config(write())
    text = dump_config(config, tmp_path / "m")
    moved = tmp_path / "moved/m"
    moved.mkdir(parents=True)
    (moved / "run.yaml").write_text(text, encoding="utf-8")
    assert load_config(moved / "run.yaml").data.train == (tmp_path / "moved/a.md",)
    assert str(tmp_path) not in text


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return mappings that have any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0/")
NAMES = st.text(CHARACTERS, min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: Path("/", *parts))
AMBIGUOUS = ["NO", "null", "7", "1e5", "1.5", "2024-01-01", "20:30", "<<", "=", "~", "y"]
LABEL_PATTERN = r"\A[^\s()\[\]\-]([^\s()\[\]]{0,5}[^\s()\[\]\-])?\Z"
LABELS = st.sampled_from(AMBIGUOUS) | st.from_regex(LABEL_PATTERN, alphabet=CHARACTERS).filter(
    lambda text: text != "O" and all(text.split("."))
)
VALIDATION = st.fixed_dictionaries({"validation": st.lists(PATHS, min_size=1, max_size=2)}) | st.fixed_dictionaries(
    {"validation_share": st.floats(0, 1, exclude_min=True, exclude_max=True)}
)
FOLDS = st.integers(2, 9).flatmap(
    lambda count: st.fixed_dictionaries(
        {"number": st.integers(1, count), "count": st.just(count)}, optional={"group": st.none() | st.text(CHARACTERS)}
    )
)
DATA = st.tuples(
    st.fixed_dictionaries({"train": st.lists(PATHS, min_size=1, max_size=2)}),
    VALIDATION,
    optional(
        test=st.lists(PATHS, max_size=2),
        train_share=st.floats(0, 1, exclude_min=True),
        fold=st.none() | FOLDS,
        strict=st.booleans(),
        guidelines=st.none() | st.booleans(),
        columns=st.none() | optional(word=st.none() | st.integers(1, 9), tag=st.none() | st.integers(1, 9)),
    ),
).map(lambda parts: parts[0] | parts[1] | parts[2])
TRAINING = optional(
    epochs=st.integers(1, 10**9),
    learning_rate=st.floats(0, exclude_min=True, allow_infinity=False),
    weight_decay=st.floats(0, allow_infinity=False),
    max_grad_norm=st.floats(0, exclude_min=True),
    warmup=st.floats(0, 1, exclude_max=True),
    schedule=st.sampled_from(["linear", "cosine", "constant"]),
    freeze_embeddings=st.booleans(),
    gradient_checkpointing=st.booleans(),
    sharded=st.booleans(),
    patience=st.none() | st.integers(1, 99),
    seed=st.integers(0, 2**32 - 1),
    precision=st.sampled_from(["auto", "fp32", "bf16", "fp16"]),
)
CONFIGS = st.fixed_dictionaries(
    {"labels": st.lists(LABELS, min_size=1, max_size=4, unique=True), "data": DATA, "output": PATHS},
    optional={
        "encoder": st.sampled_from(["minilm", "org/name-v1.5", "7", "null"]) | PATHS.map(str),
        "encoding": optional(window=st.none() | st.integers(256, 10**6), overlap=st.integers(0, 128)),
        "training": TRAINING,
    },
).map(Config.model_validate)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(CONFIGS)
@example(
    Config.model_validate({"labels": ["A"], "data": {"train": ["/a\x85b"], "validation_share": 0.1}, "output": "/m"})
)
def test_any_config_that_is_dumped_loads_back_equal(config: Config) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "run.yaml"
        file.write_text(dump_config(config, Path(folder)), encoding="utf-8")
        assert load_config(file) == config


def test_a_dumped_path_may_begin_with_a_tilde(write: Write, tmp_path: Path) -> None:
    config = load_config(write(base=BASE.replace("../m", "./~m")))
    assert config.output == tmp_path / "configs" / "~m"
    assert load_config(write(base=dump_config(config, write().parent))) == config
