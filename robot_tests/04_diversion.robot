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

Switched Off The Mailbox Takes Nothing
    [Tags]    R26
    [Setup]    Fresh Start    callee    busy
    Busy Phone With Mailbox
    Set Mailbox Options    callee    active=off    all_calls=on
    Call Should End With    486    from=caller    to=callee
    Mailbox Should Hold    new=0    saved=0
    Set Mailbox Options    callee    active=on
    Call Should End With    200    from=caller    to=callee

The Three Options Do Not Depend On Each Other
    [Documentation]    All eight combinations for a busy phone; its answer is 486 without a mailbox.
    [Tags]    R30a
    [Setup]    Fresh Start    callee    busy
    Busy Phone With Mailbox
    FOR    ${all_calls}    ${busy}    ${no_answer}    ${status}    IN
    ...    off    off    off    486
    ...    off    off    on     486
    ...    off    on     off    200
    ...    off    on     on     200
    ...    on     off    off    200
    ...    on     off    on     200
    ...    on     on     off    200
    ...    on     on     on     200
        Set Mailbox Options    callee
        ...    all_calls=${all_calls}    busy=${busy}    no_answer=${no_answer}
        Call Should End With    ${status}    from=caller    to=callee
    END

Unanswered Calls Depend On Their Own Option
    [Tags]    R29    R30a
    [Setup]    Fresh Start    callee    answer
    Clear Forwarding    callee
    Set Mailbox Options    callee    rings=2    busy=off
    Call Should End With    200    from=caller    to=callee
    Diversion Reason Should Be    no-answer    greeting=unavailable    rings=2
    Set Mailbox Options    callee    busy=on    no_answer=off
    Miss Call    from=caller    to=callee    ringing=1.6s
    Mailbox Should Hold    new=0    saved=0
