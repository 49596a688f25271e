"""Drives real desk phones by the interfaces that their vendors describe: HTTP, SIP NOTIFY, SSH.

What differs between vendors is data (``descriptions/*.yaml``) as far as it can be read there:
paths, parameters, names of keys, each with its source and whether a public document says so.
What truly differs, how a reply is read and what its answer means, is one module per vendor.
"""
