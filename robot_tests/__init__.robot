*** Settings ***
Documentation       From the rendered file to the lamp: what a phone shows when somebody left a
...                 message. The same suites run on emulated handsets, a softphone or a lab.
Metadata            Requirements    tags R1 to R65 name rules of the mailbox guide
