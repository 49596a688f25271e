*** Settings ***
Documentation       What is seen by light, where a lamp board watches the phone under test.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           lamp-board


*** Test Cases ***
The Board Sees A Message Come And Go
    [Setup]    Seen By A Lamp Board    callee    busy    lamp    message_key    send_digits
    Busy Phone With Mailbox
    Leave Message    from=caller    to=callee
    Lamp Should Be    callee    lit    within=2s    new=1
    ${sensor}=    Get Lamp Sensor    callee
    Should Start With    ${sensor}    serial:
    Press Message Key And Hear Messages    callee
    Lamp Should Be    callee    dark    within=2s    new=0

The Board Sees Nothing When A Call Is Missed
    [Setup]    Seen By A Lamp Board    callee    lamp
    Set Mailbox Options    callee    no_answer=off    busy=off    all_calls=off
    Miss Call    from=caller    to=callee
    Lamp Should Stay    callee    dark    for=1s
