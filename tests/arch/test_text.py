"""check_text.py finds traces of machines, references to nothing, and unfinished work."""

from planted import CheckTest


class Text(CheckTest):
    CHECK = "text"

    def test_accepts_plain_text(self):
        self.write("README.md", "See docs/a.md and https://example.org/work/x/guide.md\n")
        self.write("docs/a.md", "Models lie in /mnt/models.\n")
        self.write("src/base/a.cc", "// TODO(#12): shrink\nint a = x/root/y;\n")
        self.assert_clean()

    def test_finds_paths_of_machines(self):
        for path in ("/work/tree/x", "/home/ann/x", "/root/x", "/Users/ann"):
            with self.subTest(path=path):
                self.setUp()
                self.write("docs/a.txt", f"one\nsee {path} for more\n")
                self.assert_found("docs/a.txt:2", "path of somebody's machine")

    def test_finds_a_document_that_is_not_there(self):
        self.write("src/base/a.h", "// as spec/cli.md says\n")
        self.assert_found("src/base/a.h:1", "'spec/cli.md' is named here but not in the tree")

    def test_finds_a_todo_without_issue(self):
        self.write("src/base/a.cc", "\n// TODO: later\n")
        self.assert_found("src/base/a.cc:2", "TODO(#NUMBER)")
        self.write("src/base/a.cc", "\n// TODO(ann): later\n")
        self.assert_found("src/base/a.cc:2", "TODO(#NUMBER)")

    def test_finds_unfinished_work(self):
        self.write("src/base/a.cc", "int a;  // FIXME\n")
        self.assert_found("src/base/a.cc:1", "FIXME")

    def test_finds_a_merge_conflict(self):
        self.write("src/base/a.cc", "int a;\n<<<<<<< ours\nint b;\n")
        self.assert_found("src/base/a.cc:2", "merge conflict")

    def test_finds_a_disabled_test(self):
        self.write("tests/unit/base/a_test.cc", "TEST(A, DISABLED_B) {}\n")
        self.assert_found("tests/unit/base/a_test.cc:1", "disabled")

    def test_finds_a_sleep_in_a_test(self):
        self.write("tests/unit/base/a_test.cc", "\nstd::this_thread::sleep_for(1s);\n")
        self.assert_found("tests/unit/base/a_test.cc:2", "do not sleep")
        self.write("tests/unit/base/a_test.cc", "\n")
        self.write("src/base/clock.cc", "std::this_thread::sleep_for(1s);\n")
        self.assert_clean()
