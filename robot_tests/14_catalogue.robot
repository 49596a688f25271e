*** Settings ***
Documentation       Cases of the field that the other suites do not have: who wins where settings meet,
...                 what keys do to the lamp, what happened while the phone was away. A tag names each.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           catalogue


*** Test Cases ***
Forwarding Of Every Call Beats The Mailbox Of Every Call
    [Tags]    DIV-PREC-01    R30b
    [Setup]    Fresh Start    callee    lamp
    Require Capability    target    answer
    Set Mailbox Options    callee    all_calls=on
    Set Forwarding    callee    always    target
    Set Answer Mode    target    answer
    Call Should End With    200    from=caller    to=callee
    Diversion Reason Should Be    unconditional    target=target
    Handset Should Not Have Rung    callee
    Lamp Should Stay    callee    dark    for=1s
    Mailbox Should Hold    new=0    saved=0

A Message Belongs To Whom The Call Was Forwarded To
    [Tags]    DIV-PREC-08
    [Setup]    Fresh Start    callee    lamp
    Require Capability    member    lamp    busy
    Clear Forwarding    member
    Set Forwarding    callee    always    member
    Set Answer Mode    member    busy
    Leave Message    from=caller    to=callee
    Lamp Should Be    member    lit    new=1    saved=0
    Lamp Should Stay    callee    dark    for=1s
    Mailbox Should Hold    new=0    saved=0    role=callee

Two Who Forward To Each Other End The Call
    [Tags]    DIV-CHN-03
    [Setup]    Fresh Start    callee    register
    Set Forwarding    callee    always    target
    Set Forwarding    target    always    callee
    ${status}=    Call    from=caller    to=callee
    Should Be True    $status in (480, 482, 483, 486)    ended with ${status}
    Handset Should Not Have Rung    callee
    Handset Should Not Have Rung    target

Who Hangs Up In The Greeting Leaves Nothing
    [Tags]    DIV-END-01
    [Setup]    Fresh Start    callee    lamp
    Require Capability    caller    hear_prompts
    Everything Goes To The Mailbox
    Call And Wait    from=caller    to=callee
    Should Hear    greeting.unavailable
    Hang Up
    Lamp Should Stay    callee    dark    for=1s
    Mailbox Should Hold    new=0    saved=0

Who Says Nothing After The Beep Leaves Nothing
    [Tags]    VM-DEP-03
    [Setup]    Fresh Start    callee    lamp
    Require Capability    caller    hear_prompts
    Everything Goes To The Mailbox
    Call And Wait    from=caller    to=callee
    Should Hear    beep
    Hang Up
    Lamp Should Stay    callee    dark    for=1s
    MWI State Should Be    callee    no    0/0
    Mailbox Should Hold    new=0    saved=0

What Is Deleted By Key Leaves The Lamp Dark
    [Tags]    VM-MSG-02
    [Setup]    First Message Plays
    Press Keys    7
    Should Hear    portal.deleted
    Hang Up
    Lamp Should Be    callee    dark    new=0    saved=0
    MWI State Should Be    callee    no    0/0

What Is Kept As New Leaves The Lamp Lit
    [Tags]    VM-MSG-08
    [Setup]    First Message Plays
    Press Keys    8
    Should Hear    portal.kept_new
    Hang Up
    Lamp Should Stay    callee    lit    for=1s
    Lamp Should Be    callee    lit    new=1    saved=0

A Message That Was Heard In Part Stays New
    [Tags]    VM-MSG-03    R64
    [Setup]    First Message Plays
    Hang Up
    Lamp Should Be    callee    lit    new=1    saved=0
    MWI State Should Be    callee    yes    1/0

A Mailbox That Is Emptied Elsewhere Turns The Lamp Off
    [Tags]    VM-MSG-10
    [Setup]    Fresh Start    callee    lamp
    Store Message    callee
    Lamp Should Be    callee    lit    new=1    saved=0
    Empty Mailbox    callee
    Lamp Should Be    callee    dark    new=0    saved=0
    MWI State Should Be    callee    no    0/0

What Came While The Phone Was Away Is Shown When It Is Back
    [Tags]    MWI-REG-01    R63
    [Setup]    Fresh Start    callee    lamp    log_off
    Log Off Handset    callee
    Store Message    callee
    Log On Handset    callee
    Lamp Should Be    callee    lit    new=1    saved=0
    MWI State Should Be    callee    yes    1/0

What Went While The Power Was Off Is Not Shown
    [Tags]    MWI-REG-02    R63
    [Setup]    Fresh Start    callee    lamp    reboot
    Store Message    callee
    Lamp Should Be    callee    lit    new=1
    Cut Power    callee
    Empty Mailbox    callee
    Restore Power    callee
    Lamp Should Be    callee    dark    within=12s    new=0    saved=0
    MWI State Should Be    callee    no    0/0

Ringing While A Message Waits Leaves The Lamp Lit
    [Tags]    LAMP-03
    [Setup]    Fresh Start    callee    lamp
    Clear Forwarding    callee
    Store Message    callee
    Lamp Should Be    callee    lit
    Set Mailbox Options    callee    no_answer=off    busy=off
    Miss Call    from=caller    to=callee    ringing=1s
    Lamp Should Stay    callee    lit    for=1s

Three Wrong PINs End The Call And Open Nothing
    [Tags]    VM-POR-06
    [Setup]    Fresh Start    callee    message_key    send_digits    hear_prompts
    VAR    ${wrong: Secret}    %{PHONERIG_WRONG_PIN=000000}
    Call The Portal    callee
    Should Hear    portal.enter_pin
    FOR    ${try}    IN RANGE    2
        Enter PIN    ${wrong}
        Should Hear    portal.bad_pin
    END
    Enter PIN    ${wrong}
    Should Hear    portal.goodbye
    Hang Up
    Portal Should Say    enter_pin    callee

Reason And Greeting Follow The Cause
    [Documentation]    What really happened, what the headers say and what the caller hears agree.
    [Tags]    DIV-CAUSE    R28    R29
    [Setup]    Fresh Start    callee    busy
    [Template]    Reason And Greeting Should Be
    busy    off    user-busy        busy
    ring    off    no-answer        unavailable
    ring    on     unconditional    unavailable


*** Keywords ***
First Message Plays
    Fresh Start    callee    lamp    message_key    send_digits    hear_prompts
    Store Message    callee
    Lamp Should Be    callee    lit    new=1
    Open The Portal Without PIN    callee
    Press Keys    1
    Should Hear    portal.message

Reason And Greeting Should Be
    [Arguments]    ${mode}    ${all_calls}    ${reason}    ${greeting}
    Clear Forwarding    callee
    Set Answer Mode    callee    ${mode}
    Set Mailbox Options    callee    rings=2    all_calls=${all_calls}
    Leave Message    from=caller    to=callee
    Diversion Reason Should Be    ${reason}    greeting=${greeting}
    Greeting Should Be    ${greeting}
