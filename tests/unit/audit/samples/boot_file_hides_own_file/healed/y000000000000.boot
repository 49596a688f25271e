#!version:1.0.0.1
include:config "common.cfg"
include:config "805ec01a2b03.cfg"
overwrite_mode = 1
