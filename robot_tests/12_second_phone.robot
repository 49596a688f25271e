*** Settings ***
Documentation       Two phones of one user show and may do the same; a bench of its own.
Resource            resources/bench.resource
Suite Setup         Two Phones Are Ready
Test Tags           several_phones


*** Variables ***
&{PLAY}             caller=emil    callee=desk    second=cordless


*** Test Cases ***
Both Phones Show The Message And Both Go Dark
    [Tags]    R32    R62
    [Setup]    Fresh Start    second    lamp
    Everything Goes To The Mailbox    callee
    Leave Message    from=caller    to=callee
    Lamp Should Be    callee    lit    new=1    saved=0
    Lamp Should Be    second    lit    new=1    saved=0
    Press Message Key And Hear Messages    second
    Lamp Should Be    second    dark    new=0    saved=1
    Lamp Should Be    callee    dark    new=0    saved=1

A Rebooted Phone Shows What The Other Shows
    [Tags]    R62    R63
    [Setup]    Fresh Start    second    lamp    reboot
    Everything Goes To The Mailbox    callee
    Leave Message    from=caller    to=callee
    Lamp Should Be    second    lit    new=1    saved=0
    Power Cycle Handset    second
    Lamp Should Be    second    lit    within=12s    new=1    saved=0
    Wait For Lamp    callee    lit
    Mailbox Should Hold    new=1    saved=0    role=second

Automatic Login Holds For Both Phones
    [Tags]    R16    R17
    [Setup]    Fresh Start    second    hear_prompts
    FOR    ${role}    IN    callee    second
        Portal Should Ask For PIN Only    ${role}
    END
    Set Mailbox Options    callee    auto_login=on
    FOR    ${role}    IN    callee    second
        Call The Portal    ${role}
        ${first}=    Hear Next    portal.
        Should Be Equal    ${first}    portal.main
        Hang Up
    END


*** Keywords ***
Two Phones Are Ready
    Open Bench    ${CURDIR}/sites/two_phones.yaml    roles=${PLAY}    seconds_per_ring=0.5
