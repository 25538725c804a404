"""Private key files: there as a whole or not at all, never replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from protocols.errors import StorageError
from protocols.keyfiles import load_signing_key, save_signing_key, write_private
from tests import keys


def test_a_key_whose_writing_was_interrupted_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "signing.pem"

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("protocols.keyfiles.os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            save_signing_key(path, keys.signing_key(1))
    assert not path.exists()
    save_signing_key(path, keys.signing_key(2))
    assert load_signing_key(path).public == keys.signing_key(2).public
    assert os.listdir(tmp_path) == ["signing.pem"]


def test_a_private_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "share.sealed"
    write_private(path, b"first")
    with pytest.raises(StorageError, match="exists already"):
        write_private(path, b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["share.sealed"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="Windows renames, and replaces nothing by it")
def test_of_two_that_make_a_key_at_the_same_moment_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, link = tmp_path / "signing.pem", os.link

    def late(source: Path, target: Path) -> None:
        target.write_bytes(b"the other one's")
        link(source, target)

    monkeypatch.setattr("protocols.keyfiles.os.link", late)
    with pytest.raises(StorageError, match="exists already"):
        write_private(path, b"mine")
    assert path.read_bytes() == b"the other one's"
    assert os.listdir(tmp_path) == ["signing.pem"]
