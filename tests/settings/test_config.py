from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.settings import presets
from petsgan_sdk.settings.presets import (
    ModelSettings,
    from_dict,
    load_preset,
    parse_overrides,
    preset_names,
    require,
    to_dict,
)


@dataclass(frozen=True, slots=True)
class Circle:
    radius: float
    kind: Literal["circle"] = "circle"

    def __post_init__(self):
        require(self, "radius", self.radius > 0, expected="positive")


@dataclass(frozen=True, slots=True)
class Square:
    side: int
    kind: Literal["square"] = "square"


@dataclass(frozen=True, slots=True)
class Inner:
    weights: tuple[float, ...] = (1.0,)
    pair: tuple[int, str] | None = None
    shapes: tuple[Circle | Square, ...] = ()


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    method: Literal["adam", "sgd"] = "adam"
    enabled: bool = False
    limit: float | None = None
    free: Any = None
    counts: dict[str, int] = field(default_factory=dict)
    circles: dict[str, Circle] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


FULL = {
    "name": "a",
    "method": "sgd",
    "enabled": True,
    "limit": 2.5,
    "free": [1, {"x": None}],
    "counts": {"a": 1},
    "circles": {"b": {"radius": 2.0, "kind": "circle"}},
    "inner": {
        "weights": [0.5, 2.0],
        "pair": [3, "x"],
        "shapes": [{"side": 1, "kind": "square"}, {"radius": 1.0, "kind": "circle"}],
    },
}


def test_from_dict_and_to_dict_are_inverse():
    built = from_dict(Outer, FULL)
    assert built.inner == Inner((0.5, 2.0), (3, "x"), (Square(1), Circle(1.0)))
    assert built.circles == {"b": Circle(2.0)}
    assert to_dict(built) == FULL
    assert from_dict(Outer, to_dict(built)) == built


def test_defaults_fill_what_is_not_given():
    assert from_dict(Outer, {"name": "a"}) == Outer("a")
    assert to_dict(Outer("a"))["inner"] == {"weights": [1.0], "pair": None, "shapes": []}


def test_an_integer_is_taken_for_a_float_and_nothing_else_is_converted():
    built = from_dict(Outer, {"name": "a", "limit": 2, "inner": {"weights": [1, 2]}})
    assert type(built.limit) is float
    assert built.inner.weights == (1.0, 2.0)


def _put(path, value):
    settings = to_dict(from_dict(Outer, FULL))
    target = settings
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return settings


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["nam"], "a", r"nam is unknown; did you mean 'name'; valid names: name, method, enabled"),
        (["inner", "weight"], 1, r"inner\.weight is unknown; did you mean 'weights'; valid names"),
        (["inner", "zzz"], 1, r"inner\.zzz is unknown; valid names: weights, pair, shapes$"),
        (["circles", "b", "r"], 1, r"circles\.b\.r is unknown"),
        (["a\nb"], 1, r"a b is unknown"),
        (["name"], 3, r"name must be a string, got 3"),
        (["name"], None, r"name must be a string, got None"),
        (["method"], "adm", r"method must be 'adam' or 'sgd', got 'adm'; did you mean 'adam'"),
        (["method"], 1, r"method must be 'adam' or 'sgd', got 1$"),
        (["enabled"], 1, r"enabled must be true or false, got 1"),
        (["limit"], True, r"limit must be a number, got True"),
        (["limit"], "x", r"limit must be a number, got 'x'"),
        (["limit"], float("inf"), r"limit must be a finite number, got inf"),
        (["counts"], [1], r"counts must be a table, got \[1\]"),
        (["counts", "a"], 1.0, r"counts\.a must be an integer, got 1\.0"),
        (["counts", 1], 1, r"counts must be a table"),
        (["inner"], 3, r"inner must be a table, got 3"),
        (["inner", "weights"], "12", r"inner\.weights must be a list, got '12'"),
        (["inner", "weights"], ["1"], r"inner\.weights\[0\] must be a number"),
        (["inner", "pair"], [1], r"inner\.pair must be a list of 2, got \[1\]"),
        (["inner", "pair"], [1, 2], r"inner\.pair\[1\] must be a string, got 2"),
        (["inner", "shapes"], [3], r"inner\.shapes\[0\] must be a table, got 3"),
        (
            ["inner", "shapes"],
            [{}],
            r"inner\.shapes\[0\]\.kind must be one of circle, square, got None",
        ),
        (["inner", "shapes"], [{"kind": "circle"}], r"inner\.shapes\[0\]\.radius must be given"),
        (["circles", "b", "radius"], -1, r"circles\.b\.radius must be positive, got -1\.0"),
        (
            ["inner", "shapes", 1, "radius"],
            0,
            r"inner\.shapes\[1\]\.radius must be positive, got 0\.0",
        ),
    ],
)
def test_refuses(path, value, message):
    with pytest.raises(ConfigError, match=f"^config: {message}"):
        from_dict(Outer, _put(path, value))


def test_refuses_with_the_error_label_and_path_asked_for():
    with pytest.raises(BundleError, match=r"^manifest: a\.b\.name must be given, got nothing$"):
        from_dict(Outer, {}, "a.b", error=BundleError, label="manifest")
    with pytest.raises(ConfigError, match="config: the whole must be a table, got 3"):
        from_dict(Outer, 3)


@dataclass(frozen=True)
class Unsupported:
    values: set[int]


def test_an_unsupported_field_is_a_mistake_of_the_programmer():
    with pytest.raises(TypeError, match=r"fields of type .* are not supported"):
        from_dict(Unsupported, {"values": 1})


def test_direct_construction_names_the_class():
    with pytest.raises(ConfigError, match=r"^config: Circle\.radius must be positive, got 0$"):
        Circle(0)


# --- presets


@pytest.mark.parametrize("name", ["fast", "paper"])
def test_presets(name):
    assert name in preset_names()
    loaded = load_preset(name)
    assert isinstance(loaded, ModelSettings)
    assert loaded.preset == name
    assert from_dict(type(loaded), json.loads(json.dumps(to_dict(loaded)))) == loaded


def test_overrides_win_and_leave_the_preset_alone():
    steps = load_preset("fast").training.steps
    changed = load_preset("fast", overrides={"training.steps": steps + 1, "training.seed": 7})
    assert (changed.training.steps, changed.training.seed) == (steps + 1, 7)
    assert load_preset("fast").training.steps == steps
    assert dataclasses.replace(changed, preset="x").training.seed == 7


def test_a_misspelt_setting_of_a_preset_is_named():
    with pytest.raises(
        ConfigError, match=r"^config: training\.stepz is unknown; did you mean 'steps'; valid names"
    ):
        load_preset("fast", overrides={"training.stepz": 1})


@pytest.fixture
def preset(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[inner]\nweights = [1, 2]\n[circles.b]\nradius = 3\n')
    return path


def test_preset_from_a_file(preset, monkeypatch):
    expected = Outer("mine", circles={"b": Circle(3.0)}, inner=Inner((1.0, 2.0)))
    assert load_preset(preset, cls=Outer) == load_preset(str(preset), cls=Outer) == expected
    monkeypatch.chdir(preset.parent)
    assert load_preset("mine.toml", cls=Outer) == expected
    preset.with_name("fast").write_text("nonsense")
    assert load_preset("fast").preset == "fast"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"inner.weightz": 1}, r"inner\.weightz is unknown; did you mean 'weights'; valid names"),
        ({"iner.weights": 1}, r"iner is unknown; did you mean 'inner'; valid names"),
        ({"inner.weights": "many"}, r"inner\.weights must be a list, got 'many'"),
        ({"circles.b.radius": 0}, r"circles\.b\.radius must be positive, got 0\.0"),
        ({"name.x.y": 1}, r"name must be a table to hold name\.x\.y, got 'mine'"),
        ({"inner": 1}, r"inner must be a table, got 1"),
        ({"": 1}, r".* is unknown"),
    ],
)
def test_overrides_refused(preset, overrides, message):
    with pytest.raises(ConfigError, match=f"^config: {message}"):
        load_preset(preset, overrides=overrides, cls=Outer)


def test_overrides_of_whole_tables_are_not_changed(preset):
    overrides = {"counts": {"a": 1}, "counts.b": 2}
    assert load_preset(preset, overrides=overrides, cls=Outer).counts == {"a": 1, "b": 2}
    assert overrides == {"counts": {"a": 1}, "counts.b": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file or directory"),
        (b"steps = ", "Invalid value"),
        (b"\xff\xfe", "codec can't decode"),
        (b"a = 1\na = 2", "Cannot overwrite a value"),
        ("a = 1".encode("utf-16"), "codec can't decode"),
        (b"a = '\xdf'", "codec can't decode"),
        (b"a = " + b"[" * 5000, "recursion"),
        (b"a = " + b"1" * 5000, "digits"),
        (b"\0", "Invalid"),
    ],
)
def test_a_bad_file(tmp_path, content, message):
    path = tmp_path / "a.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        ConfigError, match=rf"^config: preset .* must be a TOML file, got (?i:.*{message})"
    ):
        load_preset(path)


@pytest.mark.parametrize("change", [b"\xef\xbb\xbf%s".__mod__, lambda t: t.replace(b"\n", b"\r\n")])
def test_a_file_from_another_editor(preset, change):
    expected = load_preset(preset, cls=Outer)
    preset.write_bytes(change(preset.read_bytes()))
    assert load_preset(preset, cls=Outer) == expected


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n"])
def test_an_empty_file(tmp_path, content):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="config: family must be given, got nothing"):
        load_preset(path)


@pytest.mark.parametrize("content", ["a." * 3000 + "b = 1", "[a" + ".a" * 3000 + "]"])
def test_a_file_of_tables_without_end(tmp_path, content):
    path = tmp_path / "a.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match="must have tables at most 16 deep, got more"):
        load_preset(path)


def test_a_preset_whose_name_no_file_could_hold():
    with pytest.raises(ConfigError, match="preset must be a name in valid Unicode"):
        load_preset("fast", overrides={"preset": "Stra\udcdfe"})


def test_an_unknown_preset():
    with pytest.raises(
        ConfigError,
        match=r"preset must be one of fast, paper.* got 'papr'; did you mean 'paper'",
    ):
        load_preset("papr")


def test_parse_overrides():
    texts = [
        "training.steps=200",
        " a.b = 1.5 ",
        "c=true",
        "d=[1, 2]",
        'e="x=y"',
        "f=plain text",
        "g=",
        "h=1\nz=2",
        "training.steps=300",
        "i=" + "[" * 5000,
        "j=" + "1" * 5000,
    ]
    assert parse_overrides(texts) == {
        "training.steps": 300,
        "a.b": 1.5,
        "c": True,
        "d": [1, 2],
        "e": "x=y",
        "f": "plain text",
        "g": "",
        "h": "1\nz=2",
        "i": "[" * 5000,
        "j": "1" * 5000,
    }
    for text in ("steps", "=1", "a.=1", ".a=1", ""):
        with pytest.raises(ConfigError, match="must be of the form"):
            parse_overrides([text])


def test_everything_public_is_there():
    for name in presets.__all__:
        assert hasattr(presets, name)
