*** Settings ***
Documentation       The message key, the PIN, and what hearing does to the lamp.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           portal


*** Test Cases ***
Hearing The Message Turns The Lamp Off
    [Tags]    R6    R31    R32
    [Setup]    Fresh Start    callee    busy    lamp    message_key    hear_prompts
    Busy Phone With Mailbox
    Leave Message    from=caller    to=callee
    Lamp Should Be    callee    lit
    Press Message Key And Hear Messages    callee
    Lamp Should Be    callee    dark    new=0    saved=1
    MWI State Should Be    callee    no    0/1

The Own Phone Is Asked For The PIN Only
    [Tags]    R19
    [Setup]    Fresh Start    callee    message_key    hear_prompts
    Portal Should Say    enter_pin    callee

With Automatic Login There Is No Question
    [Tags]    R16
    [Setup]    Fresh Start    callee    message_key    hear_prompts
    Set Mailbox Options    callee    auto_login=on
    Portal Should Say    main_menu    callee

A Wrong PIN Is Refused
    [Tags]    R9
    [Setup]    Fresh Start    callee    message_key    send_digits    hear_prompts
    VAR    ${pin: Secret}    %{PHONERIG_WRONG_PIN=000000}
    Portal Should Say    bad_pin    callee    pin=${pin}

A Phone Whose Number Is An Alias Opens That Mailbox
    [Tags]    R17    R19    R20
    Scenario Should Pass    alias_phone
