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
