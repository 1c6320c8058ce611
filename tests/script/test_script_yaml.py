"""From text to nodes: YAML 1.2 values, and what a script may not have."""

import time

import pytest
import yaml
from script_board import errors, read, steps

from kvx_emu.errors import InputError, Source, UsageError
from kvx_emu.script import yaml_reader
from kvx_emu.script.load import load_script
from kvx_emu.script.nodes import TOO_LONG, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("12:30", "12:30"),
        ("010", 10),
        ("0x20", 32),
        ("0o17", 15),
        ("-5", -5),
        ("+7", 7),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("-0x1", "-0x1"),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("2.", 2.0),
        ("-.INF", float("-inf")),
        ("true", True),
        ("False", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("", None),
        ("٣", "٣"),
        ("9" * 101, TOO_LONG),
        ("-" + "9" * 101, -TOO_LONG),
        ("0x" + "f" * 101, TOO_LONG),
        ("1e999", float("inf")),
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_says(text, value):
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_not_a_number_is_a_float():
    assert str(resolve(".NaN")) == "nan"


def test_a_duplicate_key_is_told_at_both_places():
    places, message = errors("version: 1\nversion: 1\nsteps: [wait: 1]\nversion: 1\n")
    assert places == [(1, 1, "script-duplicate"), (2, 1, "script-duplicate"), (4, 1, "script-duplicate")]
    assert "stands again in line 2" in message
    assert message.count("stands already in line 1") == 2


def test_on_and_no_as_keys_are_the_words_on_and_no():
    places, message = errors(steps("on: 1", "no: 2"))
    assert places == [(3, 3, "script-step"), (4, 3, "script-step")]
    assert "unknown step `on`" in message
    assert "unknown step `no`" in message


def test_anchors_aliases_and_tags_are_all_told():
    places, message = errors(
        steps("&a wait: 1", "wait: *a", "wait: !!int 1", "!x {wait: 1}", "mark: &b [&c c]")
    )
    codes = [(line, code) for line, _, code in places]
    assert codes[:5] == [
        (3, "script-anchor"),
        (4, "script-alias"),
        (5, "script-tag"),
        (6, "script-tag"),
        (7, "script-anchor"),
    ]
    assert "`&a`" in message
    assert "`*a`" in message
    assert "tag:yaml.org,2002:int" in message


def test_a_python_object_is_a_tag_and_nothing_is_run():
    places, message = errors(steps("mark: !!python/object/apply:os.system ['echo']"))
    assert (3, 9, "script-tag") in places
    assert "python/object" in message


def test_an_alias_as_key_is_told_once():
    places, _ = errors("version: 1\nsteps: [{? *a : 1}]\n")
    assert (2, 12, "script-alias") in places


def test_a_list_as_key_is_told():
    places, _ = errors("version: 1\nsteps: [{? [a] : 1, wait: 1}]\n")
    assert places == [(2, 12, "script-key")]


def test_an_alias_bomb_ends_at_once():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    start = time.process_time()
    places, _ = errors("\n".join(levels))
    assert places[0] == (1, 1, "script-key") or places[0][2] in ("script-anchor", "script-missing")
    assert (1, 5, "script-anchor") in places
    assert (2, 10, "script-alias") in places
    assert time.process_time() - start < 1


def test_two_hundred_thousand_brackets_end_at_once():
    start = time.process_time()
    places, message = errors("[" * 200_000)
    assert places == [(1, 17, "script-depth")]
    assert "deeper than 16" in message
    assert time.process_time() - start < 2


def test_nesting_of_sixteen_is_accepted_by_the_reader():
    places, _ = errors("[" * 16 + "]" * 16)
    assert places == [(1, 1, "script-value")]


def test_a_second_document_is_told():
    places, message = errors("version: 1\nsteps: [wait: 1]\n---\nversion: 1\n")
    assert places == [(3, 1, "script-document")]
    assert "expected one document" in message


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\ufeff", "---\n..."])
def test_an_empty_document_is_told(text):
    places, _ = errors(text)
    assert places[0][2] in ("script-document", "script-value")


def test_a_list_at_the_top_is_told():
    places, message = errors("- wait: 1\n")
    assert places == [(1, 1, "script-value")]
    assert "found a list for the script" in message


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("version: 1\nsteps:\n\t- wait: 1\n", (3, 1), "found a tab; expected spaces"),
        ("version: 1\nsteps: [wait: 1\n", (3, 1), "did not find expected ',' or ']'"),
        ("version: 1\nname: a: b\n", (2, 8), "mapping values are not allowed"),
        (
            "name: 'x\n",
            (2, 1),
            "unexpected end of stream, while scanning a quoted scalar that starts in line 1",
        ),
        ("version: 1\nsteps: [{wait: ${n}}]\n", (2, 17), 'expected it in quotes there: "${name}"'),
        ("a: \x07\n", (1, 4), "U+0007"),
    ],
)
def test_a_syntax_error_says_what_was_found(text, place, words):
    places, message = errors(text)
    assert places == [(*place, "script-syntax")]
    assert words in message


def test_what_was_found_before_a_syntax_error_is_told_too():
    places, _ = errors("a: 1\na: 2\nb: [\n")
    assert [code for _, _, code in places] == ["script-duplicate", "script-duplicate", "script-syntax"]


def test_bytes_that_are_not_utf_8_are_told_at_their_place(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes("version: 1\nname: \u00e9".encode() + b"\xff\n")
    with pytest.raises(InputError) as caught:
        load_script(str(path))
    (finding,) = caught.value.findings
    assert (finding.place.line, finding.place.column, finding.code) == (2, 8, "script-encoding")
    assert "0xff" in finding.message


def test_a_byte_order_mark_and_dos_line_ends_are_fine(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\r\nname: x\r\nsteps:\r\n- wait: 5\r\n")
    assert load_script(str(path)).name == "x"


def test_a_text_over_the_limit_is_refused(tmp_path, monkeypatch):
    from kvx_emu.limits import LIMITS
    from kvx_emu.script import load

    monkeypatch.setattr(load, "LIMITS", LIMITS._replace(script_text=10))
    path = tmp_path / "s.yaml"
    path.write_text("version: 1\nsteps: []\n")
    with pytest.raises(InputError, match="more than 10 bytes"):
        load_script(str(path))


def test_a_file_that_can_not_be_read_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"^cannot read .*none\.yaml: No such file or directory$"):
        load_script(str(tmp_path / "none.yaml"))
    with pytest.raises(UsageError, match=r"it is a directory$"):
        load_script(str(tmp_path))
    with pytest.raises(UsageError, match="null"):
        load_script("a\0b")


def test_a_dash_is_standard_input(monkeypatch):
    import io
    import sys
    from types import SimpleNamespace

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"version: 1\nsteps: [wait: x]\n")))
    with pytest.raises(InputError) as caught:
        load_script("-")
    assert str(caught.value).startswith("<stdin>:2:15: error[script-time]: found `x`; expected")


@pytest.mark.parametrize(
    "text", ["version: 1\nsteps: [wait: 1]\n", "a: &x 1\nb: *x\nb: [\n", "[" * 30, "- \t- x", ""]
)
def test_the_python_loader_gives_the_same(monkeypatch, text):
    def told():
        try:
            read(text)
        except InputError as error:
            return [(f.code, f.place.line) for f in error.findings]
        return []

    with_c = told()
    monkeypatch.setattr(yaml_reader, "_LOADER", yaml.Loader)
    assert told() == with_c


def test_more_than_a_thousand_errors_are_cut_off():
    places, message = errors(steps(*["nonsense: 1"] * 2000))
    assert len(places) == 1001
    assert message.endswith("more than 1000 errors: the rest is not told")


def test_a_message_shows_the_line_and_a_caret_but_no_endless_line():
    with pytest.raises(InputError) as caught:
        read(steps("wait: -5"))
    assert str(caught.value) == (
        "t.yaml:3:9: error[script-time]: found `-5`; expected a duration of 0..9223372036854775807 ticks\n"
        "  - wait: -5\n"
        "          ^"
    )
    with pytest.raises(InputError) as caught:
        load_script(Source("t.yaml", "version: 1\nsteps: [" + "wait: 1, " * 100 + "wait: x]"))
    assert caught.value.findings[0].place.text == ""


def test_the_garbage_collector_runs_again_after_reading():
    import gc

    read("version: 1\nsteps: [wait: 1]\n")
    assert gc.isenabled()
    gc.disable()
    try:
        read("version: 1\nsteps: [wait: 1]\n")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_refused_scalar_is_told_once_wherever_it_stands():
    for text in (
        "!x a",
        "version: 1\nsteps: !x a",
        "version: 1\nsteps: [wait: 1]\ntiming: !x a",
        "version: 1\nparams: !x a\nsteps: [wait: 1]",
        "version: 1\nsteps: [!x a]",
        "version: 1\nsteps: [expect: {delivered: !x 1}]",
    ):
        places, _ = errors(text)
        assert [code for _, _, code in places] == ["script-tag"], text
