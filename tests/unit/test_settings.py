"""Where settings come from, and what is refused: `analytex.settings`."""

from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from analytex.errors import SettingsError
from analytex.settings import SECRET, Settings, load, table


@pytest.fixture(autouse=True)
def no_file_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or variable of the person who runs the tests must not matter."""
    monkeypatch.chdir(tmp_path)


def toml(folder: Path, text: str, name: str = "some.toml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_the_server_needs_no_settings() -> None:
    """`analytex serve` works in an empty folder."""
    loaded = load(environment={})

    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert set(loaded.origins) == {row.name for row in table()}


def test_the_nearest_source_wins(tmp_path: Path) -> None:
    """What was typed last stands above what is set up for good."""
    file = toml(tmp_path, 'port = 1\nworkers = 2\nhost = "file"')
    environment = {"ANALYTEX_PORT": "3", "ANALYTEX_WORKERS": "4"}

    loaded = load({"port": 5, "host": None}, environment=environment, file=file)

    settings, origins = loaded
    assert (settings.port, origins["port"]) == (5, "command line")
    assert (settings.workers, origins["workers"]) == (4, "environment ANALYTEX_WORKERS")
    assert (settings.host, origins["host"]) == ("file", f"file {file}")
    assert (settings.read_wait, origins["read_wait"]) == (2.0, "default")


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("ANALYTEX_PORT", "9090", "port", 9090),
        ("ANALYTEX_READ_WAIT", "0.5", "read_wait", 0.5),
        ("ANALYTEX_READ_WAIT", "1", "read_wait", 1.0),
        ("ANALYTEX_COMPANY_FROM_METADATA", "false", "company_from_metadata", False),
        ("ANALYTEX_COMPANY_FROM_METADATA", "0", "company_from_metadata", False),
        ("ANALYTEX_COMPANY_FROM_METADATA", "True", "company_from_metadata", True),
        ("ANALYTEX_LIMITS", "userpilot", "limits", "userpilot"),
        ("ANALYTEX_API_KEY", "12345678", "api_key", "12345678"),
        ("ANALYTEX_APP_TOKEN", "null", "app_token", "null"),
        ("ANALYTEX_DATA", "/a folder/é", "data", "/a folder/é"),
    ],
)
def test_a_variable_is_text_that_is_read_as_the_setting_needs(
    variable: str, text: str, name: str, value: Any
) -> None:
    """A shell knows text only; text that looks like something else stays text."""
    found = getattr(load(environment={variable: text}).settings, name)

    assert (found, type(found)) == (value, type(value))


def test_an_empty_variable_counts_as_not_set() -> None:
    """Container files set variables that nobody filled in."""
    loaded = load(environment={"ANALYTEX_PORT": "", "ANALYTEX_API_KEY": ""})

    assert loaded.settings == Settings()
    assert loaded.origins["port"] == "default"


def test_other_variables_are_left_alone() -> None:
    """The environment belongs to everybody, unlike our file."""
    assert load(environment={"ANALYTEX_TESTS": "1", "PORT": "1"}).settings == Settings()


@pytest.mark.parametrize(
    ("command_line", "environment", "text", "named"),
    [
        ({"port": 70_000}, {}, "", ["`port`", "command line", "70000", "<= 65535"]),
        ({}, {"ANALYTEX_PORT": "http"}, "", ["`port`", "ANALYTEX_PORT", "'http'", "int"]),
        ({}, {"ANALYTEX_PORT": "80.5"}, "", ["`port`", "ANALYTEX_PORT", "'80.5'"]),
        ({}, {"ANALYTEX_LIMITS": "some"}, "", ["`limits`", "ANALYTEX_LIMITS", "'some'"]),
        ({}, {"ANALYTEX_WORKERS": "0"}, "", ["`workers`", ">= 1"]),
        ({}, {"ANALYTEX_LOG_KEEP": "nan"}, "", ["`log_keep`", "'nan'"]),
        ({}, {"ANALYTEX_LOG_KEEP": "inf"}, "", ["`log_keep`", "'inf'", "with an end"]),
        ({}, {"ANALYTEX_LOG_KEEP": "-inf"}, "", ["`log_keep`", "'-inf'"]),
        ({}, {}, "port = -1", ["`port`", "some.toml", "-1"]),
        ({}, {}, "port = true", ["`port`", "some.toml", "True"]),
        ({}, {}, "keep_alive = inf", ["`keep_alive`", "some.toml"]),
        ({}, {}, "prot = 1", ["no setting `prot`", "some.toml", "config show"]),
        ({}, {}, "[serve]\nport = 1", ["no setting `serve`", "some.toml"]),
        ({}, {}, "port = x", ["some.toml", "cannot be read", "line 1"]),
        ({"prot": 1}, {}, "", ["no setting `prot`", "command line"]),
        ({"workers": 2, "limits": "userpilot"}, {}, "", ["workers = 1", "one process"]),
    ],
)
def test_a_refusal_names_the_setting_and_its_source(
    tmp_path: Path,
    command_line: dict[str, Any],
    environment: dict[str, str],
    text: str,
    named: list[str],
) -> None:
    """There are four places to look in; the message says which one."""
    with pytest.raises(SettingsError) as error:
        load(command_line, environment=environment, file=toml(tmp_path, text))

    said = f"{error.value.message} {error.value.details}"
    assert [word for word in named if word not in said] == []


@pytest.mark.parametrize("line", ['api-key = "{}"', 'api_key = ["{}"]', 'apikey = "{}"'])
def test_no_message_repeats_a_secret(tmp_path: Path, line: str) -> None:
    """Messages end up in logs and in tickets; a misspelt name does not change that."""
    with pytest.raises(SettingsError) as error:
        load(environment={}, file=toml(tmp_path, line.format("very-secret")))

    assert "very-secret" not in error.value.message + error.value.details


@pytest.mark.parametrize("raw", [b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, raw: bytes | None) -> None:
    """To start without the file that was asked for would be a surprise."""
    file = tmp_path / "wanted.toml"
    if raw is not None:
        file.write_bytes(raw)

    with pytest.raises(SettingsError, match=r"wanted\.toml cannot be read"):
        load(environment={}, file=file)


def test_the_file_is_found_in_three_ways(tmp_path: Path) -> None:
    """The option, then the variable, then `analytex.toml` where the server is started."""
    option, variable = toml(tmp_path, "port = 1"), toml(tmp_path, "port = 2", "b.toml")
    environment = {"ANALYTEX_CONFIG": str(variable)}
    toml(tmp_path, "port = 3", "analytex.toml")

    assert load(environment=environment, file=option).settings.port == 1
    assert load(environment=environment).settings.port == 2
    assert load(environment={}).settings.port == 3


def test_the_data_directory_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of one server find the same directory, whatever they do."""
    monkeypatch.setenv("HOME", "/home/ada")

    assert load(environment={}).settings.directory == tmp_path / "analytex-data"
    assert load({"data": "~/x"}, environment={}).settings.directory == Path("/home/ada/x")


def test_the_table_has_every_setting_with_a_sentence() -> None:
    """The documents, `config show` and the options are made from it."""
    rows = table()

    assert [row.name for row in rows] == list(Settings.__struct_fields__)
    for row in rows:
        assert row.sentence.endswith(".")
        assert row.variable == "ANALYTEX_" + row.name.upper()
        assert row.default == getattr(Settings(), row.name)
        assert row.kind


def test_every_amount_has_a_unit() -> None:
    """A number alone could be seconds or milliseconds."""
    hints = get_type_hints(Settings)
    counted = {"port", "smtp_port", "workers"}  # what they count is their name

    without = {row.name for row in table() if hints[row.name] in (int, float) and not row.unit}

    assert without == counted


def test_every_default_is_a_valid_value() -> None:
    """A default is not checked when it is used, so it is checked here."""
    msgspec.convert(msgspec.to_builtins(Settings()), Settings)


def test_secrets_are_settings() -> None:
    """A renamed secret would lose its protection without this."""
    assert {row.name for row in table()} >= SECRET
