*** Settings ***
Documentation       The PIN and its rules, who is asked for what at the portal, and aliases.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Setup          Fresh Start    callee    register    message_key    send_digits    hear_prompts
Test Tags           portal


*** Test Cases ***
A Mailbox Has A PIN From The Start
    [Tags]    R8
    VAR    ${other: Secret}    %{PHONERIG_WRONG_PIN=000000}
    Call The Portal    callee
    Should Hear    portal.enter_pin
    Enter PIN    ${other}
    Should Hear    portal.bad_pin    portal.enter_pin
    Enter PIN
    Should Hear    portal.main
    Hang Up

The Owner's New PIN Opens The Portal And The Old One No More
    [Documentation]    Two different entries change nothing; equal ones do.
    [Tags]    R9    R11
    VAR    ${new: Secret}    %{PHONERIG_NEW_PIN=975310}
    VAR    ${other: Secret}    %{PHONERIG_OTHER_PIN=975319}
    Should Be Refused    Change PIN    callee    ${new}    ${other}
    Open The Portal    callee
    Hang Up
    Change PIN    callee    ${new}    ${new}
    Call The Portal    callee
    Should Hear    portal.enter_pin
    Enter PIN
    Should Hear    portal.bad_pin    portal.enter_pin
    Enter PIN    ${new}
    Should Hear    portal.main
    Hang Up

A Made PIN Keeps The Rules And Holds Once It Is Saved
    [Tags]    R10    R12
    FOR    ${turn}    IN RANGE    20
        ${made}=    Make PIN    callee
        PIN Should Keep The Rules    ${made}
    END
    Call The Portal    callee
    Should Hear    portal.enter_pin
    Enter PIN    ${made}
    Should Hear    portal.bad_pin    portal.enter_pin
    Enter PIN
    Should Hear    portal.main
    Hang Up
    Change PIN    callee    ${made}
    Open The Portal    callee    ${made}
    Hang Up

A PIN Has Six Digits And No Long Run
    [Documentation]    123567 is the guide's own example of a PIN that is allowed.
    [Tags]    R13    R14    R15
    VAR    ${allowed: Secret}    %{PHONERIG_ALLOWED_PIN=123567}
    PIN Should Be Refused    callee    12357    9
    PIN Should Be Refused    callee    97531a    97531*    97531\#
    PIN Should Be Refused    callee    123456    654321    123499    432199    123457
    Change PIN    callee    ${allowed}
    Open The Portal    callee    ${allowed}
    Hang Up

Any Other Phone Is Asked For Number And PIN
    [Documentation]    Automatic login of the owner changes nothing for others.
    [Tags]    R6    R18
    [Setup]    Fresh Start    caller    send_digits    hear_prompts
    Set Mailbox Options    callee    auto_login=on
    ${number}=    Get Number    callee    national
    Call The Portal    caller
    Should Hear    portal.enter_mailbox
    Press Keys    ${number}\#
    Should Hear    portal.enter_pin
    Press Keys    000000\#
    Should Hear    portal.bad_pin
    Hang Up

Three Phones Become Aliases And Need The PIN Only
    [Documentation]    The inventory gives the mailbox one alias already, two are added.
    [Tags]    R19    R20    R21
    [Setup]    Fresh Start    alias    send_digits    hear_prompts
    FOR    ${role}    IN    caller    target
        Portal Should Ask For Number And PIN    ${role}
        ${number}=    Get Number    ${role}
        Add Alias    callee    ${number}
    END
    FOR    ${role}    IN    alias    caller    target
        Portal Should Ask For PIN Only    ${role}
    END
    ${number}=    Get Number    caller
    Remove Alias    callee    ${number}
    Portal Should Ask For Number And PIN    caller

With Automatic Login An Alias Needs No PIN
    [Tags]    R16    R17
    [Setup]    Fresh Start    alias    hear_prompts
    Set Mailbox Options    callee    auto_login=on
    FOR    ${role}    IN    callee    alias
        Call The Portal    ${role}
        ${first}=    Hear Next    portal.
        Should Be Equal    ${first}    portal.main
        Hang Up
    END

An Alias May Be Written With Hyphens A Plus Or One Zero
    [Tags]    R22    R23    R24
    [Setup]    Fresh Start    caller    hear_prompts
    FOR    ${form}    IN    hyphens    international    national
        ${number}=    Get Number    caller    ${form}
        Add Alias    callee    ${number}
        Portal Should Ask For PIN Only    caller
        Remove Alias    callee    ${number}
    END
    ${number}=    Get Number    caller    double_zero
    Should Be Refused    Add Alias    callee    ${number}
    FOR    ${written}    IN    49+2115551111    0211-CALL    -02115551111    0211--5551111    -
        Should Be Refused    Add Alias    callee    ${written}
    END
    Portal Should Ask For Number And PIN    caller

The Guide's Three Examples Are One Alias
    [Tags]    R25
    [Setup]    Fresh Start    callee    register
    FOR    ${written}    IN    +49 2115551111    02115551111    0211-555-1111
        ${alias}=    Add Alias    callee    ${written}
        Should Be Equal    ${alias}    +492115551111
        Should Be Refused    Add Alias    callee    0211 5551111
        Remove Alias    callee    ${written}
    END
