"""What need not be rendered again: only what is made of the same and lies there as written."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import fields, is_dataclass, replace

import pytest
from render_intents import account, diverting, intent

from provisioning.address import Mac
from provisioning.device_profile import shipped_profiles
from provisioning.diff import write_files
from provisioning.errors import RigError
from provisioning.input_notes import InputSeal, inputs_noted, seal_inputs
from provisioning.intent import (
    CallPolicyIntent,
    LampPolicyIntent,
    LineKeyIntent,
    LineKeyKind,
    LocaleIntent,
    MediaIntent,
    ProvisioningIntent,
    VlanIntent,
)
from provisioning.manifest import (
    HandsetKeys,
    Manifest,
    digest_of,
    kept_handset,
    load_manifest,
    manifest_path,
    program_digest,
    save_manifest,
    untouched,
)
from provisioning.render import RenderError, SiteFiles, render_handset
from provisioning.render_many import Outcome, render_many
from provisioning.resources import device_profiles_dir, templates_dir
from provisioning.secret import Secret
from provisioning.text_source import read_input_file

PROFILES = shipped_profiles()
T46U = PROFILES["T46U"]


def written(folder, profile=T46U):
    """One handset rendered, written and remembered."""
    wanted = intent(profile)
    rendered = render_handset(wanted, profile)
    write_files(rendered.files, folder)
    key = HandsetKeys().key(wanted, profile)
    kept = kept_handset(key, rendered.files, rendered.losses)
    save_manifest(folder, Manifest({"probe": kept}))
    return wanted, key


def test_the_same_is_kept_and_comes_back_whole(tmp_path):
    folder = tmp_path / "site"
    wanted, key = written(folder, PROFILES["VVX450"])
    kept = load_manifest(folder).handsets["probe"]
    assert kept.key == key == HandsetKeys().key(wanted, PROFILES["VVX450"])
    assert kept.is_on_disk(folder)
    assert {path.name for path in folder.iterdir()} == set(kept.files)
    assert kept.losses == render_handset(wanted, PROFILES["VVX450"]).losses != ()
    assert "Secret" not in manifest_path(folder).read_text()
    assert "pass-1-word" not in manifest_path(folder).read_text()
    assert stat.S_IMODE(manifest_path(folder).stat().st_mode) == 0o600


CHANGES = [
    {"name": "other"},
    {"mac": Mac("805ec0000001")},
    {"accounts": (account(1),)},
    {"accounts": (account(1, password=Secret("new")), account(2))},
    {"accounts": (account(1, diverts=diverting()), account(2))},
    {"accounts": (account(1, media=MediaIntent(("PCMA",))), account(2))},
    {"accounts": (account(1, dnd=True), account(2))},
    {"line_keys": (LineKeyIntent(1, LineKeyKind.LINE, 1),)},
    {"lamp": LampPolicyIntent(stutter_tone=True)},
    {"locale": LocaleIntent(language="fr")},
    {"provisioning": ProvisioningIntent("http://other.example")},
    {"provisioning": ProvisioningIntent("http://127.0.0.1:8080/prov", user="u")},
    {"admin_password": Secret("Anders-8")},
    {"calls": CallPolicyIntent(call_waiting=False)},
    {"vlan": VlanIntent(5)},
    {"expansion_modules": 1},
]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda item: next(iter(item)))
def test_any_other_wish_has_another_key(changes):
    keys = HandsetKeys()
    assert keys.key(intent(T46U), T46U) != keys.key(intent(T46U, **changes), T46U)


def test_every_field_of_the_intent_is_in_those_changes():
    assert {name for item in CHANGES for name in item} == {
        item.name for item in fields(intent(T46U)) if item.name != "model"
    }


def secrets_in(value, path=""):
    if isinstance(value, Secret):
        yield path
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from secrets_in(item, f"{path}[{number}]")
    elif is_dataclass(value):
        for item in fields(value):
            yield from secrets_in(getattr(value, item.name), f"{path}.{item.name}")


def test_every_secret_of_an_intent_is_in_the_key():
    """A field that holds a new kind of secret must be added to the key, for repr hides it."""
    assert sorted(secrets_in(intent(T46U))) == [
        ".accounts[0].password",
        ".accounts[1].password",
        ".admin_password",
        ".provisioning.password",
    ]


def test_another_profile_template_table_or_map_has_another_key(tmp_path):
    base = HandsetKeys().key(intent(T46U), T46U)
    assert HandsetKeys().key(intent(T46U), replace(T46U, quirks={**T46U.quirks, "x": "y"})) != base
    for name in ("_accounts.cfg.j2", "tables.yaml", "readback.yaml"):
        templates = tmp_path / name
        shutil.copytree(templates_dir(), templates)
        assert HandsetKeys(templates).key(intent(T46U), T46U) == base
        path = templates / "yealink" / name
        path.write_text(path.read_text() + "# more\n")
        copy = tmp_path / f"{name}.changed"
        templates.rename(copy)
        assert HandsetKeys(copy).key(intent(T46U), T46U) != base


@pytest.mark.parametrize("harm", ["changed", "gone", "wide open", "a folder"])
def test_a_file_that_is_not_as_it_was_written_is_noticed(tmp_path, harm):
    folder = tmp_path / "site"
    written(folder)
    path = folder / "001565123456.cfg"
    if harm == "changed":
        path.write_bytes(path.read_bytes().replace(b"= 1", b"= 0", 1))
    elif harm == "wide open":
        path.chmod(0o644)
    else:
        path.unlink()
        if harm == "a folder":
            path.mkdir()
    assert not load_manifest(folder).handsets["probe"].is_on_disk(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 1, "handsets": {}}',
        '{"version": 2}',
        '{"version": 2, "body": "", "seal": null}\n{}',
        f'{{"version": 2, "body": "{digest_of(b"{}")}"}}\n{{}}',
        f'{{"version": 2, "body": "{digest_of(b"{}")}", "seal": {{"files": 1}}}}\n{{}}',
        f'{{"version": 2, "body": "{digest_of(b"[]")}", "seal": null}}\n[]',
        "\xff",
    ],
)
def test_a_damaged_manifest_only_costs_time(tmp_path, text):
    folder = tmp_path / "site"
    written(folder)
    manifest_path(folder).write_text(text, encoding="latin-1")
    assert load_manifest(folder) == Manifest({})


def test_a_handset_that_somebody_took_out_of_the_manifest_is_noticed(tmp_path):
    folder = tmp_path / "site"
    written(folder)
    head, _, body = manifest_path(folder).read_text().partition("\n")
    data = json.loads(body)
    data["other"] = data.pop("probe")
    manifest_path(folder).write_text(f"{head}\n{json.dumps(data)}")
    assert load_manifest(folder) == Manifest({})


@pytest.mark.parametrize("seal", [None, InputSeal(("/a/site.yaml",), ("NAME",), "00", "11")])
def test_the_seal_comes_back(tmp_path, seal):
    save_manifest(tmp_path / "site", Manifest({}, seal))
    assert load_manifest(tmp_path / "site").seal == seal


def sealed(folder, source):
    """One handset, written and sealed with one file that it was read from."""
    source.write_text("site")
    written(folder)
    with inputs_noted() as notes:
        read_input_file(source)
    seal = seal_inputs(notes, "rest")
    save_manifest(folder, Manifest(load_manifest(folder).handsets, seal))
    return folder


def test_what_is_untouched_is_known_without_reading(tmp_path):
    folder = sealed(tmp_path / "site", tmp_path / "site.yaml")
    assert untouched(folder, "rest") == load_manifest(folder)
    assert untouched(folder, "other") is None
    (folder / "notes.txt").write_text("a file of somebody else")
    assert untouched(folder, "rest")
    (tmp_path / "site.yaml").write_text("other")
    assert untouched(folder, "rest") is None


@pytest.mark.parametrize("harm", ["changed", "gone", "wide open", "manifest", "no seal", "folder"])
def test_whatever_is_touched_is_not_untouched(tmp_path, harm):
    folder = sealed(tmp_path / "site", tmp_path / "site.yaml")
    path, manifest = folder / "001565123456.cfg", manifest_path(folder)
    if harm == "changed":
        path.write_bytes(path.read_bytes() + b"\n")
    elif harm == "gone":
        path.unlink()
    elif harm == "wide open":
        path.chmod(0o644)
    elif harm == "manifest":
        manifest.write_bytes(manifest.read_bytes()[:-1])
    elif harm == "no seal":
        save_manifest(folder, Manifest(load_manifest(folder).handsets))
    else:
        shutil.rmtree(folder)
    assert untouched(folder, "rest") is None


def test_the_program_is_another_with_another_profile_or_template(tmp_path):
    profiles, templates = tmp_path / "profiles", tmp_path / "templates"
    shutil.copytree(device_profiles_dir() / "yealink", profiles)
    shutil.copytree(templates_dir() / "yealink", templates)
    base = program_digest(profiles, templates)
    copies = [tmp_path / "profiles2", tmp_path / "templates2"]
    profiles.rename(copies[0])
    templates.rename(copies[1])
    assert program_digest(*copies) == base
    for number, name in enumerate(("T46U.yaml", "_accounts.cfg.j2")):
        changed = tmp_path / f"changed{number}"
        shutil.copytree(copies[number], changed)
        (changed / name).write_text((changed / name).read_text() + "# more\n")
        folders = [changed if place == number else copy for place, copy in enumerate(copies)]
        assert program_digest(*folders) != base
    assert "jinja2 3" in base


def test_a_manifest_that_cannot_be_written_is_told(tmp_path):
    folder = tmp_path / "site"
    manifest_path(folder).mkdir()
    with pytest.raises(RigError, match="the next run renders all of them again"):
        written(folder)
    assert (folder / "001565123456.cfg").is_file()
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())).count("phonerig") == 1


# ---- many handsets --------------------------------------------------------------------------


def intents(count):
    models = ["T46U", "D785", "VVX450", "GRP2614", "T30"]
    made = {}
    for number in range(count):
        profile = PROFILES[models[number % len(models)]]
        mac = Mac(f"{profile.identify.mac_oui[0].replace(':', '')}{number:06x}")
        made[f"h{number}"] = replace(intent(profile), name=f"h{number}", mac=mac)
    return made


def models_of(made):
    return {name: one.model for name, one in made.items()}


def test_several_processes_render_the_same_as_one_in_order():
    made = intents(60)
    one = list(render_many(models_of(made), made.get, PROFILES, processes=1))
    three = list(render_many(models_of(made), made.get, PROFILES, processes=3))
    assert one == three
    assert [outcome.handset for outcome in one] == list(made)
    assert len(SiteFiles(three)) >= 60


def test_what_one_handset_complains_of_does_not_stop_the_others():
    made = intents(6)
    made["h2"] = replace(made["h2"], admin_password=Secret("456"))
    for processes in (1, 2):
        outcomes = list(render_many(models_of(made), made.get, PROFILES, processes=processes))
        assert [bool(outcome.files) for outcome in outcomes] == [
            True,
            True,
            False,
            True,
            True,
            True,
        ]
        (line,) = outcomes[2].complaints
        assert line == "handset h2: admin_password: is a default of poly; set one of your own"


@pytest.mark.parametrize("processes", [1, 2])
def test_a_fault_of_a_template_stops_all_with_its_words(tmp_path, processes):
    templates = tmp_path / "templates"
    shutil.copytree(templates_dir(), templates)
    path = templates / "yealink" / "_accounts.cfg.j2"
    path.write_text(path.read_text().replace("account.password | reveal", "account.password"))
    made = intents(4)
    with pytest.raises(RenderError, match=r"accounts\[1\]\.password: wanted '\*\*\*'"):
        list(
            render_many(
                models_of(made), made.get, PROFILES, templates=templates, processes=processes
            )
        )


def test_files_of_another_process_have_no_intent_to_ask_for():
    files = SiteFiles([Outcome("a")])
    with pytest.raises(KeyError, match="another process"):
        files.of_handset("a")
