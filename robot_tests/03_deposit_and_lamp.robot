*** Settings ***
Documentation       Somebody leaves a message: NOTIFY, counts and lamp follow.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           mwi


*** Test Cases ***
A Message Lights The Lamp
    [Tags]    R32    R2
    [Setup]    Fresh Start    callee    busy    lamp
    Busy Phone With Mailbox
    Leave Message    from=caller    to=callee
    Lamp Should Be    callee    lit    within=2s    new=1    saved=0
    MWI State Should Be    callee    yes    1/0
    Mailbox Should Hold    new=1    saved=0

A Second Message Raises The Count
    [Tags]    R32    R64
    [Setup]    Fresh Start    callee    busy    lamp
    Busy Phone With Mailbox
    Leave Message    from=caller    to=callee
    Leave Message    from=target    to=callee
    Lamp Should Be    callee    lit    new=2    saved=0
    MWI State Should Be    callee    yes    2/0

Switched Off The Lamp Stays Dark
    [Documentation]    Without the option the platform says nothing of a message.
    [Tags]    R32
    [Setup]    Fresh Start    callee    busy    lamp
    Busy Phone With Mailbox
    Set Mailbox Options    callee    mwi=off
    Leave Message    from=caller    to=callee
    MWI State Should Be    callee    no
    ${state}=    Get Lamp State    callee
    Should Be Equal As Strings    ${state.value}    off
    Mailbox Should Hold    new=1    saved=0

A Missed Call Does Not Light The Lamp
    [Tags]    R32
    Scenario Should Pass    missed_call

Two Mailboxes On One Phone Have An Icon Each
    [Tags]    R62
    Scenario Should Pass    two_mailboxes
