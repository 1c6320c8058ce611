"""Which model stands for which `compatible` string."""

from __future__ import annotations

import pytest

from kvx_emu.hw import registry


@pytest.fixture(autouse=True)
def models(monkeypatch):
    """Let each test register in a registry of its own."""
    monkeypatch.setattr(registry, "_models", {})


class One:
    """A model."""


class Two:
    """Another one."""


def test_a_model_is_found_by_each_of_its_strings():
    assert registry.model("vendor,a", "vendor,b")(One) is One
    assert registry.find(["vendor,a"]) == ("vendor,a", One)
    assert registry.find(["vendor,b"]) == ("vendor,b", One)


def test_the_first_string_of_a_node_that_has_a_model_decides():
    registry.model("vendor,a")(One)
    registry.model("vendor,b")(Two)
    assert registry.find(["vendor,x", "vendor,b", "vendor,a"]) == ("vendor,b", Two)
    assert registry.find(["vendor,a", "vendor,b"]) == ("vendor,a", One)


@pytest.mark.parametrize("compatibles", [[], ["vendor,x"], ["vendor,A"], ["vendor,a "]])
def test_no_model_is_found_for_other_strings(compatibles):
    registry.model("vendor,a")(One)
    assert registry.find(compatibles) is None


def test_a_profile_has_models_of_its_own():
    registry.model("vendor,a")(One)
    registry.model("vendor,a", profile=registry.QEMU)(Two)
    assert registry.find(["vendor,a"]) == ("vendor,a", One)
    assert registry.find(["vendor,a"], registry.QEMU) == ("vendor,a", Two)


def test_a_profile_without_a_model_of_its_own_uses_the_hardwares():
    registry.model("vendor,a")(One)
    registry.model("vendor,b", profile=registry.QEMU)(Two)
    assert registry.find(["vendor,a", "vendor,b"], registry.QEMU) == ("vendor,a", One)
    assert registry.find(["vendor,b"]) is None


def test_a_string_takes_one_model_only():
    registry.model("vendor,a")(One)
    with pytest.raises(ValueError, match="vendor,a already has the model One"):
        registry.model("vendor,a")(Two)
    assert registry.find(["vendor,a"]) == ("vendor,a", One)


def test_a_model_that_is_refused_one_string_gets_none():
    registry.model("vendor,b")(One)
    with pytest.raises(ValueError, match="vendor,b already has the model One"):
        registry.model("vendor,a", "vendor,b")(Two)
    assert registry.known() == ("vendor,b",)


def test_the_same_model_may_be_registered_again():
    registry.model("vendor,a")(One)
    registry.model("vendor,a")(One)
    assert registry.known() == ("vendor,a",)


def test_the_known_strings_are_those_of_all_profiles_sorted():
    registry.model("vendor,b", "vendor,a")(One)
    registry.model("vendor,c", "vendor,a", profile=registry.QEMU)(Two)
    assert registry.known() == ("vendor,a", "vendor,b", "vendor,c")


def test_there_are_two_profiles_and_the_hardware_comes_first():
    assert registry.PROFILES == ("hardware", "qemu")
