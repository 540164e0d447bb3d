"""check_targets.py compares each folder's build target with the layer table."""

from planted import CheckTest


class Targets(CheckTest):
    CHECK = "targets"

    def folder(self, name, cmake):
        self.write(f"src/{name}/CMakeLists.txt", cmake)
        self.write(f"src/{name}/a.cc", "\n")

    def test_accepts_the_dependencies_of_the_table(self):
        self.folder("base", "# What everything may use.\nhadron_library(base SOURCES a.cc)\n")
        self.folder("tensor", "# Shapes.\nhadron_library(tensor\n  SOURCES a.cc\n  DEPS base\n"
                              "  LINK fmt::fmt)\n")
        self.assert_clean()

    def test_finds_a_dependency_too_many(self):
        self.folder("base", "# x\nhadron_library(base SOURCES a.cc)\n")
        self.folder("net", "# x\nhadron_library(net SOURCES a.cc DEPS base)\n")
        self.folder("tensor", "# x\nhadron_library(tensor SOURCES a.cc DEPS base net)\n")
        self.assert_found("src/tensor/CMakeLists.txt:2", "may not depend on: net")

    def test_finds_a_dependency_too_few(self):
        self.folder("base", "# x\nhadron_library(base SOURCES a.cc)\n")
        self.folder("tensor", "# x\n\nhadron_library(tensor SOURCES a.cc)\n")
        self.assert_found("src/tensor/CMakeLists.txt:3", "lacks DEPS", "base")

    def test_finds_a_folder_without_target(self):
        self.write("src/base/a.cc", "\n")
        self.assert_found("src/base:1", "no CMakeLists.txt")
        self.write("src/base/CMakeLists.txt", "# x\nadd_library(base a.cc)\n")
        self.assert_found("src/base/CMakeLists.txt:1", "no hadron_library(base")

    def test_finds_a_folder_that_does_not_say_what_it_is_for(self):
        self.folder("base", "hadron_library(base SOURCES a.cc)\n")
        self.assert_found("src/base/CMakeLists.txt:1", "what the folder is for")
        self.write("src/base/README.md", "What everything may use.\n")
        self.assert_clean()

    def test_finds_a_folder_that_is_not_in_the_table(self):
        self.folder("misc", "# x\nhadron_library(misc SOURCES a.cc)\n")
        self.assert_found("src/misc:1", "not in the table")
