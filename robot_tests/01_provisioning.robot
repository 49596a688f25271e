*** Settings ***
Documentation       Handsets boot from their own files, and the files say what is wanted.
Resource            resources/bench.resource
Suite Setup         Bench Is Ready
Test Tags           provisioning


*** Test Cases ***
Every Handset Boots From Its Own File
    Every Handset Should Have Fetched Its File

Served Files Say What The Inventory Wants
    Fetched Files Should Match Inventory

A Phone Asks For A File That Bears Its Name
    [Setup]    Require Capability    callee    boot_from_files
    ${paths}=    Get Fetched Files    callee
    Should Not Be Empty    ${paths}

What A Model Cannot Express Is Told With A Reason
    ${losses}=    Get Losses
    FOR    ${loss}    IN    @{losses}
        Should Not Be Empty    ${loss}[reason]    ${loss}[handset] ${loss}[field]
    END
