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

Switched Off The Lamp Stays Dark
    [Documentation]    Without the option the platform says nothing of a message.
    [Tags]    R32
    [Setup]    Fresh Start    callee    busy    lamp
    Busy Phone With Mailbox
    Set Mailbox Options    callee    mwi=off
    Leave Message    from=caller    to=callee
    MWI State Should Be    callee    no
    Lamp Should Stay    callee    dark
    Mailbox Should Hold    new=1    saved=0

A Missed Call Does Not Light The Lamp
    [Tags]    R32
    Scenario Should Pass    missed_call

Two Mailboxes On One Phone Have An Icon Each
    [Tags]    R62
    Scenario Should Pass    two_mailboxes

A Second Message Raises The Count And Hearing One Leaves The Lamp On
    [Tags]    R32    R64
    [Setup]    Fresh Start    callee    busy    lamp    message_key    send_digits    hear_prompts
    Busy Phone With Mailbox
    Leave Message    from=caller    to=callee
    Leave Message    from=target    to=callee
    Lamp Should Be    callee    lit    new=2    saved=0
    MWI State Should Be    callee    yes    2/0
    Open The Portal Without PIN    callee
    Press Keys    1
    Should Hear    portal.message    portal.message
    Hang Up
    Mailbox Should Hold    new=1    saved=1
    MWI State Should Be    callee    yes    1/1
    Lamp Should Stay    callee    lit
    Call The Portal    callee
    Should Hear    portal.main
    Press Keys    1
    Should Hear    portal.end_of_messages
    Hang Up
    Lamp Should Be    callee    dark    new=0    saved=2
    MWI State Should Be    callee    no    0/2

A Fax Does Not Light The Lamp For Voice
    [Documentation]    The flag is yes for any class of message; the voice counts are 0/0.
    [Tags]    R65
    [Setup]    Fresh Start    callee    lamp    mwi_subscribe
    Let Fax Wait    callee
    MWI State Should Be    callee    yes    0/0
    Lamp Should Stay    callee    dark    for=1s
