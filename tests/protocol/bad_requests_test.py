"""Bad input of every kind: the right status, a message that names the thing, in time, and the next
good request works. The table is in rest_rows.py and grpc_rows.py.
"""

import json
import select
import socket
import time
import unittest

import grpc
from tritonclient.grpc import service_pb2 as pb

from integration.harness import MODEL_REPO, SLOWDOWN, TEST_MODELS, Server, ServerTestCase
from protocol import grpc_rows, rest_rows

ANSWER_SECONDS = 1 * SLOWDOWN
SOCKET_SECONDS = 20 * SLOWDOWN
LEAST_ROWS = 60
INFER = grpc_rows.SERVICE + "ModelInfer"
GOOD_REST = rest_rows.infer(rest_rows.GOOD_BODY)
GOOD_GRPC = grpc_rows.request().SerializeToString()
SUM = [2 * v for v in rest_rows.TEN]


class Answer:
    """An HTTP answer as it came from the wire."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.head = head.decode("latin-1")
        self.headers = {k.lower(): v.strip() for k, _, v in (s.partition(":") for s in lines[1:])}
        self.body = body


def connect(address):
    """A connection of its own."""
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=SOCKET_SECONDS)


def read_answer(stream):
    """Reads one answer, interim ones left out."""
    while True:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                raise AssertionError(f"connection closed without an answer: {head!r}")
            head += line
        if not head.startswith(b"HTTP/1.1 100 "):
            break
    answer = Answer(head[:-4], b"")
    answer.body = stream.read(int(answer.headers.get("content-length", 0)))
    return answer


def send(connection, row):
    """Puts a row on the wire, its end included."""
    size = row.pieces or len(row.request) or 1
    for at in range(0, len(row.request), size):
        connection.sendall(row.request[at:at + size])
    if row.end == "half-close":
        connection.shutdown(socket.SHUT_WR)
    elif row.end == "close":
        connection.close()


class Table(ServerTestCase):
    """One server for the whole table."""

    repositories = (MODEL_REPO, TEST_MODELS)
    options = {"http_max_input_size": rest_rows.MAX_INPUT,
               "http_max_request_size": rest_rows.MAX_REQUEST}

    # ---- good requests ----------------------------------------------------------------------

    def check_good(self, stream):
        """A good answer is on the way."""
        answer = read_answer(stream)
        self.assertEqual(200, answer.status, answer.body)
        outputs = {o["name"]: o["data"] for o in json.loads(answer.body)["outputs"]}
        self.assertEqual(SUM, outputs["OUTPUT0"])

    def check_rest_works(self):
        """A good request on a fresh connection."""
        with connect(self.server.http) as connection, connection.makefile("rb") as stream:
            connection.sendall(GOOD_REST)
            self.check_good(stream)

    def check_grpc_works(self):
        """A good request on a fresh channel."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self.server.grpc, options) as channel:
            data = channel.unary_unary(INFER)(GOOD_GRPC, timeout=SOCKET_SECONDS)
        response = pb.ModelInferResponse.FromString(data)
        self.assertEqual(2, len(response.raw_output_contents))

    # ---- REST -------------------------------------------------------------------------------

    def check_answer(self, row, answer, seconds):
        """Status, form, texts and time."""
        self.assertEqual(row.status, answer.status, answer.body[:500])
        if row.status != 200:
            self.assertEqual("application/json", answer.headers.get("content-type"))
            self.assertTrue(json.loads(answer.body)["error"].strip())
        text = answer.body.decode("utf-8").replace('\\"', '"')
        for part in row.says:
            if part.startswith("header:"):
                self.assertIn(part[len("header:"):].lower(), answer.head.lower())
            else:
                self.assertIn(part, text)
        self.assertLess(seconds, ANSWER_SECONDS)

    def run_rest_row(self, row):
        """A row on a connection of its own, then good requests on this one and on another."""
        with connect(self.server.http) as connection, connection.makefile("rb") as stream:
            send(connection, row)
            if row.status == 0:
                self.check_rest_works()
                return
            begun = time.monotonic()
            answer = read_answer(stream)
            self.check_answer(row, answer, time.monotonic() - begun)
            if row.end == "wait" and answer.headers.get("connection") != "close":
                connection.sendall(GOOD_REST)
                self.check_good(stream)
        self.check_rest_works()

    def test_rest(self):
        """Every row."""
        for row in rest_rows.ROWS:
            with self.subTest(row.name):
                self.run_rest_row(row)

    # ---- gRPC -------------------------------------------------------------------------------

    def run_grpc_row(self, channel, row):
        """A row, then a good request on a fresh channel."""
        begun = time.monotonic()
        with self.assertRaises(grpc.RpcError) as caught:
            channel.unary_unary(row.method)(row.request, timeout=SOCKET_SECONDS)
        seconds = time.monotonic() - begun
        self.assertEqual(row.code, caught.exception.code(), caught.exception.details())
        self.assertLess(seconds, ANSWER_SECONDS)
        for part in row.says:
            self.assertIn(part, caught.exception.details())
        self.check_grpc_works()

    def test_grpc(self):
        """Every row."""
        with grpc.insecure_channel(self.server.grpc) as channel:
            for row in grpc_rows.ROWS:
                with self.subTest(row.name):
                    self.run_grpc_row(channel, row)

    def test_grpc_stream(self):
        """Every row about inference, over one stream that goes on."""
        rows = [row for row in grpc_rows.ROWS if row.method == INFER]
        stream_infer = grpc_rows.SERVICE + "ModelStreamInfer"
        with grpc.insecure_channel(self.server.grpc) as channel:
            answers = list(channel.stream_stream(stream_infer)(
                iter([r.request for r in rows] + [GOOD_GRPC]), timeout=3 * SOCKET_SECONDS))
        answers = [pb.ModelStreamInferResponse.FromString(data) for data in answers]
        self.assertEqual(len(rows) + 1, len(answers))
        for row, answer in zip(rows, answers):
            with self.subTest(row.name):
                self.assertTrue(answer.error_message)
                for part in row.says:
                    self.assertIn(part, answer.error_message)
        self.assertEqual("", answers[-1].error_message)
        self.assertEqual("simple", answers[-1].infer_response.model_name)

    def test_garbage_on_the_grpc_port(self):
        """What does not speak HTTP/2, or only its beginning."""
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        for name, data in (("HTTP/1.1", GOOD_REST), ("zeros", b"\0" * 1000),
                           ("preface", preface), ("preface and garbage", preface + b"\xff" * 999),
                           ("huge frame", preface + b"\xff\xff\xff\0\0\0\0\0\1")):
            for end in ("wait", "half-close", "close"):
                with self.subTest(name, end=end), connect(self.server.grpc) as connection:
                    send(connection, rest_rows.Row(name, data, 0, end=end))
                    self.check_grpc_works()

    # ---- the table itself -------------------------------------------------------------------

    def test_the_table(self):
        """Enough rows, and no two of one name."""
        names = [row.name for row in rest_rows.ROWS]
        self.assertEqual(sorted(set(names)), sorted(names))
        names = [row.name for row in grpc_rows.ROWS]
        self.assertEqual(sorted(set(names)), sorted(names))
        self.assertGreaterEqual(min(len(rest_rows.ROWS), len(grpc_rows.ROWS)), LEAST_ROWS)


class Budget(unittest.TestCase):
    """Bodies that are announced and never come must not take the memory of others."""

    def announce(self, server, size):
        """A connection with the header of a large request."""
        connection = connect(server.http)
        self.addCleanup(connection.close)
        connection.sendall(rest_rows.http("POST", "/v2/models/simple/infer", b"", (), size))
        return connection

    def test_request_memory_budget(self):
        """One of two announcements is refused with 503; small requests work beside the other."""
        with Server([MODEL_REPO], request_memory_budget=64_000_000) as server:
            announced = [self.announce(server, 40_000_000) for _ in range(2)]
            # Which of the two the server reads first is its own business.
            refused = select.select(announced, [], [], 20)[0][0]
            with refused.makefile("rb") as stream:
                answer = read_answer(stream)
            self.assertEqual(503, answer.status)
            self.assertIn("--request-memory-budget", answer.body.decode())
            self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
            self.assertEqual("close", answer.headers["connection"])
            with connect(server.http) as good, good.makefile("rb") as stream:
                good.sendall(GOOD_REST)
                self.assertEqual(200, read_answer(stream).status)
            for connection in announced:
                connection.close()


if __name__ == "__main__":
    unittest.main()
