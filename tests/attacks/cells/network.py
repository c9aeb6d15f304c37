"""Call a listener on the machine that grades."""

import socket

reached = []
for place in (("127.0.0.1", PORT), ("localhost", PORT)):
    try:
        with socket.create_connection(place, timeout=2) as connection:
            connection.sendall(b"secret")
        reached.append(place)
    except OSError:
        pass
print(f"\nattack ran {reached}\n", end="")
