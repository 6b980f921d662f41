import pytest

from dsflow.config import Profile, find_config, load_profile, load_version
from dsflow.errors import ConfigError

FILE = """
default: dev
profiles:
  dev:
    api_url: http://dev:12345/dolphinscheduler/
    user: admin
    password_file: dev.password
    tenant: root
    params: {data: /data/clicks.csv, rows: 3}
  prod:
    api_url: https://prod/dolphinscheduler
    token_file: prod.token
    gateway: prod:1
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a dsflow.yaml and its secret files, which is the working directory."""
    (tmp_path / "dsflow.yaml").write_text(FILE)
    (tmp_path / "dev.password").write_text("hush\n")
    (tmp_path / "prod.token").write_text("t0ken\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_profile_called_default_is_the_default(tmp_path):
    (tmp_path / "dsflow.yaml").write_text("profiles: {default: {tenant: t, version: '3.1'}, other: {tenant: u}}\n")
    assert load_profile(start=tmp_path, environ={}).tenant == "t"
    assert load_version(start=tmp_path, environ={}) == (3, 1)


def test_the_default_profile(folder):
    profile = load_profile(environ={})
    assert (profile.name, profile.user, profile.password, profile.tenant) == ("dev", "admin", "hush", "root")
    assert profile.params == {"data": "/data/clicks.csv", "rows": "3"}
    assert profile.require_api() == "http://dev:12345/dolphinscheduler"
    profile.require_credentials()


@pytest.mark.parametrize(
    ("name", "environ", "expected"),
    [
        ("prod", {}, "prod"),
        (None, {"DSFLOW_PROFILE": "prod"}, "prod"),
        ("dev", {"DSFLOW_PROFILE": "prod"}, "dev"),
        (None, {"DSFLOW_PROFILE": ""}, "dev"),
    ],
)
def test_which_profile(folder, name, environ, expected):
    assert load_profile(name, environ=environ).name == expected


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("DSFLOW_API_URL", "api_url"),
        ("DSFLOW_TOKEN", "token"),
        ("DSFLOW_USER", "user"),
        ("DSFLOW_PASSWORD", "password"),
        ("DSFLOW_GATEWAY", "gateway"),
        ("DSFLOW_GATEWAY_TOKEN", "gateway_token"),
        ("DSFLOW_TENANT", "tenant"),
        ("DSFLOW_WEB_URL", "web_url"),
        ("DSFLOW_VERSION", "version"),
    ],
)
def test_a_variable_overrules_the_file(folder, variable, field):
    assert getattr(load_profile(environ={variable: "over"}), field) == "over"
    assert getattr(load_profile(environ={variable: ""}), field) == getattr(load_profile(environ={}), field)


def test_a_variable_s_user_overrules_a_file_s_token(folder):
    profile = load_profile("prod", environ={"DSFLOW_USER": "me", "DSFLOW_PASSWORD": "x"})
    assert (profile.token, profile.user) == (None, "me")


def test_without_a_file_the_variables_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_profile(environ={"DSFLOW_API_URL": "http://x"}).require_api() == "http://x"


def test_secrets_do_not_show(folder):
    profile = load_profile("prod", environ={"DSFLOW_PASSWORD": "hush", "DSFLOW_GATEWAY_TOKEN": "g8"})
    assert not {"t0ken", "hush", "g8"} & set(repr(profile).replace("'", " ").split())


def test_the_file_beside_the_pipeline_comes_first(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "dsflow.yaml").write_text("default: x\nprofiles: {x: {tenant: t}}\n")
    (other / "deep").mkdir()
    assert find_config(other / "deep" / "pipeline.py") == other / "dsflow.yaml"
    assert load_profile(start=other / "deep" / "pipeline.py", environ={}).tenant == "t"


def test_the_working_directory_s_file_is_the_second_choice(folder, tmp_path_factory):
    assert find_config(tmp_path_factory.mktemp("elsewhere") / "pipeline.py") == folder / "dsflow.yaml"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profiles: {dev: {password: x}}\ndefault: dev", "holds a secret (password)"),
        ("profiles: {dev: {token: x}}\ndefault: dev", "holds a secret (token)"),
        ("profiles: {dev: {gateway_token: x}}\ndefault: dev", "holds a secret (gateway_token)"),
        ("profiles: {dev: {api-url: x}}\ndefault: dev", "unknown key 'api-url'"),
        ("profiles: {dev: {name: x}}\ndefault: dev", "unknown key 'name'"),
        ("profile: {}", "unknown key 'profile'"),
        ("profiles: {dev: {}}\ndefault: prod", "the default profile 'prod' is not among the profiles"),
        ("profiles: []", "expected a mapping"),
        ("- a", "expected a mapping"),
        ("a: [", "not valid YAML"),
        ("profiles: {dev: {password_file: gone}}\ndefault: dev", "cannot read the secret file"),
        ("profiles: {dev: text}\ndefault: dev", "profile 'dev'"),
        ("profiles: {dev: {params: [a]}}\ndefault: dev", "params"),
        ("profiles: {dev: {tenant: [a]}}\ndefault: dev", "tenant"),
        ("profiles: {dev: {password_file: .}}\ndefault: dev", "cannot read the secret file"),
    ],
)
def test_a_bad_file(folder, text, says):
    (folder / "dsflow.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_profile(environ={})
    assert says in str(caught.value)
    assert "dsflow.yaml" in str(caught.value)


def test_a_file_that_is_no_text(folder):
    (folder / "dsflow.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"dsflow\.yaml"):
        load_profile(environ={})


def test_a_secret_that_holds_nothing(folder):
    (folder / "dev.password").write_text("\n")
    with pytest.raises(ConfigError, match="lacks the password of user 'admin'"):
        load_profile(environ={}).require_credentials()


def test_no_such_profile(folder):
    with pytest.raises(ConfigError, match="no profile 'test'") as caught:
        load_profile("test", environ={})
    assert "dev, prod" in str(caught.value)


def test_a_profile_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no profile 'test'"):
        load_profile("test", environ={})


def test_a_yaml_bool_in_params_is_written_as_dolphinscheduler_does(folder):
    (folder / "dsflow.yaml").write_text("default: d\nprofiles: {d: {params: {flag: true}}}")
    assert load_profile(environ={}).params == {"flag": "true"}


@pytest.mark.parametrize(
    ("profile", "call", "says"),
    [
        (Profile(), "require_api", "has no DolphinScheduler address"),
        (Profile(api_url="localhost:12345"), "require_api", "is not an http:// or https:// address"),
        (Profile(gateway="nohost"), "require_gateway", "is not of the form host:port"),
        (Profile(gateway="h:0"), "require_gateway", "is not of the form host:port"),
        (Profile(gateway="h:99999"), "require_gateway", "is not of the form host:port"),
        (Profile(gateway=":1"), "require_gateway", "is not of the form host:port"),
        (Profile(), "require_credentials", "lacks credentials"),
        (Profile(user="me"), "require_credentials", "lacks the password of user 'me'"),
    ],
)
def test_what_a_profile_lacks(profile, call, says):
    with pytest.raises(ConfigError, match=says):
        getattr(profile, call)()


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (Profile(api_url="http://ds:12345/dolphinscheduler"), ("ds", 25333)),
        (Profile(gateway="gw:1"), ("gw", 1)),
        (Profile(gateway="::1:25333"), ("::1", 25333)),
    ],
)
def test_the_gateway(profile, expected):
    assert profile.require_gateway() == expected


def test_the_version_of_a_profile_is_read_without_its_secrets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dsflow.yaml").write_text(
        "default: a\nprofiles:\n  a: {version: 3.1, token_file: missing}\n"
        "  b: {version: 3.2.2}\n  c: {version: 2.0}\n  d:\n"
    )
    assert load_version(environ={}) == (3, 1)
    assert load_version("b", environ={}) == (3, 2, 2)
    assert load_version("d", environ={}) is None
    assert load_version("b", environ={"DSFLOW_VERSION": "3.1.9"}) == (3, 1, 9)
    with pytest.raises(ConfigError, match=r"version '2.0' is no DolphinScheduler that dsflow knows"):
        load_version("c", environ={})
