"""What is wrong is said with the value, where it came from, and what is accepted."""

import pytest

from registry.config import Settings, SettingsError
from registry.settings_table import TABLE
from tests.config.reading import read_from


def test_an_unknown_key_names_the_nearest_setting(tmp_path):
    file = tmp_path / "serve.toml"
    with pytest.raises(SettingsError) as refused:
        read_from(file=file, toml="read_olny = true")
    assert str(refused.value) == f"{file}: 'read_olny' is no setting; did you mean 'read_only'?"


def test_a_key_spelled_as_its_flag_names_the_setting(tmp_path):
    with pytest.raises(SettingsError, match="did you mean 'drain_seconds'"):
        read_from(file=tmp_path / "f", toml="drain-seconds = 3")


def test_a_table_in_the_file_is_an_unknown_key(tmp_path):
    with pytest.raises(SettingsError, match="'serve' is no setting"):
        read_from(file=tmp_path / "f", toml="[serve]\nstore = '/x'")


def test_a_key_like_no_setting_lists_them_all(tmp_path):
    with pytest.raises(SettingsError) as refused:
        read_from(file=tmp_path / "f", toml="zzzzzzzz = 1")
    assert all(setting.name in str(refused.value) for setting in TABLE)


def test_an_unknown_variable_names_the_nearest():
    with pytest.raises(SettingsError) as refused:
        read_from(environ={"WHERRY_STORES": "/x"})
    assert str(refused.value) == "WHERRY_STORES is no setting; did you mean 'WHERRY_STORE'?"


def test_an_unknown_flag_is_bad_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        read_from("--read-onyl")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("Error: unrecognized arguments: --read-onyl\n")


def test_a_flag_cannot_be_abbreviated(capsys):
    with pytest.raises(SystemExit):
        read_from("--read")
    assert "--read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "environ", "toml", "origin"),
    [
        (["--workers", "many"], {}, "", "--workers"),
        ([], {"WHERRY_WORKERS": "many"}, "", "WHERRY_WORKERS"),
        ([], {}, "workers = 'many'", "FILE"),
    ],
)
def test_a_bad_value_is_told_with_its_origin_and_what_is_accepted(tmp_path, flag, environ, toml, origin):
    file = tmp_path / "serve.toml"
    with pytest.raises(SettingsError) as refused:
        read_from(*flag, environ=environ, file=file, toml=toml)
    where = str(file) if origin == "FILE" else origin
    accepted = "give a whole number from 1 to 1024"
    assert str(refused.value) == f"workers: 'many' (from {where}) is not accepted; {accepted}"


def test_a_bad_value_is_refused_even_where_a_nearer_source_has_a_good_one(tmp_path):
    with pytest.raises(SettingsError, match="workers: 'many'"):
        read_from("--workers", "1", file=tmp_path / "f", toml="workers = 'many'")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", []),
        ("listen", [""]),
        ("listen", [5000]),
        ("listen", 5000),
        ("listen", ":5000"),
        ("listen", "5000"),
        ("listen", "http://127.0.0.1:5000"),
        ("listen", "127.0.0.1:65536"),
        ("listen", "::1:5000"),
        ("listen", "unix:relative"),
        ("listen", "unix:/" + "x" * 107),
        ("listen", "unix:/x?mode=999"),
        ("store", ""),
        ("store", "s3://bucket"),
        ("store", "memory:x"),
        ("store", "a\0b"),
        ("workers", 0),
        ("workers", 1025),
        ("workers", True),
        ("workers", 1.5),
        ("workers", "9" * 30),
        ("external_url", "registry.example.org"),
        ("external_url", "ftp://registry.example.org"),
        ("external_url", "https://registry.example.org/path"),
        ("external_url", "https://user@registry.example.org"),
        ("external_url", "https://registry.example.org:port"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "proxy.example.org"),
        ("token_secret", "short"),
        ("immutable", "a b"),
        ("immutable", "repository:"),
        ("immutable", ":tag"),
        ("immutable", "app:x:tag"),
        ("immutable", "v[0-9"),
        ("immutable", "[]"),
        ("immutable", "release[/*:v*"),
        ("immutable", "v/1"),
        ("immutable", "-x"),
        ("immutable", "[!a-zA-Z0-9_]x"),
        ("immutable", "Release:*"),
        ("immutable", ["v*", ""]),
        ("sparse", "mirror/[a-z"),
        ("sparse", "mirror:*"),
        ("sparse", "/mirror/*"),
        ("sparse", "mirror/"),
        ("sparse", "Mirror/*"),
        ("sparse", ["", "a"]),
        ("sparse", "a\nb"),
        ("read_only", "maybe"),
        ("read_only", 1),
        ("grace", "1y"),
        ("grace", "-1"),
        ("grace", -1),
        ("grace", "nan"),
        ("grace", float("nan")),
        ("grace", float("inf")),
        ("grace", "1e3"),
        ("grace", ""),
        ("grace", True),
        ("grace", "1 week"),
        ("grace", "\N{ARABIC-INDIC DIGIT ONE}s"),
        ("gc_every", "0"),
        ("header_timeout", "0"),
        ("free_floor", "-1"),
        ("free_floor", "1.5GiB"),
        ("free_floor", "1PB"),
        ("free_floor", 1.5),
        ("free_floor", 1 << 63),
        ("manifest_limit", "1023"),
        ("page_limit", "0"),
        ("access_log", "xml"),
        ("log_level", "INFO"),
    ],
)
def test_a_value_outside_of_its_kind_is_refused(name, value):
    with pytest.raises(SettingsError, match=f"^{name}: .* is not accepted; give "):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--immutable=v[0-9", '"v[0-9" is not: its [ is not closed'),
        ("--immutable=a:b:c", '"a:b:c" is not: it has more than one colon'),
        ("--immutable=Release:*", '"Release:*" is not: no repository begins with R'),
        ("--immutable=v+1", '"v+1" is not: no tag has +'),
        ("--immutable=a/b", '"a/b" is not: no tag has /'),
    ],
)
def test_a_pattern_that_nothing_can_match_is_told_with_the_reason(flag, reason):
    with pytest.raises(SettingsError) as refused:
        read_from(flag)
    assert str(refused.value).startswith("immutable: ['")
    assert str(refused.value).endswith(
        f"(from --immutable) is not accepted; give patterns TAG or REPOSITORY:TAG with *, ? and [...]; {reason}"
    )


def test_an_empty_pattern_among_others_is_told():
    with pytest.raises(SettingsError, match=r"give patterns of repositories with .*; one of them is empty$"):
        read_from("--sparse", "a", "--sparse", "")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "it has no port; for example 127.0.0.1:5000, or 0.0.0.0:5000 for every IPv4 address"),
        ("::1:5000", "for example 127.0.0.1:5000, or 0.0.0.0:5000 for every IPv4 address"),
        ("127.0.0.1:65536", "its port is above 65535"),
    ],
)
def test_what_listen_accepts_is_told_once(address, reason):
    with pytest.raises(SettingsError) as refused:
        read_from("--listen", address)
    assert str(refused.value) == (
        f"listen: {[address]!r} (from --listen) is not accepted; give one or more of "
        f'HOST:PORT, [IPV6]:PORT, unix:/PATH[?mode=OCTAL] or systemd; "{address}" is not: {reason}'
    )


def test_a_name_that_is_no_setting_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="nonsense is no setting"):
        Settings(nonsense=1)


def test_a_store_in_memory_belongs_to_one_worker():
    assert Settings(store="memory:").workers == 1
    with pytest.raises(SettingsError, match=r"^workers: 2 is not accepted with store memory:"):
        Settings(store="memory:", workers=2)


@pytest.mark.parametrize(("given", "lacking"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_a_certificate_and_its_key_are_given_together(given, lacking):
    with pytest.raises(SettingsError, match=f"^{lacking}: not set, but {given} is"):
        Settings(**{given: "/x"})


@pytest.mark.parametrize("toml", ["grace = ", "a = 1\na = 2", "\xff"])
def test_a_file_that_is_not_toml_is_told_with_its_name(tmp_path, toml):
    file = tmp_path / "serve.toml"
    file.write_bytes(toml.encode("latin-1"))
    with pytest.raises(SettingsError, match=f"^{file}: is not TOML: "):
        read_from(file=file)


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.toml: cannot be read: No such file or directory"):
        read_from(file=tmp_path / "absent.toml")
    with pytest.raises(SettingsError, match=r"absent\.toml: cannot be read"):
        read_from(environ={"WHERRY_CONFIG": str(tmp_path / "absent.toml")})


@pytest.mark.parametrize("flag", ["--token-secret=tooshort", "--token-secret=tooshort "])
def test_a_secret_is_shown_in_no_message(flag):
    with pytest.raises(SettingsError) as refused:
        read_from(flag)
    assert "tooshort" not in str(refused.value)
    assert "--token-secret" in str(refused.value)


def test_settings_show_no_secret():
    settings = Settings(token_secret="0123456789abcdef", grace=5)
    assert "0123456789" not in repr(settings)
    assert "grace=5.0" in repr(settings)


def test_settings_do_not_change():
    settings = Settings()
    with pytest.raises(AttributeError):
        settings.store = "/x"  # type: ignore[misc]  # that it cannot be is what is tested
    assert settings.replace(store="/x").store == "/x"
    assert settings.store == "./wherry-data"
