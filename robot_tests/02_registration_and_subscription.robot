*** Settings ***
Documentation       Before any message: accounts are registered and know their mailbox's state.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           registration


*** Test Cases ***
The Phone Is Registered
    [Setup]    Require Capability    callee    register
    Handset Should Be Registered    callee

The Caller Is Registered
    [Setup]    Require Capability    caller    register
    Handset Should Be Registered    caller

The Phone Subscribes To Message Waiting
    [Tags]    R32
    [Setup]    Fresh Start    callee    mwi_subscribe
    Handset Should Have Subscribed    callee

An Empty Mailbox Is Signalled And The Lamp Is Dark
    [Documentation]    The first NOTIFY of a subscription tells the state without any change.
    [Tags]    R32    R63
    [Setup]    Fresh Start    callee    mwi_subscribe    lamp
    MWI State Should Be    callee    no    0/0
    Lamp Should Be    callee    dark
    Mailbox Should Hold    new=0    saved=0

Two Accounts Of One Phone Subscribe Each
    [Tags]    R62
    [Setup]    Fresh Start    twin    mwi_subscribe    several_accounts
    Handset Should Have Subscribed    twin    account=1
    Handset Should Have Subscribed    twin    account=2
