"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from protocols.errors import StorageError
from protocols.files import UnfitFile, read_limited, read_untrusted, replace_file


def test_content_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    replace_file(path, b"first, and longer")
    replace_file(path, b"second")

    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_the_content_is_on_the_disk_before_it_takes_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("sync"), sync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("replace"), replace(a, b)))

    replace_file(tmp_path / "file.bin", b"content")

    assert order[:2] == ["sync", "replace"]


def test_a_failure_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.bin"
    replace_file(path, b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_nothing_is_written_through_what_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither through a link under the usual name, nor under one that was guessed after all."""
    victim, path = tmp_path / "signing.pem", tmp_path / "file.bin"
    victim.write_bytes(b"key")
    (tmp_path / "file.bin.partial").symlink_to(victim)
    path.symlink_to(victim)
    replace_file(path, b"content")
    assert (path.read_bytes(), path.is_symlink()) == (b"content", False)

    monkeypatch.setattr("protocols.files.secrets.token_hex", lambda _: "guessed")
    (tmp_path / "file.bin.guessed.partial").symlink_to(victim)
    with pytest.raises(StorageError, match="exists"):
        replace_file(path, b"further content")
    assert victim.read_bytes() == b"key"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        replace_file(tmp_path / "missing" / "file.bin", b"")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_limited(path, 5) == b"12345"
    with pytest.raises(StorageError, match="larger than 4 bytes"):
        read_limited(path, 4)
    with pytest.raises(StorageError, match="cannot read"):
        read_limited(tmp_path / "missing", 5)


def test_what_others_wrote_is_read_if_it_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_untrusted(path, 5) == b"12345"
    with pytest.raises(UnfitFile, match="larger than 4 bytes"):
        read_untrusted(path, 4)
    with pytest.raises(StorageError, match="cannot read") as missing:
        read_untrusted(tmp_path / "missing", 5)
    assert not isinstance(missing.value, UnfitFile)
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "folder").mkdir()
    names = ["link", "folder"]
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        names.append("pipe")
    for name in names:
        with pytest.raises(UnfitFile, match="no regular file"):
            read_untrusted(tmp_path / name, 5)


@pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
def test_a_file_that_becomes_something_else_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    regular = os.lstat(path)
    path.unlink()
    monkeypatch.setattr("protocols.files.os.lstat", lambda _: regular)
    os.mkfifo(path)
    with pytest.raises(UnfitFile, match="no regular file"):
        read_untrusted(path, 5)
    path.unlink()
    (tmp_path / "secret").write_bytes(b"key")
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(StorageError, match="cannot read"):
        read_untrusted(path, 5)
