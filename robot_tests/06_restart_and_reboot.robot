*** Settings ***
Documentation       After a power cut everything is as before.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           restart


*** Test Cases ***
After A Power Cut The Lamp Is Right Without A New Message
    [Tags]    R61    R63
    [Setup]    Fresh Start    callee    busy    lamp    reboot
    Busy Phone With Mailbox
    Leave Message    from=caller    to=callee
    Lamp Should Be    callee    lit
    Power Cycle Handset    callee
    Lamp Should Be    callee    lit    within=12s    new=1
    Handset Should Be Registered    callee

Settings Survive A Power Cut
    [Tags]    R61
    [Setup]    Fresh Start    callee    reboot
    Clear Forwarding    callee
    Set Mailbox Options    callee    all_calls=on
    Power Cycle Handset    callee
    Leave Message    from=caller    to=callee
    Diversion Reason Should Be    unconditional    greeting=unavailable

Settings And Messages Survive A Restart Of The Platform
    [Documentation]    PIN, list, alias, options and the message are there; phones register anew.
    [Tags]    R61    R63
    [Setup]    Fresh Start    callee    busy    lamp    reboot    message_key    send_digits
    Busy Phone With Mailbox
    VAR    ${new: Secret}    %{PHONERIG_NEW_PIN=975310}
    Change PIN    callee    ${new}
    Create Distribution List    callee    Kept
    Add Alias    callee    0211-555-1111
    Set Mailbox Options    callee    no_answer=off
    Leave Message    from=caller    to=callee
    Restart Platform
    Power Cycle Handset    caller
    Power Cycle Handset    callee
    Lamp Should Be    callee    lit    within=15s    new=1    saved=0
    ${lists}=    Get Distribution Lists    callee
    Should Be Equal    ${lists}[${1}]    Kept
    ${aliases}=    Get Aliases    callee
    Should Contain    ${aliases}    +492115551111
    Open The Portal    callee    ${new}
    Hang Up
