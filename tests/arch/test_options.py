"""check_options.py compares the option table with the promised list."""

from planted import CheckTest

LIST = "tests/data/options_expected.tsv"
TABLE = "src/server/options_table.inc"


class Options(CheckTest):
    CHECK = "options"

    def expect(self, *rows):
        lines = ["# promised", "name\tdefault\ttreatment\tpending"]
        self.write(LIST, "\n".join(lines + ["\t".join(r) for r in rows]) + "\n")

    def test_accepts_a_table_that_keeps_the_promise(self):
        self.expect(("http-port", "8000", "KEEP", "no"), ("id", "hadron", "KEEP", "no"),
                    ("log-file", "-", "KEEP", "no"), ("lanes", "1", "OURS", "yes"),
                    ("max-model-nodes", "1000000", "OURS", "no"))
        self.write(TABLE, 'HADRON_OPTION("http-port", int, 8000, KEEP, "0..65535", "port, or 0")\n'
                          'HADRON_OPTION(id, string, "hadron", KEEP, "", "a (b) c")\n'
                          'HADRON_OPTION(log_file, string, "", KEEP, "", "f")\n'
                          'HADRON_OPTION("max-model-nodes", int, 1\'000\'000, OURS, "", "n")\n')
        self.assert_clean()

    def test_says_when_there_is_no_table(self):
        self.expect(("http-port", "8000", "KEEP", "yes"))
        status, output = self.run_check()
        self.assertEqual(status, 0, output)
        self.assertIn("skipped", output)

    def test_finds_a_wrong_default(self):
        self.expect(("http-port", "8000", "KEEP", "no"))
        self.write(TABLE, '// ports\nHADRON_OPTION("http-port", int, 8080, KEEP, "", "port")\n')
        self.assert_found(f"{TABLE}:2", "default '8080', promised is '8000'")

    def test_finds_an_option_nobody_promised(self):
        self.expect(("http-port", "8000", "KEEP", "no"))
        self.write(TABLE, 'HADRON_OPTION("http-port", int, 8000, KEEP, "", "port")\n'
                          'HADRON_OPTION("colour", string, "blue", OURS, "", "c")\n')
        self.assert_found(f"{TABLE}:2", "option 'colour' is not in")

    def test_finds_an_option_that_has_gone(self):
        self.expect(("http-port", "8000", "KEEP", "no"))
        self.write(TABLE, "\n")
        self.assert_found(f"{LIST}:3", "'http-port' has gone")

    def test_finds_a_pending_option_that_exists(self):
        self.expect(("http-port", "8000", "KEEP", "yes"))
        self.write(TABLE, 'HADRON_OPTION("http-port", int, 8000, KEEP, "", "port")\n')
        self.assert_found(f"{LIST}:3", "set its pending column to 'no'")

    def test_finds_an_option_that_is_to_be_unknown(self):
        self.expect(("model-namespacing", "false", "DROP", "no"))
        self.write(TABLE, 'HADRON_OPTION("model-namespacing", bool, false, DROP, "", "x")\n')
        self.assert_found(f"{TABLE}:1", "DROP")

    def test_finds_a_broken_row(self):
        self.expect(("http-port", "8000", "MAYBE", "no"))
        self.assert_found(f"{LIST}:3", "not a row")
