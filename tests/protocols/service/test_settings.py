"""Settings: the order of the layers, and that nothing unknown or malformed passes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from protocols.errors import StorageError
from protocols.service import settings
from protocols.service.errors import SettingsError


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    calls: int = 5
    burst: int = 7


class Example(BaseModel):
    model_config = ConfigDict(extra="forbid")

    listen: str = "127.0.0.1:1"
    workers: int = Field(1, ge=0, le=64)
    key_file: Path | None = None
    hosts: list[str] = []
    fast: bool = False
    limits: Limits = Limits()


class Places:
    """A machine's configuration folder and a role's own folder."""

    def __init__(self, base: Path) -> None:
        self.etc, self.folder, self.base = base / "etc", base / "folder", base
        (self.etc / "example.d").mkdir(parents=True)
        self.folder.mkdir()

    def load(self, explicit: Path | None = None, **variables: str) -> Example:
        environ = {"CEFED_ETC": str(self.etc), **variables}
        return settings.load(Example, "example", explicit, self.folder, environ)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def test_without_any_file_the_defaults_hold(places: Places) -> None:
    assert places.load() == Example()


def test_each_layer_overrides_the_ones_before_it(places: Places) -> None:
    layers = [
        places.etc / "example.toml",
        places.etc / "example.d" / "10-a.toml",
        places.etc / "example.d" / "20-b.toml",
        places.folder / "example.toml",
        places.base / "chosen.toml",
    ]
    for number, path in enumerate(layers, start=10):
        path.write_text(f"workers = {number}\n")
        explicit = path if path.name == "chosen.toml" else None
        assert places.load(explicit).workers == number
    assert places.load(layers[-1], CEFED_EXAMPLE_WORKERS="33").workers == 33


def test_other_files_of_the_folder_are_left_alone(places: Places) -> None:
    (places.etc / "example.d" / "off.toml.disabled").write_text("workers = 9\n")
    (places.etc / "other.toml").write_text("nonsense = 9\n")
    assert places.load(CEFED_OTHER_WORKERS="9", CEFED_EXAMPLES="1") == Example()


def test_tables_are_merged_key_by_key_and_lists_replaced(places: Places) -> None:
    (places.etc / "example.toml").write_text('hosts = ["a", "b"]\n[limits]\ncalls = 1\nburst = 2\n')
    (places.folder / "example.toml").write_text('hosts = ["c"]\n[limits]\ncalls = 3\n')
    found = places.load(CEFED_EXAMPLE_LIMITS__BURST="9")
    assert (found.hosts, found.limits.calls, found.limits.burst) == (["c"], 3, 9)


def test_variables_have_the_type_of_their_key(places: Places) -> None:
    found = places.load(
        CEFED_EXAMPLE_FAST="true",
        CEFED_EXAMPLE_HOSTS='["x", "y"]',
        CEFED_EXAMPLE_KEY_FILE="/run/key",
        CEFED_EXAMPLE_LISTEN="123",
        CEFED_EXAMPLE_LIMITS='{"calls": 2}',
    )
    assert (found.fast, found.hosts, found.key_file) == (True, ["x", "y"], Path("/run/key"))
    assert (found.listen, found.limits.calls) == ("123", 2)


MISTAKES = {
    "unknown": ("worker = 3\n", "there is no setting worker"),
    "unknown in a table": ("[limits]\ncall = 3\n", r"there is no setting limits\.call"),
    "text for a number": ('workers = "many-9731"\n', "workers: .*integer"),
    "a digit string for a number": ('workers = "9731"\n', "workers: .*integer"),
    "truth for a number": ("workers = true\n", "workers: .*integer"),
    "out of range": ("workers = 9731\n", "workers: .*64"),
    "a table for a number": ("[workers]\nx = 9731\n", "workers: .*integer"),
    "a number for a table": ("limits = 9731\n", "limits: "),
    "a date": ("listen = 1979-05-27\n", "a date"),
    "no TOML": ("workers = \n", "not TOML: error at line 1"),
    "no text": ("listen = '\udcff'\n", "UTF-8"),
    "a password": ('listen = "postgresql://u:pw9731@h/d"\n', "listen holds a password"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named_with_their_file_and_without_their_value(
    places: Places, mistake: str
) -> None:
    content, text = MISTAKES[mistake]
    path = places.etc / "example.d" / "10-site.toml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match=text) as caught:
        places.load()
    assert "9731" not in str(caught.value)
    if mistake != "a date":
        assert str(path) in str(caught.value)


def test_every_mistake_is_reported_with_the_file_that_it_stands_in(places: Places) -> None:
    (places.etc / "example.toml").write_text("workerz = 3\n")
    (places.folder / "example.toml").write_text('workers = "x"\n')
    with pytest.raises(SettingsError) as caught:
        places.load()
    assert f"{places.etc / 'example.toml'}: there is no setting workerz" in str(caught.value)
    assert f"{places.folder / 'example.toml'}: workers" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CEFED_EXAMPLE_WORKER", "3"),
        ("CEFED_EXAMPLE_LIMITS__CALL", "3"),
        ("CEFED_EXAMPLE_WORKERS__X", "3"),
        ("CEFED_EXAMPLE_WORKERS", "many"),
        ("CEFED_EXAMPLE_HOSTS", "[not json"),
        ("CEFED_EXAMPLE_LISTEN", "http://u:pw9731@h"),
    ],
)
def test_mistakes_in_variables_are_named(places: Places, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        places.load(**{name: value})
    assert "9731" not in str(caught.value)


def test_a_chosen_file_must_exist(places: Places) -> None:
    with pytest.raises(StorageError, match="absent"):
        places.load(places.base / "absent.toml")


def test_a_missing_value_is_named(places: Places) -> None:
    class Demanding(BaseModel):
        model_config = ConfigDict(extra="forbid")

        address: str

    with pytest.raises(SettingsError, match="the setting address is missing"):
        settings.load(Demanding, "demanding", None, places.folder, {"CEFED_ETC": "/nowhere"})
