"""check_notice.py finds unknown licences, a stale NOTICE and packages that no table names."""

import os
import subprocess
import sys

from planted import REPOSITORY, CheckTest

TABLE = "docs/dependencies.md"
HEAD = ("## Linked into the programs\n\n| Name | Version | Licence | Copyright | Why | Where | From |\n"
        "|---|---|---|---|---|---|---|\n")


class Notice(CheckTest):
    CHECK = "notice"

    def table(self, *rows):
        self.write(TABLE, HEAD + "".join(f"| {' | '.join(r)} |\n" for r in rows))

    def generate(self):
        script = os.path.join(REPOSITORY, ".ci", "gen_notice.py")
        return subprocess.run([sys.executable, script, "--root", self.root], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def test_accepts_what_the_generator_wrote(self):
        self.table(("acme", "1.0", "MIT", "A. Cme", "why", "where", "libacme-dev"))
        self.assertEqual(self.generate().returncode, 0)
        self.assert_clean()

    def test_finds_a_stale_notice(self):
        self.table(("acme", "1.0", "MIT", "A. Cme", "why", "where", "libacme-dev"))
        self.generate()
        self.table(("acme", "1.1", "MIT", "A. Cme", "why", "where", "libacme-dev"))
        self.assert_found("NOTICE:1", "out of date")

    def test_finds_an_unknown_licence(self):
        self.table(("acme", "1.0", "Acme-EULA", "A. Cme", "why", "where", "libacme-dev"))
        self.assert_found(f"{TABLE}:5", "unknown licence 'Acme-EULA'")
        self.assertEqual(self.generate().returncode, 1)

    def test_copyleft_is_for_tools_only(self):
        self.table(("acme", "1.0", "GPL-3.0-or-later", "A. Cme", "why", "where", "libacme-dev"))
        self.assert_found(f"{TABLE}:5", "unknown licence")

    def test_finds_an_empty_cell(self):
        self.table(("acme", "1.0", "MIT", "A. Cme", "", "where", "libacme-dev"))
        self.assert_found(f"{TABLE}:5", "filled columns")

    def test_finds_a_package_without_row(self):
        self.table(("acme", "1.0", "MIT", "A. Cme", "why", "where", "libacme-dev"))
        self.write("setup.sh", "#!/bin/bash\npackages_of() {\n  case $1 in\n    build)\n"
                               "      echo g++ libacme-dev \\\n        librocket-dev\n      ;;\n"
                               "  esac\n}\n")
        self.generate()
        self.assert_found("setup.sh:5", "librocket-dev")
