from __future__ import annotations

import pytest

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.output.file_names import DEFAULT_TEMPLATE, file_names


def plan(template: str, count: int = 2, stem: str = "cat") -> list[str]:
    return file_names(template, count, stem=stem, seed=7, size_px=(640, 480), extension="png")


def test_default_template() -> None:
    assert plan(DEFAULT_TEMPLATE) == [
        "cat_00007_0000_640x480.png",
        "cat_00007_0001_640x480.png",
    ]


def test_literal_braces_and_hex_are_fine() -> None:
    assert plan("{{a}}-{index:03x}", 1) == ["{a}-000.png"]


@pytest.mark.parametrize("field", ["n", "", "0", "index.real", "stem[0]", "seed.__class__", "Seed"])
def test_unknown_field_lists_the_fields(field: str) -> None:
    with pytest.raises(ConfigError, match="fields stem, seed, index, width, height, got"):
        plan("{index}{" + field + "}")


@pytest.mark.parametrize(
    "field", ["index:999999999d", "index!r", "index:{width}", "stem:>40", "seed:f", "index: d"]
)
def test_formats_that_could_surprise_are_refused(field: str) -> None:
    with pytest.raises(ConfigError, match="name template formats must be"):
        plan("{" + field + "}")


@pytest.mark.parametrize("template", ["{index", "index}", "{index}{", "{index!}"])
def test_braces_must_match(template: str) -> None:
    with pytest.raises(ConfigError, match="name template"):
        plan(template)


@pytest.mark.parametrize(
    "template", ["../{index}", "/{index}", "a/{index}", "a\\{index}", "..", ".{index}", "\0{index}"]
)
def test_names_never_leave_the_folder(template: str) -> None:
    with pytest.raises(ConfigError, match="plain file name without folders"):
        plan(template, 1)


def test_two_images_with_one_name_are_refused() -> None:
    assert plan("{seed}", 1) == ["7.png"]
    with pytest.raises(ConfigError, match=r"its own name, got '7.png' more than once"):
        plan("{seed}")


def test_long_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"at most 255 bytes, got \d+"):
        plan("{stem}{index}", stem="é" * 130)


def test_an_empty_name_is_hidden_by_its_extension() -> None:
    with pytest.raises(ConfigError, match="plain file name"):
        plan("", 1)
