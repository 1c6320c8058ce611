"""The generator of `random`, against published numbers and numbers worked out by hand."""

from itertools import islice

import pytest

from kvx_emu.core_id import CoreId
from kvx_emu.errors import Place
from kvx_emu.script.actions import Random
from kvx_emu.script.splitmix import execution_path, mix, random_sends, splitmix64, spread, stream_seed

M = (1 << 64) - 1


def draw(
    count=1000, senders=((0, 0),), targets="one", lines=(24,), seed=0, path=(0,), clusters=None, iterations=()
):
    action = Random(
        Place("t"), None, count, 0, tuple(CoreId(*one) for one in senders), targets, lines, seed, path
    )
    return list(random_sends(action, clusters or {0: (0, 1, 2, 3, 16)}, iterations))


def test_the_published_numbers_of_seed_1234567_come_out():
    assert list(islice(splitmix64(1234567), 5)) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_the_published_numbers_of_seed_0_come_out():
    assert list(islice(splitmix64(0), 4)) == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
        0xF88BB8A8724C81EC,
    ]


def test_the_path_is_folded_in_order():
    first = mix(0x9E3779B97F4A7C15)
    assert stream_seed(0, []) == first == 0xE220A8397B1DCDAF
    assert stream_seed(0, [5]) == mix(((first ^ 5) + 0x9E3779B97F4A7C15) & M)
    assert stream_seed(0, [1, 2]) != stream_seed(0, [2, 1])
    assert 0 <= stream_seed(M, [M, M]) <= M


def test_iterations_stand_after_the_index_of_their_repeat():
    assert execution_path((4,), ()) == [4]
    assert execution_path((1, 2, 3), (10, 20)) == [1, 10, 2, 20, 3]
    with pytest.raises(ValueError, match="1 enclosing repeats, but 2"):
        execution_path((1, 2), (0, 0))


def test_each_send_uses_three_numbers_in_the_order_sender_line_targets():
    numbers = splitmix64(stream_seed(7, [2, 9, 1]))
    senders, lines = ((0, 1), (0, 3), (1, 0)), (30, 24)
    clusters = {0: (0, 1, 2, 3, 16), 1: (0, 5, 6)}
    for targets in ("one", "uniform", "all"):
        numbers = splitmix64(stream_seed(7, [2, 9, 1]))
        expected = []
        for _ in range(500):
            d0, d1, d2 = next(numbers), next(numbers), next(numbers)
            sender = senders[d0 * 3 >> 64]
            pids = clusters[sender[0]]
            if targets == "one":
                others = [pid for pid in pids if pid != sender[1]]
                mask = 1 << others[d2 * len(others) >> 64]
            elif targets == "uniform":
                mask = sum(1 << pid for k, pid in enumerate(pids) if d2 >> k & 1)
            else:
                mask = sum(1 << pid for pid in pids)
            expected.append((sender, lines[d1 * 2 >> 64], mask))
        assert draw(500, senders, targets, lines, 7, (2, 1), clusters, (9,)) == expected


def test_a_step_with_one_sender_and_one_line_draws_the_same_targets_as_with_all_numbers():
    numbers = list(islice(splitmix64(stream_seed(0, [0])), 9))
    others = (1, 2, 3, 16)
    assert [mask for _, _, mask in draw(3)] == [1 << others[numbers[i] * 4 >> 64] for i in (2, 5, 8)]


def test_the_numbers_of_the_reference_come_out():
    sends = draw(4, [(0, pid) for pid in range(17)], "one", (24, 25), 7, (3,), {0: tuple(range(17))})
    assert [(str(core), line, mask) for core, line, mask in sends] == [
        ("pe10", 25, 1 << 5),
        ("pe14", 25, 1 << 11),
        ("pe15", 24, 1 << 13),
        ("pe10", 25, 1 << 11),
    ]


def test_uniform_can_hit_the_sender_and_nobody():
    masks = {mask for _, _, mask in draw(200, targets="uniform", clusters={0: (0, 1)})}
    assert masks == {0, 1, 2, 3}


def test_bits_are_spread_over_the_cores_that_are_there():
    assert spread(0b101, (1, 2, 4)) == 0b101
    assert spread(0b1101, (1, 2, 1 << 16)) == 1 | 1 << 16
    assert spread(M, (1,)) == 1


def test_no_count_no_sends():
    assert draw(0) == []
