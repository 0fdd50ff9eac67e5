"""Reads a message on the standard input as a mail program does, and writes what it found as JSON."""

import email
import email.policy
import json
import sys

message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
addresses = lambda name: [address.addr_spec for address in message[name].addresses]
found = {
    "subject": message["Subject"],
    "from": addresses("From")[0],
    "to": addresses("To"),
    "date": message["Date"].datetime.isoformat(),
    "message_id": message["Message-ID"],
    "type": message["Content-Type"],
    "text": message.get_content().replace("\r\n", "\n"),
    "defects": [str(defect) for part in (message, *message.values()) for defect in part.defects],
}
json.dump(found, sys.stdout, ensure_ascii=False, indent=2)
print()
