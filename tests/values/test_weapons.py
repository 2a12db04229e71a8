"""Weapon kinds: what the words decide, in which order, and that nothing raises."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from conflict_ner.values import weapon_lexicon, weapon_names
from conflict_ner.values.weapon_folding import fold_entry
from conflict_ner.values.weapons import ACLED_SUB_EVENTS, WeaponKind, to_acled, weapon_kind
from hypothesis import given, settings
from hypothesis import strategies as st

TABLES = (weapon_names.NAMES, weapon_lexicon.NOUNS, weapon_lexicon.WEAK)
ENTRIES = [
    (" ".join(entry.split()), kind)
    for table in TABLES
    for kind, entries in table.items()
    for entry in entries.split(",")
]

CASES = {
    "uav": (
        "drones|DRONE STRIKE|Shahed-238|Switchblade 600|RQ-4|armed quadcopter|drone-dropped grenades|"
        "kamikaze drones|unmanned helicopter|uncrewed fighter aircraft|Wing Loong drones|Hermes 900|CH-4"
    ),
    "air": (
        "Mi 24|mi-24s|MI24|F/A-18s|Su-35S|A-4|helicopter rockets|2,000-pound bomb|500 kg aerial bomb|FAB-1500|"
        "GBU-12|Mk-84|barrel bombs|air strike|airstrikes|napalm|F-16-launched missiles|AC-130 gunship|C-130|"
        "heli-\ncopters|he1icopter|helicopter guns and rockets"
    ),
    "artillery": (
        "155mm shells|155-mm|82mm bomb|mortar bombs|BM-21 Grad|BM21|Grad missile|107s|SPG-9|M40 recoilless rifle|"
        "20 mm cannon|anti-aircraft guns|ZU-23-2|two-inch mortar|4.5-inch gun|tank shells|rockets|shelling|23mm|"
        "D-30s|25-pounder guns"
    ),
    "missile": (
        "Kornet-E|9M133|AT-14|S-300|SA-7s|SAM 7|TOW-2|ATGMs|anti-tank missile|shoulder-fired missiles|IRIS-T|"
        "Iskander-M|air defense systems|Hellfire|Kh-101|Scud-B|cruise missiles|9K32 Strela-2|Club missiles|"
        "Taurus missile"
    ),
    "grenade": (
        "RPG-7 rockets|RPG7|RPG rounds|M72 LAW|anti-tank rocket|M26 grenades|F1 grenade|M16 rifle grenade|"
        "stun grenades|GP-25|petrol bombs|Molotov cocktails|40mm grenades|Mk-19|AT4|LAWs"
    ),
    "small-arms": (
        "weapons and ammunition|ri\xadfles|"
        "AK47|AK-47S|M-16 RIFLES|M60|PKMs|DShK 12.7mm|12.7 mm|7.62 rounds|7,62mm rounds|7.62x39mm ammunition|"
        ".50-calibre|.303|9-mm pistol|nine-millimeter pistol|12-gauge|G-3|sniper fire|gunfire|rounds|magazines|"
        "sawn-off|14.5mm guns|Type 56 rifle|pis-\ntols|M4 car-bine"
    ),
    "ied-mine": (
        "bomb|BOMBS|bombing|car bomb|truck-bomb|VBIEDs|Hummer bomb|explosive-laden truck|roadside IED|TM-62|"
        "PMN-2|M16 mine|naval mines|sea mine|booby-trap|C-4|detonators|unexploded shells|non-suicide IED|"
        "AN-TI-TANK MINES|bornb|cooking gas bombs"
    ),
    "suicide": (
        "suicide car bomb|SUICIDE BOMBINGS|suicide vests|SVBIED|explosive belts|suicide attack|suicide vests and rifles"
    ),
    "vehicle": (
        "T-72B3M|T 55|M60A1 tank|M-60 tanks|BTR 80|BMP-1s|M1 Abrams|Leopard 2A6|technicals|"
        "pick-ups fitted with 14.5 mm guns|machine guns mounted on pick-ups|armored vehicles|minesweeping tank|"
        "tank fire|M-113'S|ground drones"
    ),
    "naval": (
        "USS Harlan Pike|HMS Lance|DDG-51|F186|frigate Halcon|patrol boats|Predator-class boats|sea drones|"
        "drone carrier|missile boat|torpedoes|naval gunfire|unmanned boats|PKM-291|mine sw eepers|Admiral Makarov|"
        "USS Cole and drones"
    ),
    "chemical": "tear gas|gas grenades|122mm sarin rockets|mustard shells|chlorine|nerve gas bombs|CS canis-\nters",
    "blade": "machetes|knives|axes|bows and arrows|bayonet|kukri knives|cutlasses",
    "other": "clubs|rubber bullets|water cannon|lathis|stones|rifle butt|flamethrowers|ordnance|drone jammers",
    "None": (
        "|weapons|launcher|heavy weapons|5317|84|Auki|thermobaric|device| \n |🙂|M23|M99|A9|craft weapon|oil tanker|"
        "gas canisters|rifles and grenades|missiles and drones|IED and small arms fire|bombs or mortars"
    ),
}


@pytest.mark.parametrize(("text", "kind"), [(text, kind) for kind, texts in CASES.items() for text in texts.split("|")])
def test_the_words_decide(text: str, kind: str) -> None:
    assert str(weapon_kind(text)) == kind


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("suicide drone", "uav"),  # suicide, but nobody in it
        ("chemical artillery shells", "chemical"),
        ("F-1 grenade", "grenade"),
        ("Cobra helicopter", "air"),
        ("Cobra armored car", "vehicle"),
        ("PKM", "small-arms"),
        ("C-4", "ied-mine"),
        ("M113 carrier", "vehicle"),
        ("M48 tank", "vehicle"),
        ("M48 rifle", "small-arms"),
    ],
)
def test_words_that_several_arms_share_are_told_apart(first: str, second: str) -> None:
    assert weapon_kind(first) == second


FRAGMENTS = [
    *"0179.,-/'&\n \t",
    "mm",
    "-inch",
    "calibre",
    "x39",
    "\u0131",
    "İ",
    "½",
    "٣",
    "ﬁ",
    "🙂",
    "USS",
    "with",
    "mounted on",
    "non",
]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(FRAGMENTS + [entry for entry, _ in ENTRIES]), max_size=6))
def test_no_mixture_of_words_and_signs_raises(parts: list[str]) -> None:
    assert weapon_kind("".join(parts)) in {None, *WeaponKind}
    assert weapon_kind(" ".join(parts)) in {None, *WeaponKind}


@pytest.mark.parametrize(
    "text", ["", "9" * 10_000, "drone " * 2_000, "NaN", "\x00", "\ud800", "𐩀mm", "٣mm shells", "1.2.3mm"]
)
def test_bad_input_is_no_exception(text: str) -> None:
    assert weapon_kind(text) in {None, *WeaponKind}


@pytest.mark.parametrize("cell", [None, float("nan"), 3, True, b"rifle", ["rifle"]])
def test_what_is_no_string_has_no_kind(cell: object) -> None:
    assert weapon_kind(cell) is None


def test_no_entry_stands_twice() -> None:
    counts = Counter(fold_entry(entry) for entry, _ in ENTRIES)
    assert [entry for entry, count in counts.items() if count > 1] == []


def test_entries_keep_their_kind_in_any_case_with_hyphens_and_in_the_plural() -> None:
    wrong = []
    for entry, kind in ENTRIES:
        plural = entry + "s" if re.search("[a-z]{3}$", entry) and not entry.endswith("s") else entry
        forms = (entry, entry.upper(), entry.title(), entry.replace(" ", "-"), entry.replace(" ", "\n"), plural)
        wrong += [(form, kind) for form in forms if weapon_kind(form) != kind]
    assert wrong == []


def test_kinds_of_the_tables_are_kinds() -> None:
    assert {kind for table in TABLES for kind in table} <= set(WeaponKind)


def test_acled_has_an_answer_for_every_kind() -> None:
    assert set(ACLED_SUB_EVENTS) == set(WeaponKind)
    assert to_acled(WeaponKind.MISSILE) == "Shelling/artillery/missile attack"
    assert to_acled(WeaponKind.BLADE) is None


def test_the_page_says_what_the_rules_do() -> None:
    page = (Path(__file__).parents[2] / "docs" / "values.md").read_text(encoding="utf-8").split("## Weapon kinds")[1]
    table = page.split("| kind | holds | examples | ACLED sub-event type |")[1].partition("\n\n")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert [kind for kind, *_ in rows] == list(WeaponKind)
    for kind, _, examples, sub_event in rows:
        assert {weapon_kind(example) for example in re.split("`?, `?", examples)} == {kind}
        assert to_acled(WeaponKind(kind)) == (sub_event or None)
    for example, kind in re.findall(r"`([^`]+)` (?:is|are) `([a-z-]+)`", page):
        assert weapon_kind(example) == kind
