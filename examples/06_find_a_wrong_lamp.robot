*** Settings ***
Documentation       The same in Robot Framework: robot examples/06_find_a_wrong_lamp.robot
Library             rig.robotlib


*** Test Cases ***
A Message Lights The Lamp
    Open Bench
    Set Answer Mode    anna    busy
    Leave Message    from=emil    to=anna
    Lamp Should Be    anna    lit    within=2s    new=1

A Dead Lamp Is Found
    Open Bench    fault=lamp-stuck-off
    Run Scenario    busy
    Fault Should Be Named    M9    handset
    Verdict Should Be    fail
