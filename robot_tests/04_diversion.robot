*** Settings ***
Documentation       Which calls go where, why, and what the caller hears.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           diversion


*** Test Cases ***
A Busy Phone Diverts To The Mailbox
    [Tags]    R2    R28    R41
    [Setup]    Fresh Start    callee    busy
    Busy Phone With Mailbox
    Leave Message    from=caller    to=callee
    Diversion Reason Should Be    user-busy    greeting=busy
    Greeting Should Be    busy

An Unanswered Call Goes To The Mailbox After Its Rings
    [Tags]    R1    R29    R30    R42
    Scenario Should Pass    unanswered

All Calls Go To The Mailbox Without Ringing
    [Tags]    R27
    Scenario Should Pass    all_calls

Do Not Disturb Counts As Busy
    [Tags]    R28    R41
    [Setup]    Fresh Start    callee    register
    Clear Forwarding    callee
    Set Do Not Disturb    callee    on
    Leave Message    from=caller    to=callee
    Diversion Reason Should Be    do-not-disturb    greeting=busy

Forwarding To A Number Beats The Mailbox
    [Tags]    R30b
    [Setup]    Fresh Start    callee    busy
    Require Capability    target    answer
    Busy Phone With Mailbox
    Set Forwarding    callee    busy    target
    Set Answer Mode    target    answer
    Call Should End With    200    from=caller    to=callee
    Diversion Reason Should Be    user-busy    target=target
    Mailbox Should Hold    new=0    saved=0

Without The Option A Busy Phone Is Busy
    [Tags]    R28
    [Setup]    Fresh Start    callee    busy
    Busy Phone With Mailbox
    Set Mailbox Options    callee    busy=off    no_answer=off
    Call Should End With    486    from=caller    to=callee
    Mailbox Should Hold    new=0    saved=0
