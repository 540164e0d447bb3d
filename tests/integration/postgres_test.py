"""The copy of the accounts in a PostgreSQL database, whatever becomes of the database."""

import json
import re
import socket
import tempfile
import time
import unittest
from pathlib import Path

from integration import postgres, rest
from integration.harness import MODEL_REPO, ROOT, SLOWDOWN, START_SECONDS, Server, wait_until
from integration.metrics_test import scrape

SECONDS = 60 * SLOWDOWN
TENANTS = {"tenants": [{"name": "atlas", "pledge": 3600}, {"name": "farm", "class": "batch"}]}
BODY = json.dumps({"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32",
                               "data": [0.0] * 64}]})
COLUMNS = ("requests", "failures", "rows", "device_seconds", "queue_seconds", "received_bytes",
           "sent_bytes", "loads", "refused_quota", "resident_byte_seconds")


def infer(server, tenant):
    """One request in a tenant's name; the status of its answer."""
    return rest.call(server.http, "POST", "/v2/models/digits/infer", BODY,
                     {"x-hadron-tenant": tenant, "x-hadron-user": "ana"}).status


def journal(server):
    """What the ledger says."""
    rows = rest.call(server.http, "GET", "/v2/hadron/account?by=tenant,user,model,class").json()
    return {(r["tenant"], r["user"], r["model"], r["class"]): r for r in rows}


@unittest.skipUnless(postgres.programs(), "PostgreSQL is not installed: ./setup.sh test")
class Copy(unittest.TestCase):
    """One database for all; every test has a folder of its own for the ledger."""

    @classmethod
    def setUpClass(cls):
        cls.database = postgres.Database().__enter__()
        cls.addClassCleanup(cls.database.__exit__)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        config = Path(folder.name) / "tenants.json"
        config.write_text(json.dumps(TENANTS))
        self.ledger = Path(folder.name) / "ledger"
        self.options = {"tenant_config": config, "ledger_dir": self.ledger, "id": self.id()}

    def server(self, conninfo=None, **more):
        """With the copy switched on."""
        return Server([MODEL_REPO], ledger_postgres=conninfo or self.database.conninfo,
                      **{**self.options, **more})

    def copied(self):
        """The sums of this test's servers in the database."""
        if not self.database.query("SELECT 1 WHERE to_regclass('hadron_usage') IS NOT NULL"):
            return {}
        sums = ", ".join(f'sum("{c}") AS "{c}"' for c in COLUMNS)
        rows = self.database.query(
            f"SELECT tenant, user_name, model, class, {sums} FROM hadron_usage "
            f"WHERE instance LIKE '{self.id()}@%' GROUP BY 1, 2, 3, 4")
        return {(r["tenant"], r["user_name"], r["model"], r["class"]): r for r in rows}

    def requests(self, tenant):
        """How many requests of a tenant are in the database."""
        return sum(int(r["requests"]) for key, r in self.copied().items() if key[0] == tenant)

    def assert_equal_to_journal(self):
        """Read by a server that writes no copy."""
        with Server([MODEL_REPO], **self.options) as server:
            truth = journal(server)
        copied = self.copied()
        for key, row in truth.items():
            if key[0].startswith("_"):
                continue
            for column in COLUMNS[:-1]:
                self.assertAlmostEqual(row[column], float(copied[key][column]), 8, (key, column))
            self.assertAlmostEqual(row[COLUMNS[-1]] / float(copied[key][COLUMNS[-1]]), 1, 2)
        self.assertEqual({k for k in truth if not k[0].startswith("_")},
                         {k for k in copied if not k[0].startswith("_")})

    def test_tables_are_made_and_rows_are_those_of_the_accounts(self):
        self.database.query("DROP TABLE IF EXISTS hadron_usage, hadron_schema")
        with self.server() as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            for tenant in ("atlas", "farm", "farm", "nobody"):
                self.assertEqual(200, infer(server, tenant))
            wait_until(lambda: self.requests("farm") == 2, SECONDS, "no rows")
            self.assertEqual(0, scrape(server)["hadron_ledger_dropped_total"])
            self.assertEqual(200, infer(server, "farm"))  # sent when the server ends
            server.terminate()
            self.assertEqual(0, server.wait())
        self.assertEqual(3, self.requests("farm"))
        self.assertEqual(2, self.requests("atlas"))
        self.assert_equal_to_journal()
        self.assertEqual([{"version": "1"}], self.database.query("SELECT version FROM hadron_schema"))

    def test_servers_that_make_the_tables_at_the_same_time_share_them(self):
        self.database.query("DROP TABLE IF EXISTS hadron_usage, hadron_schema")
        other = self.ledger.with_name("other")
        with self.server() as one, self.server(ledger_dir=other) as two:
            for server in (one, two):
                wait_until(lambda s=server: infer(s, "atlas") == 200, START_SECONDS, "no answer")
            wait_until(lambda: self.requests("atlas") == 2, SECONDS, "no rows")
            for server in (one, two):
                self.assertNotIn("do not reach", server.stderr())
        self.assertEqual([{"version": "1"}], self.database.query("SELECT version FROM hadron_schema"))

    def test_the_questions_of_the_manual_have_answers(self):
        with self.server() as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            wait_until(lambda: infer(server, "farm") == 200, START_SECONDS, "no answer")
            server.terminate()
            server.wait()
        text = (ROOT / "docs" / "accounting.md").read_text()
        questions = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
        self.assertEqual(3, len(questions))
        allocated, used, purpose = map(self.database.query, questions)
        self.assertIn("atlas", {row["tenant"] for row in allocated})
        self.assertAlmostEqual(1, sum(float(row["share"]) for row in allocated), 2)
        self.assertLess(0, float(used[0]["idle"]))
        self.assertIn(("farm", "ana", "digits", "batch"),
                      {(r["tenant"], r["user_name"], r["model"], r["class"]) for r in purpose})

    def test_a_database_that_is_away_for_a_while_lacks_nothing(self):
        with self.server() as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            wait_until(lambda: self.requests("atlas") == 1, SECONDS, "no rows")
            self.database.stop()
            try:
                self.assertEqual(200, infer(server, "atlas"))
                wait_until(lambda: "do not reach the database" in server.stderr(), SECONDS,
                           "nothing said")
                self.assertEqual(200, infer(server, "farm"))
            finally:
                self.database.start()
            wait_until(lambda: (self.requests("atlas"), self.requests("farm")) == (2, 1), SECONDS,
                       "rows are missing")
            wait_until(lambda: "reach the database again" in server.stderr(), SECONDS, "not said")
        self.assert_equal_to_journal()

    def test_what_is_killed_is_sent_by_the_next_server_once(self):
        for round_ in range(2):  # on other ports, under other names
            server = self.server().start()
            try:
                wait_until(lambda s=server: infer(s, "atlas") == 200, START_SECONDS, "no answer")
                wait_until(lambda n=round_: self.requests("atlas") == 2 * n + 1, SECONDS, "no rows")
                self.database.stop()
                self.assertEqual(200, infer(server, "atlas"))
                written = self.journal_bytes()
                wait_until(lambda w=written: self.journal_bytes() > w, SECONDS, "not written")
                # One more: the first may have come while the request ran.
                written = self.journal_bytes()
                wait_until(lambda w=written: self.journal_bytes() > w, SECONDS, "not written")
            finally:
                server.kill()
                self.database.start()
            with Server([MODEL_REPO], **self.options):
                pass  # one without a copy in between changes nothing
        with self.server() as server:
            wait_until(lambda: self.requests("atlas") == 4, SECONDS, "rows are missing")
            wait_until(lambda: "was read from the journal" in server.stderr(), SECONDS, "not said")
            self.assertEqual(0, scrape(server)["hadron_ledger_dropped_total"])
            server.terminate()
            server.wait()
        self.assert_equal_to_journal()

    def test_an_outage_longer_than_the_queue_is_made_up_from_the_journal(self):
        env = {"HADRON_TEST_HOOKS": "1", "HADRON_TEST_LEDGER_QUEUE": "1"}
        with self.server(env=env) as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            wait_until(lambda: self.requests("atlas") == 1, SECONDS, "no rows")
            self.database.stop()
            try:
                self.assertEqual(200, infer(server, "atlas"))
                # Three steps of 5 s go by, each of which drives out the one before.
                for _ in range(9):
                    written = self.journal_bytes()
                    wait_until(lambda w=written: self.journal_bytes() > w, SECONDS, "not written")
                self.assertEqual(200, infer(server, "farm"))
            finally:
                self.database.start()
            wait_until(lambda: (self.requests("atlas"), self.requests("farm")) == (2, 1), SECONDS,
                       "rows are missing")
            self.assertIn("was read from the journal", server.stderr())
            self.assertEqual(0, scrape(server)["hadron_ledger_dropped_total"])
            server.terminate()
            server.wait()
        self.assert_equal_to_journal()

    def journal_bytes(self):
        """What has been written."""
        return sum(file.stat().st_size for file in self.ledger.glob("*.ledger"))

    def test_what_was_before_the_copy_stays_in_the_journal(self):
        with Server([MODEL_REPO], **self.options) as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
        with self.server() as server:
            wait_until(lambda: infer(server, "farm") == 200, START_SECONDS, "no answer")
            wait_until(lambda: self.requests("farm") == 1, SECONDS, "no rows")
            server.terminate()
            server.wait()
        self.assertEqual(0, self.requests("atlas"))

    def test_a_wrong_password_is_said_and_nothing_else_suffers(self):
        wrong = Path(self.database.dir) / "wrong"
        wrong.write_text("*:*:*:*:not the word\n")
        wrong.chmod(0o600)
        conninfo = self.database.conninfo.replace(str(self.database.passfile), str(wrong))
        with self.server(conninfo) as server:
            wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
            wait_until(lambda: "password authentication failed" in server.stderr(), SECONDS,
                       "nothing said")
            self.assertEqual(200, infer(server, "atlas"))
            self.assertNotIn("not the word", server.stderr())
            server.terminate()
            self.assertEqual(0, server.wait())
        self.assertEqual({}, self.copied())

    def test_a_password_on_the_command_line_is_refused_and_not_repeated(self):
        server = self.server(self.database.conninfo + " password=hush")
        server.launch()
        self.assertEqual(1, server.wait())
        self.assertIn("passfile", server.stderr())
        self.assertNotIn("hush", server.stderr())

    def test_a_database_that_hangs_keeps_nobody_waiting(self):
        with socket.socket() as silent:  # takes connections and never says a word
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            conninfo = f"host=127.0.0.1 port={silent.getsockname()[1]} user=hadron dbname=x"
            with self.server(conninfo) as server:
                wait_until(lambda: infer(server, "atlas") == 200, START_SECONDS, "no answer")
                with silent.accept()[0]:  # it hangs in the middle of a connection now
                    self.assertEqual(200, infer(server, "atlas"))
                    began = time.monotonic()
                    server.terminate()
                    self.assertEqual(0, server.wait())
                    self.assertLess(time.monotonic() - began, 8 * SLOWDOWN)


if __name__ == "__main__":
    unittest.main()
