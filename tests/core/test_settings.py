"""Settings: as people write them, as Python has them, as the command line offers them."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import pytest

from talkinghead.cli import COMMANDS, main
from talkinghead.cli.options import settings_from
from talkinghead.core.emotions import Emotion
from talkinghead.core.errors import InputError
from talkinghead.core.marking import Marking
from talkinghead.core.renderer_options import LivePortraitOptions, WarpOptions
from talkinghead.core.settings import (
    OPTIONS,
    Gains,
    Settings,
    SettingsKeywords,
    given_options,
    parse_box,
    parse_face,
    parse_fps,
    settings_of,
)

# Every option: a text that is not its default, and the settings that it gives.
GIVEN: dict[str, tuple[str, Settings]] = {
    "renderer": ("warp", Settings(renderer="warp")),
    "checkpoints": ("weights", Settings(checkpoints=Path("weights"))),
    "device": ("cuda:1", Settings(device="cuda:1")),
    "precision": ("bf16", Settings(precision="bf16")),
    "fps": ("29.97", Settings(fps=Fraction(30000, 1001))),
    "crop": ("yes", Settings(framing="crop")),
    "no-crop": ("yes", Settings(framing="whole")),
    "face": ("all", Settings(face="all")),
    "box": ("1,2,30,40", Settings(box=(1, 2, 30, 40))),
    "force-mouth": ("yes", Settings(force_mouth=True)),
    "background": ("#00ff00", Settings(background="#00ff00")),
    "max-side": ("800", Settings(max_side=800)),
    "still": ("yes", Settings(still=True)),
    "emotion": ("sad=0.5", Settings(emotion=Emotion("sad", 0.5))),
    "mouth": ("0.5", Settings(gains=Gains(mouth=0.5))),
    "head": ("0", Settings(gains=Gains(head=0))),
    "blink": ("2", Settings(gains=Gains(blink=2))),
    "expression": ("1.5", Settings(gains=Gains(expression=1.5))),
    "seed": ("7", Settings(seed=7)),
    "crop-size": ("256", Settings(warp=WarpOptions(crop_size_px=256))),
    "region": ("lip", Settings(liveportrait=LivePortraitOptions(region="lip"))),
    "absolute": ("yes", Settings(liveportrait=LivePortraitOptions(absolute=True))),
    "no-stitching": ("yes", Settings(liveportrait=LivePortraitOptions(stitching=False))),
    "multiplier": ("1.25", Settings(liveportrait=LivePortraitOptions(multiplier=1.25))),
    "driving-option": ("pose-friendly", Settings(liveportrait=LivePortraitOptions(driving_option="pose-friendly"))),
    "lip-retargeting": ("yes", Settings(liveportrait=LivePortraitOptions(lip_retargeting=True))),
    "eye-retargeting": ("yes", Settings(liveportrait=LivePortraitOptions(eye_retargeting=True))),
    "normalize-lip": ("yes", Settings(liveportrait=LivePortraitOptions(normalize_lip=True))),
    "no-metadata": ("yes", Settings(marking=Marking(metadata=False))),
    "label": ("yes", Settings(marking=Marking(label=True))),
    "label-text": ("KI-erzeugt", Settings(marking=Marking(label_text="KI-erzeugt"))),
    "sign-cert": ("chain.pem", Settings(marking=Marking(sign_cert=Path("chain.pem")))),
    "sign-key": ("key.pem", Settings(marking=Marking(sign_key=Path("key.pem")))),
    "tsa": ("http://tsa.example", Settings(marking=Marking(tsa="http://tsa.example"))),
    "acceleration": ("eager", Settings(liveportrait=LivePortraitOptions(acceleration="eager"))),
}


def cell(name: str) -> Any:
    return OPTIONS[name].value_of(GIVEN[name][0])


def test_the_table_above_names_every_option() -> None:
    assert set(GIVEN) == set(OPTIONS)
    assert all(settings != Settings() for _, settings in GIVEN.values())


@pytest.mark.parametrize("name", GIVEN)
def test_every_option_arrives_in_its_place_and_nowhere_else(name: str) -> None:
    assert settings_of({name: cell(name)}) == GIVEN[name][1]


def test_defaults_given_in_full_are_defaults() -> None:
    assert settings_of({name: item.default for name, item in OPTIONS.items()}) == Settings()


def test_options_of_one_part_are_put_together() -> None:
    asked = {name: cell(name) for name in ("mouth", "blink", "region", "no-stitching")}
    assert settings_of(asked) == Settings(
        gains=Gains(mouth=0.5, blink=2), liveportrait=LivePortraitOptions(region="lip", stitching=False)
    )


@pytest.mark.parametrize("name", GIVEN)
def test_the_command_line_means_the_same_by_every_option(name: str) -> None:
    speak = main.get_command(click.Context(main), "speak")
    assert speak is not None
    words = [f"--{name}"] if OPTIONS[name].is_flag else [f"--{name}", GIVEN[name][0]]
    context = speak.make_context("speak", ["face.png", "speech.wav", *words])
    assert settings_from(context.params) == GIVEN[name][1]


def test_every_command_that_draws_offers_what_acts_in_it() -> None:
    context = click.Context(main)
    offered = {}
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        offered[name] = {word[2:] for parameter in command.params for word in parameter.opts if word.startswith("--")}
    assert set(OPTIONS) <= offered["speak"]
    assert set(OPTIONS) - offered["animate"] == {"seed"}
    assert set(OPTIONS) - offered["live"] == {"seed", "fps", "label"}  # on by default there
    assert "no-label" in offered["live"] & offered["serve"]
    # An edit is one picture: it has no time, no driver and no gains (its --blink is a control).
    assert set(OPTIONS) - offered["edit"] == {
        "seed", "fps", "still", "mouth", "head", "expression", "absolute", "driving-option", "lip-retargeting",
        "eye-retargeting",
    }  # fmt: skip


def test_keywords_are_the_fields() -> None:
    assert set(SettingsKeywords.__annotations__) == {item.name for item in fields(Settings)}


def test_unknown_and_contradictory_options_are_refused() -> None:
    with pytest.raises(
        InputError, match="there is no option 'warp9': choose among absolute, acceleration, background, blink"
    ):
        settings_of({"warp9": 1})
    with pytest.raises(InputError, match="exclude each other"):
        settings_of({"crop": "crop", "no-crop": "whole"})


def test_a_renderers_options_may_be_a_dictionary_without_unknown_names() -> None:
    assert Settings(warp={"crop_size_px": 100}) == Settings(warp=WarpOptions(100))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no option 'regoin': choose among region, absolute"):
        Settings(liveportrait={"regoin": "lip"})  # type: ignore[arg-type]


def test_options_that_were_given_are_known_by_their_long_names() -> None:
    assert given_options(LivePortraitOptions()) == []
    assert given_options(LivePortraitOptions(stitching=False, region="lip")) == ["region", "no-stitching"]


@pytest.mark.parametrize(
    ("text", "rate"),
    [("25", 25), ("29.97", Fraction(30000, 1001)), ("23.976", Fraction(24000, 1001)), ("59.94", Fraction(60000, 1001)),
     ("30000/1001", Fraction(30000, 1001)), ("12.5", Fraction(25, 2))],
)  # fmt: skip
def test_frame_rates_as_people_write_them(text: str, rate: Fraction) -> None:
    assert parse_fps(text) == rate


@pytest.mark.parametrize("text", ["fast", "1/0", ""])
def test_what_is_no_frame_rate_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a frame rate"):
        parse_fps(text)


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-25), Fraction(1000)])
def test_senseless_frame_rates_are_refused(fps: Fraction) -> None:
    with pytest.raises(InputError, match="between 1 and"):
        Settings(fps=fps)


def test_faces_and_boxes_as_people_write_them() -> None:
    assert parse_face(" 2 ") == 2
    assert parse_face("all") == "all"
    assert parse_box("1, 2,3.5,4") == (1, 2, 3.5, 4)
    for text in ("0", "-1", "two", ""):
        with pytest.raises(InputError, match="is not a face"):
            parse_face(text)
    for text in ("1,2,3", "a,b,c,d", "1,2,nan,4", ""):
        with pytest.raises(InputError, match="is not a box"):
            parse_box(text)
    with pytest.raises(InputError, match="has no area"):
        parse_box("1,2,0,4")


def test_settings_from_python_may_be_plain_values() -> None:
    settings = Settings(fps="29.97", checkpoints="weights")  # type: ignore[arg-type]
    assert settings.fps == Fraction(30000, 1001)
    assert settings.checkpoints == Path("weights")
    assert Settings(fps=25).fps == Fraction(25)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"seed": -1}, "seed"),
        ({"face": 0}, "faces count from 1"),
        ({"renderer": "wrap"}, "no renderer 'wrap': choose one of auto, warp"),
        ({"framing": "square"}, "no framing 'square'"),
        ({"warp": {"crop_size_px": 8}}, "at least 32 pixels"),
        ({"liveportrait": {"region": "nose"}}, "no region 'nose': choose one of all, exp"),
        ({"liveportrait": {"multiplier": 9}}, "between -5 and 5"),
    ],
)
def test_values_out_of_range_are_refused(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**keywords)


@pytest.mark.parametrize("gain", [-0.1, 3.1, float("nan")])
def test_senseless_gains_are_refused(gain: float) -> None:
    with pytest.raises(InputError, match="between 0 and 3"):
        Gains(head=gain)
