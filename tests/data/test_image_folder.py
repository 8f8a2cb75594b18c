"""Folders of pictures: what is read, how it is seen, and what is said of the rest."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from PIL import Image

from seedbed.data import image_folder
from seedbed.data.image_folder import ImageFolder, Look
from seedbed.data.network_inputs import Pictures
from seedbed.data.published_splits import OfficialSplit
from seedbed.errors import ConfigError, DataError

RED, BLUE = (250, 10, 20), (10, 20, 250)


def save(path: Path, picture: Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


def plain(path: Path, colour: tuple[int, ...] = RED, size: tuple[int, int] = (4, 4), mode: str = "RGB") -> Path:
    return save(path, Image.new(mode, size, colour))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        plain(tmp_path / "pics" / "cats" / f"{number}.png", (number, 0, 0))
        plain(tmp_path / "pics" / "ants" / "deeper" / f"{number}.png", (0, number, 0))
    return tmp_path / "pics"


def load(path: Path, **settings: Any) -> Any:
    return ImageFolder(path=str(path), **{"size": [4, 4], **settings}).load()


def test_a_subfolder_is_a_class(folder: Path) -> None:
    (folder / ".cache").mkdir()
    (folder / "cats" / ".hidden.png").write_bytes(b"x")
    (folder / "cats" / "Thumbs.db").write_bytes(b"x")
    table = load(folder)
    assert table.classes == ("ants", "cats")
    assert table.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert table.inputs == Pictures(3, 4, 4)
    assert table.features.dtype == np.uint8
    assert table.features[:, :, 0, 0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 2, 0], [0, 0, 0], [1, 0, 0], [2, 0, 0]]
    assert table.groups.tolist() == [0, 1, 2, 0, 3, 4]
    assert table.counts["duplicates"] == 1
    assert table.counts["label_conflicts"] == 1
    assert table.parts is None
    assert table.notes[1] == "1 other files skipped, as their names are not those of pictures (first: cats/Thumbs.db)."
    assert table.made_with == {"pictures": f"Pillow {PIL.__version__}"}


def test_the_second_time_no_picture_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(folder)
    grey = load(folder, colours="grey")
    monkeypatch.setattr(image_folder.Image, "open", None)
    again = load(folder)
    assert np.array_equal(first.features, again.features)
    assert first.digest == again.digest == grey.digest
    assert grey.features.shape == (6, 1, 4, 4)
    with pytest.raises(DataError, match="none of 6 files is a readable picture"):
        load(folder, size=[5, 4])


def test_other_contents_or_another_name_are_other_data(folder: Path) -> None:
    first = load(folder).digest
    plain(folder / "cats" / "0.png", (9, 9, 9))
    second = load(folder)
    assert second.digest != first
    assert [9, 9, 9] in second.features[:, :, 0, 0].tolist()
    (folder / "cats" / "0.png").rename(folder / "cats" / "00.png")
    assert load(folder).digest != second.digest


def test_a_cut_off_file_in_the_cache_is_made_again(folder: Path) -> None:
    table = load(folder)
    assert table.stored is not None
    content = table.stored.read_bytes()
    del table
    for path in Path(image_folder.sources.cache_dir() / "pictures").glob("*.npy"):
        path.write_bytes(content[:-5])
        assert load(folder).features.shape == (6, 3, 4, 4)
        assert path.read_bytes() == content


def test_another_process_gets_the_name_of_the_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    for label, pixels in zip("ab", noise, strict=True):
        save(tmp_path / "noise" / label / "0.png", Image.fromarray(pixels))
    table = load(tmp_path / "noise", size=[64, 64])
    sent = pickle.dumps(table)
    assert len(sent) < 5000 < table.features.nbytes
    received = pickle.loads(sent)
    assert np.array_equal(received.features, noise.transpose(0, 3, 1, 2))
    received.features[:] = 0  # its own pages: nothing is written back
    assert table.features.any()
    assert pickle.loads(sent).features.any()


# ---- parts -----------------------------------------------------------------------------------------------------------


def in_parts(root: Path, *names: str) -> Path:
    for part, name in enumerate(names):
        for label in ("a", "b"):
            for number in range(10):
                plain(root / name / label / f"{number}.png", (number, part, ord(label)))
    return root


def test_folders_of_parts_are_published_parts(tmp_path: Path) -> None:
    table = load(in_parts(tmp_path / "parts", "test", "train", "Valid"))
    assert table.classes == ("a", "b")
    assert np.bincount(table.parts).tolist() == [20, 20, 20]
    rows = OfficialSplit().rows(table, 0)
    greens = [set(table.features[side][:, 1, 0, 0].tolist()) for side in (rows.train, rows.val, rows.test)]
    assert greens == [{1}, {2}, {0}]
    assert "parts of its own: train 20, val 20, test 20. split=official keeps to them" in table.notes[1]


def test_without_test_pictures_there_is_no_official_split(tmp_path: Path) -> None:
    table = load(in_parts(tmp_path / "parts", "train", "val"))
    with pytest.raises(DataError, match=r"no published test part.*train/ and test/"):
        OfficialSplit().rows(table, 0)


def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    root = in_parts(tmp_path / "parts", "train", "test")
    plain(root / "test" / "c" / "0.png")
    with pytest.raises(DataError, match=r"parts/test has the class 'c', which the training part lacks.*a, b"):
        load(root)
    with pytest.raises(DataError, match="several folders for one part"):
        load(in_parts(tmp_path / "twice", "train", "val", "valid"))


def test_classes_may_have_the_names_of_parts(tmp_path: Path) -> None:
    for label in ("train", "plane"):
        plain(tmp_path / "vehicles" / label / "0.png")
    assert load(tmp_path / "vehicles").classes == ("plane", "train")


@pytest.mark.parametrize(
    ("other", "what"), [("test", "holds no folders of classes"), ("unlabelled", "is no published part")]
)
def test_a_folder_beside_a_training_part_that_is_no_such_part_is_named(tmp_path: Path, other: str, what: str) -> None:
    """Otherwise "train" and "test" would be taken for classes."""
    for name in ("train/cats/a.png", "train/ants/a.png", f"{other}/a.png"):
        plain(tmp_path / name)
    with pytest.raises(DataError, match=f"the training part train/.* and {other}/, which {what}"):
        load(tmp_path)


def test_whatever_a_decoder_raises_the_file_is_a_bad_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Look.of

    def of(self: Look, path: Path) -> np.ndarray:
        if path.parent.name == "cats" and path.name == "0.png":
            raise NotImplementedError("a format of its own")
        return original(self, path)

    monkeypatch.setattr(Look, "of", of)
    assert load(folder, bad_files="drop").counts["dropped_bad_files"] == 1


# ---- pictures --------------------------------------------------------------------------------------------------------


def look(path: Path, height: int = 4, width: int = 4, fit: str = "crop", colours: str = "rgb") -> np.ndarray:
    return Look(height, width, fit, colours).of(path)


def colour_of(path: Path, **settings: Any) -> list[int]:
    """Of a picture that has one only."""
    pixels = look(path, **settings)
    assert (pixels == pixels[:, :1, :1]).all()
    return [int(value) for value in pixels[:, 0, 0]]


def test_kinds_of_pixels(tmp_path: Path) -> None:
    assert colour_of(plain(tmp_path / "rgb.png")) == list(RED)
    assert colour_of(plain(tmp_path / "rgb.bmp"), colours="grey") == [83]  # 0.299 R + 0.587 G + 0.114 B
    assert colour_of(plain(tmp_path / "clear.png", (0, 0, 0, 0), mode="RGBA")) == [255] * 3
    assert colour_of(plain(tmp_path / "half.png", (0, 0, 0, 128), mode="RGBA")) == [127] * 3
    assert colour_of(plain(tmp_path / "grey_alpha.png", (60, 255), mode="LA")) == [60] * 3
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([*BLUE, *RED])
    assert colour_of(save(tmp_path / "palette.png", palette)) == list(RED)
    assert colour_of(save(tmp_path / "clear_palette.png", palette, transparency=1)) == [255] * 3
    deep = Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16))
    assert colour_of(save(tmp_path / "deep.png", deep)) == [40_000 // 257] * 3
    assert colour_of(plain(tmp_path / "bits.png", (1,), mode="1")) == [255] * 3
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    gif = save(tmp_path / "animated.gif", frames[0], save_all=True, append_images=frames[1:])
    assert colour_of(gif) == list(RED)
    cmyk = colour_of(plain(tmp_path / "ink.jpg", (0, 0, 0, 255), mode="CMYK"))
    assert max(cmyk) < 10
    dim = Image.fromarray(np.full((4, 4), 4_000, dtype=np.uint16))
    with pytest.raises(ValueError, match="16 bits up to 4000 only, whose white is not known"):
        look(save(tmp_path / "dim.png", dim))
    with pytest.raises(ValueError, match="white is not known"):
        look(save(tmp_path / "float.tiff", Image.new("F", (4, 4), 0.5)))


def halves(left: tuple[int, ...], right: tuple[int, ...], width: int = 8, height: int = 4) -> Image.Image:
    picture = Image.new("RGB", (width, height), left)
    picture.paste(right, (width // 2, 0, width, height))
    return picture


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the left side is the top
    path = save(tmp_path / "turned.png", halves(RED, BLUE), exif=exif)
    pixels = look(path, height=8, width=4)
    assert pixels[:, 0, 0].tolist() == list(RED)
    assert pixels[:, 7, 3].tolist() == list(BLUE)


def test_ways_to_fit_a_picture_into_a_size(tmp_path: Path) -> None:
    wide = Image.new("RGB", (16, 4), RED)
    wide.paste(BLUE, (0, 0, 4, 4))
    path = save(tmp_path / "wide.png", wide)
    assert colour_of(path, fit="crop") == list(RED)  # the blue end is cut off
    padded = look(path, fit="pad", height=8, width=16)
    assert padded[:, 0].max() == 0
    assert padded[:, 4, 8].tolist() == list(RED)
    assert padded[:, 4, 1].tolist() == list(BLUE)
    stretched = look(path, fit="stretch", height=4, width=8)
    assert stretched[:, 0, 0].tolist() == list(BLUE)
    assert stretched[:, 0, 7].tolist() == list(RED)


# ---- what cannot be read ---------------------------------------------------------------------------------------------


def test_files_that_are_no_pictures_are_named_or_dropped(folder: Path) -> None:
    (folder / "ants" / "a.png").write_bytes(b"")
    (folder / "cats" / "1.jpg").write_bytes(b"no picture")
    whole = plain(folder / "cats" / "2.jpg", size=(64, 64)).read_bytes()
    (folder / "cats" / "2.jpg").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):  # the second time from the cache
        with pytest.raises(DataError) as refused:
            load(folder)
        assert "3 of 9 files are not readable pictures: ants/a.png (0 bytes); cats/1.jpg (no format" in str(
            refused.value
        )
        assert "cats/2.jpg" in str(refused.value)
        assert "data.bad_files=drop" in str(refused.value)
        table = load(folder, bad_files="drop")
        assert table.labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert table.counts["dropped_bad_files"] == 3
        assert sorted(table.features[:, 0, 0, 0].tolist()) == [0, 0, 0, 0, 1, 2]
        assert "3 rows left out: no readable picture (first: ants/a.png, 0 bytes)." in table.notes


def test_folders_that_hold_no_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ants/deeper holds one class only|has no folders of classes, and 3 pictures"):
        load(folder / "ants" / "deeper")
    with pytest.raises(DataError, match="one class only, deeper"):
        load(folder / "ants")
    with pytest.raises(DataError, match="is not there"):
        load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file"):
        load(folder / "cats" / "0.png")
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("none")
    with pytest.raises(
        DataError, match=r"pics/empty is where a class should be, but holds no picture \(1 other files\)"
    ):
        load(folder)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"size": [32]}, r"data\.size=\[32\]"),
        ({"size": [0, 4]}, r"data\.size=\[0,4\]"),
        ({"size": [10**9, 4]}, r"data\.size=\[1000000000,4\] cannot be used: .*at most 10000 each"),
        ({"size": 32}, r"data\.size=32"),
        ({"fit": "squeeze"}, r"data\.fit=squeeze"),
        ({"colours": "cmyk"}, r"data\.colours=cmyk"),
        ({"bad_files": "keep"}, r"data\.bad_files=keep"),
        ({"path": None}, r"data\.path is not set"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        ImageFolder(**{"path": "pics", **settings})


def test_folders_of_classes_that_look_alike_are_noted(folder: Path) -> None:
    assert not any("look alike" in note for note in load(folder).notes)
    for number, name in enumerate(["Cats", "cats ", "caf\u00e9", "cafe\u0301"]):
        plain(folder / name / "0.png", (9, number, 9))
    (note,) = [note for note in load(folder).notes if "look alike" in note]
    assert "'cats' (3 rows), 'Cats' (1 row), 'cats ' (1 row); " in note
    assert "'caf\u00e9'" in note
    assert "'cafe\u0301'" in note
    assert note.endswith("move their pictures into one folder.")


def test_names_that_are_no_text_are_refused_for_classes_and_shown_for_files(folder: Path) -> None:
    (folder / "cats" / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"x")
    assert load(folder).notes[1].endswith(r"(first: cats/caf\xe9.txt).")
    plain(folder / os.fsdecode(b"caf\xe9") / "0.png")
    with pytest.raises(ConfigError, match=r"the folder 'caf\\xe9' of a class: \\xe9 is not a character of UTF-8"):
        load(folder)
