"""What mutants are made of: values that do not belong where they are put."""

from __future__ import annotations

# fmt: off
LENGTHS = (
    1, 31, 64, 127, 128, 255, 256, 511, 512, 513, 1024, 4095, 4096, 8192, 16384, 30000,
)

NUMBERS = (
    "0", "-0", "-1", "+1", "1.5", "1e9", "0x10", "00000000000000000001", "2147483647",
    "2147483648", "4294967295", "4294967296", "18446744073709551616", "-2147483649",
    "999999999999999999999999", "NaN", "inf", "\u0663\u0661", "\xb2", "1 2", "1,2", "",
    "9" * 400, "9" * 5000, "0" * 5000,
)
"""What stands where a number belongs."""

FORMATS = (
    "%s%s%s%s", "%n%n%n%n", "%x.%x.%x", "%99999999d", "%.9999f", "{0}", "{}{}",
    "{self.__class__}", "${jndi:x}", "$(id)", "`id`", "'; DROP TABLE messages; --",
    "../../../etc/passwd", "{{7*7}}",
)
"""What an interpreter of any kind would act upon."""

OCTETS = (
    b"\x00", b"\x7f", b"\x1b[31m", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xc3\x9c\xc3\xb1\xc3\x8d", b"\xe2\x80\xaeabc",
    b"\x85", b"\x0b", b"\xe2\x80\xa8", b"\xf0\x9f\x93\x9e", b"\r", b"\n", b"\x1e", b"\xc3",
    b"\xc7\x85",
    b"\x00" * 40,
)
"""Control characters, and what is no UTF-8 or looks like something else."""

SIGNS = (
    "<", ">", '"', "\\", "(", ")", "[", "]", ";", ",", "=", ":", "@", "?", "&", "/", "%", "*",
    "'", " ", "\t", "<>", '"\\', "<<", ">>", ";;", ",,", "==", ";=", ";lr", "%00", "%zz",
    "%u0041",
)
"""Characters with a meaning in the grammar."""

URIS = (
    "sip:", "sip:@", "sip::", "sip:user@", "sip:@h", "sip:u@[::1", "sip:u@[]", "sip:u@]::1[",
    "sip:u@[::1]:5060", "sip:u@[fe80::1%25eth0]", "sip:u@1.2.3.4.5", "sip:u@999.1.1.1",
    "sip:u@h:0", "sip:u@h:99999", "sip:u@h:-1", "sip:u@h:port", "sip:u@h:", "sip:u@h;",
    "sip:u@h;;", "sip:u@h;=", "sip:u@h;transport=", "sip:u@h;transport=sctp;transport=udp",
    "sip:u@h;lr;lr;maddr=1.2.3.4", "sip:u@h;ttl=999", "sip:u@h?", "sip:u@h?Route=%3Csip:evil%3E",
    "sip:u@h?a&b&c", "sip:u@h?body=%0d%0a", "sip:u:p@h", "sip:u:p:q@h", "sip:a@b@c", "sip:%00@h",
    "sip:%@h", "sip:%0d%0aX:%20y@h", "SIP:U@H", "sips:u@h", "tel:", "tel:+",
    "tel:+49-30-23125-101;phone-context=+49", "tel:+49;ext=1;isub=2", "http://h/", "mailto:u@h",
    "urn:service:sos", "data:,x", "javascript:1", "u@h", "h", ":", "//", "?",
    "sip:+493023125101;npdi;rn=1@h", "sip:101;phone-context=h@h;user=phone", "sip:*97@h",
    "sip:#@h", "sip:101@h sip:102@h", "<sip:101@h>", '"x" <sip:101@h>', "sip:\xfc@h",
    "sip:u@\xfc.example",
)
"""URIs that are odd or broken."""

SDP_LINES = (
    "v=1", "v=", "o=", "o=- - - - - -", "o=a 1 1 IN IP4", "c=IN IP4 0.0.0.0",
    "c=IN IP4 256.1.1.1", "c=IN IP6 ::", "c=IN IP4 host.example", "c=IN IP4 224.2.1.1/127/3",
    "c=", "c=IN", "t=", "t=x y", "m=", "m=audio", "m=audio 0 RTP/AVP 8", "m=audio -1 RTP/AVP 8",
    "m=audio 65536 RTP/AVP 8", "m=audio x RTP/AVP 8", "m=audio 40000 RTP/AVP",
    "m=audio 40000 RTP/SAVP 8", "m=video 1 RTP/AVP 31", "m=audio 40000/9999 RTP/AVP 8",
    "m=audio 40000 RTP/AVP 999 -1 x", "m=audio 40000 udp 8", "m=image 9 udptl t38", "a=rtpmap:",
    "a=rtpmap:8", "a=rtpmap:8 /", "a=rtpmap:8 PCMA/0", "a=rtpmap:x PCMA/8000",
    "a=fmtp:101 0-999999", "a=rtpmap:101 telephone-event/0", "a=sendonly", "a=inactive",
    "a=ptime:0", "a=ptime:99999999", "a=ptime:-1", "a=rtcp:99999",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", "a=candidate:1", "b=AS:-1", "k=clear:x", "z=",
    "=",
)
"""Lines of a session description, most of them wrong."""

OTHER_METHODS = (
    "REGISTER", "SUBSCRIBE", "OPTIONS", "BYE", "CANCEL", "ACK", "INFO", "UPDATE", "MESSAGE",
    "NOTIFY", "REFER", "PRACK", "PUBLISH", "FUZZ", "invite",
)
