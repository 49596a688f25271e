*** Settings ***
Documentation       What callers hear: standard greetings, and those that owners choose instead.
Library             Collections
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Setup          Callers Are Heard
Test Tags           greeting


*** Test Cases ***
Standard Greetings Are There From The Start
    [Tags]    R41    R42    R43
    Call While Busy
    Greeting Should Be    busy
    Call Unanswered
    Greeting Should Be    unavailable

Greetings Of One's Own Replace Them One By One
    [Tags]    R3    R44    R48
    Add Announcement    Engaged    owner=callee
    Put Announcement    callee    busy    Engaged
    Use Greeting    callee    busy
    Call While Busy
    Announcement Should Be Heard    Engaged
    Call Unanswered
    Greeting Should Be    unavailable
    Use Standard Greeting    callee    busy
    Call While Busy
    Greeting Should Be    busy

Unavailable Has A Place Of Its Own And Three Alternates
    [Tags]    R3    R44    R49
    FOR    ${place}    IN    unavailable    alternate_1    alternate_2    alternate_3
        Add Announcement    Away ${place}    owner=callee
        Put Announcement    callee    ${place}    Away ${place}
        Use Greeting    callee    ${place}
        Call Unanswered
        Announcement Should Be Heard    Away ${place}
    END
    Call While Busy
    Greeting Should Be    busy

The Administrator's Announcement Is For Everybody And One's Own For Oneself
    [Tags]    R45    R46    R50
    [Setup]    Callers Are Heard    member
    Add Announcement    House
    Add Announcement    Mine    owner=callee
    ${theirs}=    Get Announcements    member
    List Should Contain Value    ${theirs}    House
    List Should Not Contain Value    ${theirs}    Mine
    Should Be Refused    Put Announcement    member    busy    Mine
    FOR    ${owner}    IN    callee    member
        Put Announcement    ${owner}    busy    House
        Use Greeting    ${owner}    busy
        Call While Busy    ${owner}
        Announcement Should Be Heard    House
    END

A Choice Holds Once It Is Saved
    [Tags]    R50
    Add Announcement    Saved    owner=callee
    ${mine}=    Get Announcements    callee
    List Should Contain Value    ${mine}    Saved
    Put Announcement    callee    busy    Saved
    Call While Busy
    Greeting Should Be    busy
    Use Greeting    callee    busy
    Call While Busy
    Announcement Should Be Heard    Saved

By Phone The Kind Is Chosen First
    [Tags]    R47
    Require Capability    callee    message_key    send_digits    hear_prompts
    Add Announcement    By phone    owner=callee
    Put Announcement    callee    busy    By phone
    Open The Portal Without PIN    callee
    Press Keys    9
    Should Hear    portal.settings
    Press Keys    2
    Should Hear    portal.greeting_menu
    Press Keys    3
    Should Hear    portal.greeting_chosen
    Hang Up
    Call While Busy
    Announcement Should Be Heard    By phone
    Use Standard Greeting    callee    busy


*** Keywords ***
Callers Are Heard
    [Arguments]    ${role}=callee
    Require Capability    caller    hear_prompts
    Fresh Start    ${role}    busy    answer
    Clear Forwarding    callee
    Set Mailbox Options    callee    rings=0

Call While Busy
    [Documentation]    With no rings at all an idle phone counts as unanswered, a busy one as busy.
    [Arguments]    ${role}=callee
    Clear Forwarding    ${role}
    Set Mailbox Options    ${role}    rings=2
    Set Answer Mode    ${role}    busy
    Call    from=caller    to=${role}    talk=0.8s

Call Unanswered
    Set Mailbox Options    callee    rings=0
    Set Answer Mode    callee    ring
    Call    from=caller    to=callee    talk=0.8s
