*** Settings ***
Documentation       Tests side by side, each with a phone that nobody else uses meanwhile:
...                 pabot --testlevelsplit --processes 2 --resourcefile examples/parallel_lab/phones.ini
...                 examples/parallel_lab/exclusive_phones.robot
Library             OperatingSystem
Library             pabot.PabotLib
Library             rig.robotlib
Test Setup          Take A Phone    lamp
Test Teardown       Give The Phone Back


*** Variables ***
${SITE}             demo
${LEASES}           ${OUTPUT_DIR}${/}leases.txt


*** Test Cases ***
A Message Lights The Lamp Of Any Phone
    A Message Must Light The Lamp

A Message Lights The Lamp Of A Yealink
    [Setup]    Take A Phone    yealink
    A Message Must Light The Lamp

A Message Lights The Lamp Of A Snom
    [Setup]    Take A Phone    snom
    A Message Must Light The Lamp

An Unanswered Call Goes To The Mailbox Of Any Phone
    Run Scenario    unanswered
    Verdict Should Be    pass


*** Keywords ***
Take A Phone
    [Documentation]    Waits until a phone with these tags is free; nobody else gets it until it is given back.
    [Arguments]    @{tags}
    ${name} =    Acquire Value Set    @{tags}
    VAR    ${LEASE}    ${name}    scope=TEST
    ${phone} =    Get Value From Set    phone
    ${caller} =    Get Value From Set    caller
    Note In Leases    taken
    VAR    &{roles}    caller=${caller}    callee=${phone}
    Open Bench    ${SITE}    roles=${roles}    seconds_per_ring=0.3
    Reset Bench

Give The Phone Back
    [Documentation]    The bench lets go of the phone first: whoever is next must find it at rest.
    Close Bench
    Note In Leases    given back
    Release Value Set

Note In Leases
    [Arguments]    ${what}
    ${at} =    Evaluate    time.monotonic()
    Append To File    ${LEASES}    ${at}\t${LEASE}\t${what}\n

A Message Must Light The Lamp
    Clear Forwarding    callee
    Set Answer Mode    callee    busy
    Leave Message    from=caller    to=callee
    Lamp Should Be    callee    lit    within=2s    new=1
