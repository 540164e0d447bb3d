"""A TCP relay that sees what passes: request lines one way, bytes the other."""

import re
import socket
import threading

_REQUEST_LINE = re.compile(rb"(?:^|\r\n\r\n)([A-Z]+ \S+) HTTP/1\.1\r\n")


class Relay:
    """Stands on a port of its own before another address. `after(bytes, action)` runs `action`
    once, on a thread of the relay, when so many bytes of answers have passed; `before(text, action)`
    before the first request whose line has that text goes on, which waits for the action."""

    def __init__(self, address):
        host, port = address.split(":")
        self._to = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._requests = []
        self._passed = 0
        self._triggers = []
        self._barriers = []
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def after(self, count, action):
        """Runs `action` when `count` more bytes of answers have passed."""
        with self._lock:
            self._triggers.append((self._passed + count, action))

    def before(self, text, action):
        """Runs `action` before the next request with `text` in its line is passed on."""
        with self._lock:
            self._barriers.append((text, action))

    def requests(self):
        """Request lines without version, in the order of their coming."""
        with self._lock:
            return list(self._requests)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._to)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets += [client, server]
            for source, target, look in ((client, server, self._see_request),
                                         (server, client, self._see_answer)):
                threading.Thread(target=self._pump, args=(source, target, look),
                                 daemon=True).start()

    def _see_request(self, data):
        lines = [line.decode() for line in _REQUEST_LINE.findall(data)]
        with self._lock:
            self._requests += lines
            due = [b for b in self._barriers if any(b[0] in line for line in lines)]
            self._barriers = [b for b in self._barriers if b not in due]
        for _, action in due:
            action()

    def _see_answer(self, data):
        with self._lock:
            self._passed += len(data)
            due = [t for t in self._triggers if t[0] <= self._passed]
            self._triggers = [t for t in self._triggers if t[0] > self._passed]
        for _, action in due:
            action()

    @staticmethod
    def _pump(source, target, look):
        try:
            while data := source.recv(65536):
                look(data)
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        """Ends every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)  # ends the thread that accepts
        self._listener.close()
        with self._lock:
            for one in self._sockets:
                one.close()
