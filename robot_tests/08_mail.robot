*** Settings ***
Documentation       What the platform mails about a message, and what stays in the mailbox.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           mail


*** Test Cases ***
A Notice Without Audio And A Copy With The Message
    [Documentation]    The message stays in the mailbox and lights the lamp.
    [Tags]    R4    R31    R33    R34
    [Setup]    Mail Is Taken
    Set Mailbox Options    callee    all_calls=on
    ...    email_notify=notice@beispiel.example    email_copy=copy@beispiel.example
    Leave Message    from=caller    to=callee
    Mail Should Have Come    notice@beispiel.example
    Mail Should Have Come    copy@beispiel.example    audio=yes
    Lamp Should Be    callee    lit    within=10s    new=1    saved=0

Switched Off Nothing Is Mailed
    [Tags]    R33    R34
    [Setup]    Mail Is Taken
    Set Mailbox Options    callee    all_calls=on    email_notify=off    email_copy=off
    Leave Message    from=caller    to=callee
    Mailbox Should Hold    new=1    saved=0
    Set Mailbox Options    callee    email_notify=last@beispiel.example
    Leave Message    from=caller    to=callee
    Mail Should Have Come    last@beispiel.example
    No Mail Should Have Come    notice@beispiel.example
    No Mail Should Have Come    copy@beispiel.example

Redirected Messages Are Mailed And Leave The Mailbox Empty
    [Tags]    R35
    [Setup]    Mail Is Taken
    Set Mailbox Options    callee    all_calls=on    email_redirect=instead@beispiel.example
    ...    email_notify=notice@beispiel.example
    Leave Message    from=caller    to=callee
    Mail Should Have Come    instead@beispiel.example    audio=yes
    Mail Should Have Come    notice@beispiel.example
    Mailbox Should Hold    new=0    saved=0
    MWI State Should Be    callee    no


*** Keywords ***
Mail Is Taken
    Fresh Start    callee    register    lamp
    Require Mail Sink
    Clear Forwarding    callee
