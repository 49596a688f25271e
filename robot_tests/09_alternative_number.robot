*** Settings ***
Documentation       A caller at the mailbox presses 0.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Setup          The Mailbox Answers
Test Tags           transfer


*** Test Cases ***
Zero At The Greeting Reaches The Other Number
    [Tags]    R5    R36    R37    R39
    Set Answer Mode    target    answer
    ${number}=    Get Number    target    international
    Set Transfer Number    callee    ${number}
    Press Zero At The Greeting
    Should Hear    deposit.transfer
    Handset Should Have Rung    target
    Hang Up
    Handset Should Not Have Rung    callee
    Mailbox Should Hold    new=0    saved=0

Zero After Speaking Keeps The Message
    [Tags]    R5    R36
    ${number}=    Get Number    target    national
    Set Transfer Number    callee    ${number}
    Call And Wait    from=caller    to=callee
    Should Hear    beep
    Speak    1.3s
    Press Keys    0
    Handset Should Have Rung    target
    Hang Up
    Mailbox Should Hold    new=1    saved=0

Switched Off Zero Rings Nobody
    [Tags]    R37
    Set Transfer Number    callee    off
    Press Zero At The Greeting
    Should Hear    deposit.not_available    beep
    Handset Should Not Have Rung    target
    Speak    1.3s
    Hang Up
    Mailbox Should Hold    new=1    saved=0

The Number May Hold Hyphens And Begin With Zeros Or Be An Extension
    [Tags]    R38    R39
    ${normal}=    Get Number    target
    FOR    ${form}    IN    hyphens    national    double_zero
        ${number}=    Get Number    target    ${form}
        Set Transfer Number    callee    ${number}
        ${kept}=    Get Transfer Number    callee
        Should Be Equal    ${kept}    ${normal.replace(' ', '')}
    END
    FOR    ${written}    IN    0211-CALL    0211--555    03*23125102
        Should Be Refused    Set Transfer Number    callee    ${written}
    END
    ${number}=    Get Number    target    extension
    Set Transfer Number    callee    ${number}
    Press Zero At The Greeting
    Handset Should Have Rung    target
    Hang Up

The Guide's Example Is Taken
    [Documentation]    The bench has no line to the outside, so the caller may leave a message.
    [Tags]    R40
    Set Transfer Number    callee    +49 211-555-1111
    ${kept}=    Get Transfer Number    callee
    Should Be Equal    ${kept}    +492115551111
    Press Zero At The Greeting
    Should Hear    deposit.not_available    beep
    Hang Up


*** Keywords ***
The Mailbox Answers
    Require Capability    target    answer
    Fresh Start    caller    send_digits    hear_prompts
    Everything Goes To The Mailbox    callee

Press Zero At The Greeting
    Call And Wait    from=caller    to=callee
    Should Hear    greeting.unavailable
    Press Keys    0
