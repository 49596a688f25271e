*** Settings ***
Documentation       On a bench from a file: a phone loses its power and shows its messages again.
Library             rig.robotlib

*** Test Cases ***
The Lamp Is Right After A Power Cut
    Open Bench From File    ${CURDIR}/emulated.yaml
    Run Scenario    power_cut
    Verdict Should Be    pass

The Bench Stays And Knows What It Lacks
    Open Bench From File    ${CURDIR}/emulated.yaml
    Run Scenario    two_mailboxes
