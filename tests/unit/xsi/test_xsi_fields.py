"""Services as documents: what is written is read back, partial changes, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import UsageError
from rig.mailbox_platform import xsi_fields as fields
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.xsi_document import Element, from_xml, leaf

ADDRESSES = st.none() | st.sampled_from(["a@example.net", "b@example.net"])
OPTIONS = st.builds(
    MailboxOptions,
    active=st.booleans(),
    all_calls=st.booleans(),
    busy=st.booleans(),
    no_answer=st.booleans(),
    mwi=st.booleans(),
    email_notify=ADDRESSES,
    email_copy=ADDRESSES,
    email_redirect=ADDRESSES,
)
RULES = st.builds(
    ForwardRule, st.just(False), st.sampled_from(["", "+4930999"]), st.just(3)
) | st.builds(ForwardRule, st.booleans(), st.just("+4930999"), st.just(3))


@given(OPTIONS, OPTIONS)
def test_options_come_back_whatever_they_were_before(options, former):
    document = fields.options_document(options)
    kept = fields.change_options(former, document)
    assert kept == fields.change_options(options, Element("VoiceMessaging"))


@given(st.sampled_from(sorted(fields.FORWARDS)), RULES, RULES)
def test_rules_come_back_whatever_they_were_before(service, rule, former):
    document = fields.forward_for_put(service, rule)
    assert fields.change_forward(former, document, str) == rule


@given(st.sampled_from(sorted(fields.FORWARDS)), RULES)
def test_one_rule_is_replaced_and_no_other(service, rule):
    services = fields.with_forward(UserServices(), service, rule)
    assert fields.forward_of(services, service) == rule
    others = [fields.forward_of(services, name) for name in fields.FORWARDS if name != service]
    assert others == [ForwardRule()] * 3


def changed(options: MailboxOptions, xml: str) -> MailboxOptions:
    return fields.change_options(
        options, from_xml(f"<VoiceMessaging>{xml}</VoiceMessaging>".encode())
    )


def test_only_what_is_named_changes():
    options = MailboxOptions(
        all_calls=True, email_notify="a@example.net", auto_login=True, rings=7
    )
    after = changed(options, "<busyRedirectToVoiceMail>false</busyRedirectToVoiceMail>")
    assert after == MailboxOptions(
        all_calls=True, email_notify="a@example.net", auto_login=True, rings=7, busy=False
    )
    assert changed(options, "") == options


def test_mail_is_switched_on_and_off():
    on = (
        "<sendVoiceMessageNotifyEmail>true</sendVoiceMessageNotifyEmail>"
        "<voiceMessageNotifyEmailAddress>a@example.net</voiceMessageNotifyEmailAddress>"
    )
    notified = changed(MailboxOptions(), on)
    assert notified == MailboxOptions(email_notify="a@example.net")
    off = "<sendVoiceMessageNotifyEmail>false</sendVoiceMessageNotifyEmail>"
    assert changed(notified, off) == MailboxOptions()
    other = "<voiceMessageNotifyEmailAddress>b@example.net</voiceMessageNotifyEmailAddress>"
    assert changed(notified, other).email_notify == "b@example.net"
    assert changed(MailboxOptions(), other).email_notify is None
    redirected = changed(
        MailboxOptions(),
        "<processing>Deliver To Email Address Only</processing>"
        "<voiceMessageDeliveryEmailAddress>c@example.net</voiceMessageDeliveryEmailAddress>",
    )
    assert redirected.email_redirect == "c@example.net"
    unified = "<processing>Unified Voice and Email Messaging</processing>"
    assert changed(redirected, unified) == MailboxOptions()


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        ("<active>maybe</active>", "active is not a boolean"),
        ("<active><deep>true</deep></active>", "active is not a boolean"),
        ('<active nil="true"/>', "active is not a boolean"),
        ("<processing>Fax</processing>", "processing is 'Fax'"),
        ("<processing>Deliver To Email Address Only</processing>", "no voiceMessageDelivery"),
        ("<sendCarbonCopyVoiceMessage>true</sendCarbonCopyVoiceMessage>", "no voiceMessageCarb"),
        ("<sendAllToVoiceMail>true</sendAllToVoiceMail>", "sendAllToVoiceMail is not known"),
        (
            "<outOfPrimaryZoneRedirectToVoiceMail>true</outOfPrimaryZoneRedirectToVoiceMail>",
            "does not have it",
        ),
    ],
)
def test_refusals_name_the_element(xml, says):
    with pytest.raises(fields.FieldError, match=says):
        changed(MailboxOptions(), xml)


def test_a_lenient_reader_passes_over_what_it_does_not_know():
    document = from_xml(b"<VoiceMessaging><active>false</active><new>thing</new></VoiceMessaging>")
    read = fields.change_options(MailboxOptions(), document, strict=False)
    assert read == MailboxOptions(active=False)


def test_transfer_on_zero():
    def change(former: str, xml: str) -> str:
        document = from_xml(f"<VoiceMessaging>{xml}</VoiceMessaging>".encode())
        return fields.change_transfer(former, document, lambda text: f"+{text}")

    on = "<transferOnZeroToPhoneNumber>true</transferOnZeroToPhoneNumber>"
    off = "<transferOnZeroToPhoneNumber>false</transferOnZeroToPhoneNumber>"
    number = "<transferPhoneNumber>49301</transferPhoneNumber>"
    assert change("", on + number) == "+49301"
    assert change("+49301", off) == ""
    assert change("+49301", "") == "+49301"
    assert change("+49301", '<transferPhoneNumber nil="true"/>' + off) == ""
    with pytest.raises(fields.FieldError, match="transferPhoneNumber"):
        change("", on)


@pytest.mark.parametrize("text", ["-1", "3.0", "", "٣", "9" * 40, "two"])
def test_rings_that_are_no_count(text):
    document = Element("G", children=(leaf("noAnswerNumberOfRings", text),))
    with pytest.raises(fields.FieldError, match="noAnswerNumberOfRings"):
        fields.greeting_changes(document)


def test_active_without_a_number_is_refused():
    with pytest.raises(UsageError, match="forwardToPhoneNumber"):
        fields.change_forward(
            ForwardRule(),
            Element("CallForwardingBusy", children=(leaf("active", value=True),)),
            str,
        )


def test_a_client_writes_no_switch_that_it_does_not_know():
    names = {
        child.name for child in fields.for_put(fields.options_document(MailboxOptions())).children
    }
    assert "outOfPrimaryZoneRedirectToVoiceMail" not in names
    assert "alwaysRedirectToVoiceMail" in names
