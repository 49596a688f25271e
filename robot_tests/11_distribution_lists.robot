*** Settings ***
Documentation       A heard message is sent on to a list, by its number.
Library             Collections
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Setup          A Message Waits
Test Tags           lists


*** Test Cases ***
The Members Of The Typed List Get The Message
    [Documentation]    One member by number, one by extension; another list stays out of it.
    [Tags]    R7    R51    R53    R54    R57
    ${other}=    Create Distribution List    callee    Others
    ${list}=    Create Distribution List    callee    Support-Team
    ${number}=    Get Number    member
    Add List Member    callee    ${list}    ${number}
    ${extension}=    Get Number    colleague    extension
    Add List Member    callee    ${other}    ${extension}
    Should Be Refused    Add List Member    callee    ${list}    +492115551111
    Send First Message To List    callee    ${list}
    Wait For Lamp    member    lit
    Mailbox Should Hold    new=1    saved=0    role=member
    Mailbox Should Hold    new=0    saved=0    role=colleague
    Open The Portal Without PIN    member
    Press Keys    1
    Should Hear    portal.message
    Hang Up

There Are Fifteen Lists And An Emptied Place Is Used Again
    [Tags]    R52    R55
    FOR    ${wanted}    IN RANGE    1    16
        ${number}=    Create Distribution List    callee    List ${wanted}
        Should Be Equal As Integers    ${number}    ${wanted}
    END
    Should Be Refused    Create Distribution List    callee    One too many
    Empty Distribution List    callee    7
    ${number}=    Create Distribution List    callee    Again
    Should Be Equal As Integers    ${number}    7
    ${extension}=    Get Number    member    extension
    Add List Member    callee    7    ${extension}
    Send First Message To List    callee    7
    Mailbox Should Hold    new=1    saved=0    role=member

A Renamed List With Another Member Keeps Its Number
    [Tags]    R56    R57    R58    R59    R60
    ${list}=    Create Distribution List    callee    Support-Team
    ${first}=    Get Number    member    extension
    ${second}=    Get Number    colleague    national
    Add List Member    callee    ${list}    ${first}
    Rename Distribution List    callee    ${list}    Vertrieb
    Should Be Refused    Rename Distribution List    callee    ${list}    ${SPACE}
    Remove List Member    callee    ${list}    ${first}
    Add List Member    callee    ${list}    ${second}
    ${names}=    Get Distribution Lists    callee
    Should Be Equal    ${names}[${list}]    Vertrieb
    Send First Message To List    callee    ${list}
    Mailbox Should Hold    new=0    saved=0    role=member
    Mailbox Should Hold    new=1    saved=0    role=colleague

A Colleague Who Types The Number Reaches A List Of One's Own
    [Documentation]    A choice of ours: the guide does not say whose list the number means.
    [Tags]    R60a
    ${extension}=    Get Number    colleague    extension
    ${number}=    Create Distribution List    callee    Callee's
    Add List Member    callee    ${number}    ${extension}
    ${same}=    Create Distribution List    member    Member's
    Should Be Equal    ${same}    ${number}
    ${extension}=    Get Number    callee    extension
    Add List Member    member    ${same}    ${extension}
    Everything Goes To The Mailbox    member
    Leave Message    from=caller    to=member
    Send First Message To List    member    ${same}
    Mailbox Should Hold    new=2    saved=0    role=callee
    Mailbox Should Hold    new=0    saved=0    role=colleague


*** Keywords ***
A Message Waits
    Require Capability    member    lamp
    Require Capability    colleague    lamp
    Fresh Start    callee    message_key    send_digits    hear_prompts
    Everything Goes To The Mailbox    callee
    Leave Message    from=caller    to=callee
