"""Lint of profiles, their sources and templates: every fault at once, each with file and line."""

from __future__ import annotations

import shutil

import pytest

from provisioning.device_profile import load_profiles
from provisioning.errors import InputErrors
from provisioning.profile_lint import LintLevel, lint_folder, lint_profiles
from provisioning.resources import templates_dir


@pytest.fixture
def templates(tmp_path):
    copy = tmp_path / "templates"
    shutil.copytree(templates_dir(), copy)
    return copy


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def found(folder, templates=None, *, uncited=False):
    """Faults, without the folder, models left out.

    Few models do not name all sources of their vendors; that is told when it is asked for.
    """
    base = folder.parent
    return {
        f"{str(item.position).replace(f'{base}/', '')} {item.path}: {item.text}"
        for item in lint_profiles(load_profiles(folder), templates)
        if item.level is LintLevel.FAULT and (uncited or "no profile names" not in item.text)
    }


def load_faults(folder):
    with pytest.raises(InputErrors) as caught:
        load_profiles(folder)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_a_word_that_is_no_source_names_near_ones(folder):
    change(folder / "yealink" / "T42U.yaml", "wazo-v86", "wazo-v68")
    (fault,) = load_faults(folder)
    assert fault.startswith("yealink/T42U.yaml:6:")
    assert "wazo-v68" in fault
    assert "Did you mean wazo-v8" in fault


def test_all_faults_of_all_files_are_told_at_once(folder):
    change(folder / "yealink" / "T42U.yaml", "wazo-v86", "nobody")
    change(folder / "snom" / "D785.yaml", "_d7xx.yaml", "_d9xx.yaml")
    change(folder / "poly" / "VVX450.yaml", "model: VVX450", "model: VVX450\nsize: 3")
    change(folder / "yealink" / "_t4s.yaml", "extends: _vendor.yaml", "extends: T41S.yaml")
    text = "\n".join(load_faults(folder))
    assert "yealink/T42U.yaml:6" in text
    assert "snom/D785.yaml:2" in text
    assert "extend each other in a circle" in text


def test_what_cannot_be_loaded_does_not_hide_what_can(folder, templates):
    """Unknown keys of a file in a circle, a wrong template, too many keys: all in one run."""
    (folder / "yealink" / "_t99.yaml").write_text("schema: 1\nabstract: true\nextends: T99.yaml\n")
    (folder / "yealink" / "T99.yaml").write_text(
        "schema: 1\nextends: _t99.yaml\nmodel: T99\ncolour: red\nlimits: {sidekeys: 3}\n"
    )
    change(folder / "poly" / "VVX450.yaml", "model: VVX450", "model: VVX450\nsize: 3")
    change(folder / "snom" / "D785.yaml", "limits:", 'quirks: {key_pages: "side: 30"}\nlimits:')
    change(templates / "yealink" / "_line_keys.cfg.j2", "{{ key.value }}", "{{ kye.value }}")
    with pytest.raises(InputErrors) as caught:
        lint_folder(folder, templates)
    base = folder.parent
    told = [str(fault).replace(f"{base}/", "") for fault in caught.value.faults]
    for where, what in (
        ("device_profiles/poly/VVX450.yaml:4:", "unknown key 'size'"),
        ("device_profiles/snom/D785.yaml:4:", "the pages hold 30 keys"),
        ("device_profiles/yealink/T99.yaml:2:", "in a circle"),
        ("device_profiles/yealink/T99.yaml:4:", "unknown key 'colour'"),
        ("device_profiles/yealink/T99.yaml:5:", "unknown key 'sidekeys'"),
        ("templates/yealink/_line_keys.cfg.j2:12:", "nobody defines kye"),
    ):
        assert [text for text in told if text.startswith(where) and what in text], (where, told)
    assert not [text for text in told if "no profile names" in text]


def test_a_source_comes_from_the_vendors_catalogue_or_the_one_above(folder):
    (folder / "_sources.yaml").write_text(
        "schema: 1\nsources:\n  guide: {mark: unverified, evidence: a guide, where: page 7}\n"
    )
    change(folder / "yealink" / "T42U.yaml", "wazo-v86", "guide")
    source = load_profiles(folder)["T42U"].sources["limits"]
    assert (source.evidence, source.where) == ("a guide", "page 7")
    assert found(folder) == set()


def test_a_source_that_nobody_names_is_a_fault_with_its_place(folder):
    path = folder / "yealink" / "_sources.yaml"
    path.write_text(path.read_text() + "  lonely: {mark: verified, evidence: x}\n")
    (fault,) = [fault for fault in found(folder, uncited=True) if "lonely" in fault]
    line = len(path.read_text().splitlines())
    assert fault.startswith(f"device_profiles/yealink/_sources.yaml:{line}:")
    assert fault.endswith("sources.lonely: no profile names this source")


def test_what_a_parent_says_already_is_a_fault_also_between_parents(folder):
    change(folder / "yealink" / "T42U.yaml", "limits:", "vendor: yealink\nlimits:")
    change(folder / "yealink" / "_t4s.yaml", "sources:", "features: {vlan: handset}\nsources:")
    says = "says what its parent says already; remove it"
    assert found(folder) == {
        f"device_profiles/yealink/T42U.yaml:5:9 vendor: {says}",
        f"device_profiles/yealink/_t4s.yaml:6:18 features.vlan: {says}",
    }


def test_two_models_of_one_name_on_the_wire_are_a_fault(folder):
    change(folder / "yealink" / "T42U.yaml", "{code:", "{name: T43U, code:")
    (fault,) = found(folder)
    assert "T43U is also in" not in fault
    assert "hardware.name: T43U is also the name of T42U: no request tells them apart" in fault


def test_a_malformed_oui_is_a_fault(folder):
    vendor = folder / "snom" / "_vendor.yaml"
    for wrong in ("00:04:1G", "0:04:13", "01:04:13", "00-04-13"):
        change(vendor, "mac_oui: [", f'mac_oui: ["{wrong}", ')
    texts = " ".join(found(folder))
    for wrong in ("00:04:1G", "0:04:13", "01:04:13", "00-04-13"):
        assert f"{wrong} is not like 00:15:65" in texts


def test_keys_and_their_kinds_belong_together(folder):
    change(folder / "yealink" / "T30.yaml", "line_keys: none\n", "")
    change(folder / "yealink" / "T42U.yaml", "line_keys: 15", "line_keys: 0")
    texts = [fault for fault in found(folder) if "a model without keys" in fault]
    assert len(texts) == 2


def test_pages_hold_exactly_the_models_keys_and_kinds_that_it_has(folder):
    change(folder / "snom" / "D785.yaml", "limits:", 'quirks: {key_pages: "side: 3"}\nlimits:')
    pages = 'quirks: {key_pages: "side: 15"}\npage_kinds: {side: {mailbox: [value]}}\nlimits:'
    change(folder / "yealink" / "T42U.yaml", "limits:", pages)
    assert sorted(fault for fault in found(folder) if "no source" not in fault) == [
        f"device_profiles/{where}"
        for where in (
            (
                "snom/D785.yaml:4:10 quirks.key_pages: "
                "quirk key_pages: the pages hold 3 keys, limits.line_keys says 24"
            ),
            (
                "yealink/T42U.yaml:6:21 page_kinds.side.mailbox: "
                "line_keys has no mailbox, so no page can"
            ),
        )
    ]


def test_no_lamp_is_said_and_not_forgotten(folder):
    change(
        folder / "yealink" / "T30.yaml",
        "line_keys: none",
        "line_keys: none\nlamps: {message: none}",
    )
    profiles = load_profiles(folder)
    assert profiles["T30"].message_lamp is None
    assert profiles["T31"].message_lamp is not None
    assert found(folder) == set()


def test_a_format_that_nobody_reads_is_a_fault(folder):
    change(folder / "snom" / "_vendor.yaml", "format: xml_elements", "format: xml_elephants")
    (fault,) = load_faults(folder)
    assert fault.startswith("snom/_vendor.yaml:")
    assert "no module of provisioning.formats reads this format; got xml_elephants" in fault


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "text"),
    [
        ("_line_keys.cfg.j2", "{{ key.value }}", "{{ kye.value }}", 12, "nobody defines kye"),
        ("_phone.cfg.j2", "{{ intent.provisioning.url }}", "{{ 1 | shout }}", 2, "No filter"),
        ("_phone.cfg.j2", "{% if intent.vlan %}", "{% if intent.vlan %", None, "expected"),
        ("_accounts.cfg.j2", "tables.srtp[", "tables.strp[", None, "has no table strp"),
        ("handset.cfg.j2", "_phone.cfg", "_fone.cfg", 2, "there is no template yealink/_fone"),
        ("readback.yaml", "table: srtp", "table: strp", None, "has no table strp"),
    ],
)  # fmt: skip
def test_a_wrong_template_is_a_fault_with_file_and_line(
    folder, templates, file, old, new, line, text
):
    change(templates / "yealink" / file, old, new)
    faults = found(folder, templates)
    assert any(text in fault for fault in faults), faults
    (fault,) = [fault for fault in faults if text in fault]
    assert fault.startswith(f"templates/yealink/{file}:{line or ''}")


def test_the_shipped_templates_have_no_fault(folder, templates):
    assert found(folder, templates) == set()
