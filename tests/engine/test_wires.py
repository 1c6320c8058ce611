"""The wires between devices, controllers and cores in time: levels, pulses and the delivery time."""

from __future__ import annotations

from fabric_runs import CLUSTER, COOLIDGE, play

BARE = "software: bare\n"
SMALL = CLUSTER.read_text(encoding="utf-8")
SHARED = SMALL.replace(
    "serial0:",
    "dev@30000000 { reg = <0 0x30000000 0 0x100>; interrupts-extended = <&itgen0 41 4>; };\nserial0:",
)

ARMED = """
write: {addr: 0x27000298, value: 1}
write: {addr: 0xa00018, size: 8, value: 0x101}
write: {addr: 0xa00010, size: 8, value: 1}
write: {addr: 0xa21000, size: 1, value: 1}
"""


def test_a_wire_of_two_devices_is_high_until_both_are_low():
    played = play(
        SHARED,
        f"""
        {ARMED.strip()}
        raise: {{device: dev}}
        wait: 1
        raise: {{device: serial@20210000}}
        lower: {{device: dev}}
        wait: 1
        raise: {{device: dev}}
        lower: {{device: dev}}
        lower: {{device: serial@20210000}}
        wait: 1
        raise: {{device: dev}}
        """.replace("\n", "\n        "),
        head=BARE,
    )
    assert played.ticks("msi") == [0, 3]


def test_a_pulse_of_what_is_high_is_its_fall_alone():
    played = play(
        CLUSTER,
        ARMED
        + """
        raise: {device: serial@20210000}
        wait: 1
        pulse: {device: serial@20210000}
        wait: 1
        raise: {device: serial@20210000}
        wait: 1
        raise: {device: serial@20210000}
        """,
        head=BARE,
    )
    assert played.ticks("msi") == [0, 2]


def test_an_input_of_the_gic_that_stays_high_interrupts_once():
    played = play(
        CLUSTER,
        """
        write: {addr: 0xa21081, size: 1, value: 1}
        raise: {controller: gic, input: 129}
        read: {addr: 0xa21130, size: 8, equals: 2}
        raise: {controller: gic, input: 129}
        read: {addr: 0xa21130, size: 8, equals: 0}
        """,
        head=BARE,
    )
    assert played.events("request") == ["0,0,1,request,4,,,0"]


def test_the_delivery_time_is_from_the_output_of_the_gic_to_the_core():
    played = play(
        CLUSTER, f"{ARMED}pulse: {{device: serial@20210000}}", head=BARE + "timing: {delivery: 40}\n"
    )
    assert [(line.split(",")[0], line.split(",")[3]) for line in played.lines] == [
        ("0", "msi"),
        ("0", "mailbox"),
        ("0", "gic"),
        ("40", "request"),
    ]


def test_a_device_on_a_line_of_the_cores_takes_the_delivery_time_too():
    board = SMALL.replace("serial0:", "dev { interrupts-extended = <&pe1 16>, <&pe2 17>; };\nserial0:")
    played = play(
        board,
        "pulse: {device: dev}\npulse: {device: dev, index: 1}\npulse: {controller: pe4, input: 18}",
        head=BARE + "timing: {delivery: 40}\n",
    )
    assert played.lines == ["40,0,1,request,16,,,0", "40,0,2,request,17,,,0", "40,0,4,request,18,,,0"]


def test_requests_of_devices_and_ipis_of_one_tick_arrive_in_the_order_of_the_steps():
    played = play(
        CLUSTER,
        "send: {to: pe4}\npulse: {controller: pe4, input: 18}\nsend: {to: pe4, line: 25}",
        head=BARE + "timing: {delivery: 40}\n",
    )
    assert [line.split(",")[4] for line in played.events("request")] == ["24", "18", "25"]


def test_a_timer_does_not_travel():
    head = BARE + "timing: {delivery: 40}\n"
    assert play(CLUSTER, "timer: {cores: pe1, value: 5}\nwait: 10", head=head).ticks("request") == [5]


def test_a_request_of_a_device_that_a_limit_catches_on_its_way_was_sent_by_nobody():
    steps = f"{ARMED}pulse: {{device: serial@20210000}}"
    played = play(CLUSTER, steps, head=BARE + "timing: {delivery: 40}\n", limit_ticks=39)
    assert played.outcome.stopped == "tick 39"
    assert played.outcome.summary == {}


def test_a_bare_message_is_a_write_that_interrupts_only_where_the_script_has_set_it_up():
    played = play(
        CLUSTER,
        """
        msi: {mailbox: 0, bit: 0}
        read: {addr: 0xa00000, size: 8, equals: 1}
        msi: {mailbox: 0, bit: 4}
        read: {addr: 0xa00000, size: 8, equals: 0x10}
        """,
        head=BARE,
    )
    assert [line.split(",")[3] for line in played.lines] == ["mailbox", "mailbox"]
    played = play(CLUSTER, f"{ARMED}msi: {{mailbox: 0, bit: 0, from: pe5}}", head=BARE)
    assert [line.split(",")[3] for line in played.lines] == ["mailbox", "gic", "request"]


def test_the_interrupts_of_two_clusters_do_not_mix():
    played = play(
        COOLIDGE,
        """
        write: {addr: 0x3a24003, size: 1, value: 1}
        pulse: {controller: c2gic, input: 3}
        pulse: {controller: c1gic, input: 3}
        expect: {lost: 1}
        """,
        head=BARE,
    )
    assert played.lines == ["0,2,4,gic,4,,,3", "0,2,4,request,4,,,0", "0,1,,lost,3,,,0"]
