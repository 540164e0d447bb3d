"""check_sizes.py finds what is too large, and measures functions as a reader would."""

import os
import sys
import unittest

from planted import REPOSITORY, CheckTest

sys.path.insert(0, os.path.join(REPOSITORY, ".ci"))
import functions  # noqa: E402


def measure(text):
    return functions.Scanner(text).scan()


class Sizes(CheckTest):
    CHECK = "sizes"

    def test_accepts_small_code(self):
        self.write("src/base/a.cc", "int Small(int a) { return a > 0 ? a : -a; }\n")
        self.assert_clean()

    def test_finds_a_long_file(self):
        self.write("src/base/a.cc", "int x;\n" * 601)
        self.assert_found("src/base/a.cc:600", "file has 601 lines (limit 600)")

    def test_kernels_may_be_longer(self):
        self.write("kernels/a.cl", "\n" * 700)
        self.assert_clean()
        self.write("kernels/a.cl", "\n" * 801)
        self.assert_found("kernels/a.cl:800", "limit 800")

    def test_finds_a_long_function(self):
        self.write("src/base/a.cc", "\nvoid Long() {\n" + "  Call();\n" * 70 + "}\n")
        self.assert_found("src/base/a.cc:2", "Long: 72 lines (limit 70)")

    def test_finds_a_long_function_in_a_test(self):
        self.write("tests/unit/a_test.cc", "TEST(A, B) {\n" + "  Call();\n" * 70 + "}\n")
        self.assert_found("tests/unit/a_test.cc:1", "72 lines")

    def test_finds_more_than_one_in_a_hundred_above_fifty(self):
        long = "void F%d() {\n" + "  Call();\n" * 55 + "}\n"
        self.write("src/base/a.cc", long % 1 + long % 2)
        self.assert_found("src/base/a.cc:58", "more than 1 functions of 2 are above 50")

    def test_finds_a_complex_function(self):
        body = "".join(f"  if (a == {i}) return {i};\n" for i in range(15))
        self.write("src/base/a.cc", "int Choose(int a) {\n" + body + "  return -1;\n}\n")
        self.assert_found("src/base/a.cc:1", "Choose: 16 decision points + 1 (limit 15)")

    def test_finds_too_many_parameters(self):
        self.write("src/base/a.cc",
                   "void Seven(int a, int b, int c, int d, int e, int f,\n"
                   "           std::map<int, int> g) {}\n")
        self.assert_found("src/base/a.cc:1", "Seven: 7 parameters (limit 6)")

    def test_finds_deep_nesting(self):
        self.write("src/base/a.cc", "void Deep() {\n  for (;;) {\n    if (a) {\n      while (b)\n"
                                    "        if (c) {\n          if (d) E();\n        }\n"
                                    "    }\n  }\n}\n")
        self.assert_found("src/base/a.cc:1", "Deep: 5 levels of nesting (limit 4)")

    def test_finds_too_many_conditionals(self):
        self.write("src/base/a.cc", "int a;\n" * 500)
        self.write("src/base/b.cc", "int b;\n" * 500 + "#if A\n#endif\n" * 4)
        self.assert_found("src/base/b.cc:501", "#if: 4.0 per 1000 lines")

    def test_finds_a_folder_above_its_budget(self):
        self.write(".ci/line_budget.txt", "# lines\ntotal 100\nbase 3\n")
        self.write("src/base/a.cc", "\n" * 4)
        self.assert_found(".ci/line_budget.txt:3", "src/base has 4 lines (budget 3)")

    def test_finds_a_folder_without_budget(self):
        self.write(".ci/line_budget.txt", "total 100\nbase 3\n")
        self.write("src/net/a.cc", "\n")
        self.assert_found(".ci/line_budget.txt:1", "src/net has 1 lines (budget 0)")

    def test_finds_budgets_that_pass_the_total(self):
        self.write(".ci/line_budget.txt", "total 100\nbase 60\nnet 60\n")
        self.assert_found(".ci/line_budget.txt:1", "add up to 120 (total 100)")


class Functions(unittest.TestCase):
    """The scanner on the forms of C++ that trip simple ones."""

    def one(self, text):
        found = measure(text)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_free_function(self):
        function = self.one("namespace a {\nint Add(int a, int b) {\n  return a + b;\n}\n}\n")
        self.assertEqual(function, ("Add", 2, 3, 1, 2, 0))

    def test_methods_of_a_class(self):
        found = measure("class A final : public B<int> {\n public:\n  A() = default;\n"
                        "  explicit A(int x) : x_{x}, y_(x) { Go(); }\n"
                        "  int x() const noexcept { return x_; }\n"
                        "  ~A() override;\n private:\n  int x_{0};\n  std::function<void(int)> f_;\n"
                        "};\nA::~A() {}\n")
        self.assertEqual([f.name for f in found], ["A", "x", "A::~A"])

    def test_annotations_are_not_functions(self):
        found = measure('class HADRON_CAPABILITY("mutex") M {\n public:\n'
                        "  void Lock() HADRON_ACQUIRE() { m_.lock(); }\n"
                        "  int x_ HADRON_GUARDED_BY(m_) = 0;\n};\n")
        self.assertEqual([f.name for f in found], ["Lock"])

    def test_operators(self):
        found = measure("bool operator==(const A& a, const A& b) { return true; }\n"
                        "struct F { int operator()(int x) const { return x; }\n"
                        "  explicit operator bool() const { return true; } };\n"
                        "bool operator<(const A& a, const A& b) { return true; }\n")
        self.assertEqual([(f.name, f.parameters) for f in found],
                         [("operator==", 2), ("operator()", 1), ("operatorbool", 0),
                          ("operator<", 2)])

    def test_template_and_trailing_return(self):
        function = self.one("template <typename T, typename = std::enable_if_t<(sizeof(T) > 1)>>\n"
                            "[[nodiscard]] auto F(std::map<T, int> m, int x) -> std::vector<T> {\n"
                            "  return {};\n}\n")
        self.assertEqual((function.name, function.line, function.parameters), ("F", 1, 2))

    def test_tables_are_not_functions(self):
        self.assertEqual(measure("constexpr Row kRows[] = {{1, 2}, {3, 4}};\n"
                                 "const std::map<int, int> kMap{{1, 2}};\nenum class E { kA, kB };\n"
                                 "using F = std::function<void(int)>;\n"), [])

    def test_a_lambda_in_a_table_is_one(self):
        function = self.one("const Row kRows[] = {\n  {1, [](int x) { return x > 0 && x < 9; }},\n};\n")
        self.assertEqual((function.line, function.complexity), (2, 2))

    def test_a_lambda_inside_belongs_to_its_function(self):
        function = self.one("void F() {\n  Post([this](int a, int b) {\n    if (a) B();\n  });\n}\n")
        self.assertEqual((function.lines, function.complexity, function.nesting), (5, 2, 1))

    def test_rvalue_references_are_no_decisions(self):
        function = self.one("void F(A&& a) {\n  for (auto&& x : a) Use(std::forward<A&&>(x));\n"
                            "  if (a && b) C();\n}\n")
        self.assertEqual(function.complexity, 4)

    def test_strings_and_comments_do_not_count(self):
        function = self.one('void F() {\n  // if (x) { for\n  Call("if (a && b) {", \'{\');\n'
                            '  Call(R"(while (1) { )" "?");\n  const int n = 1\'000\'000;\n}\n')
        self.assertEqual((function.complexity, function.lines), (1, 6))

    def test_else_if_does_not_nest(self):
        function = self.one("void F() {\n  if (a) {\n    A();\n  } else if (b) {\n    B();\n"
                            "  } else if (c) C();\n  else D();\n}\n")
        self.assertEqual((function.complexity, function.nesting), (4, 1))

    def test_braceless_statements_nest(self):
        function = self.one("void F() {\n  for (int i = 0; i < n; ++i)\n    if (a) B();\n    else C();\n"
                            "  if (d) E();\n}\n")
        self.assertEqual(function.nesting, 2)

    def test_do_while_and_switch(self):
        function = self.one("void F(int a) {\n  do {\n    a = Next(a);\n  } while (a > 0);\n"
                            "  switch (a) {\n    case 1: {\n      if (b) C();\n      break;\n    }\n"
                            "    default: break;\n  }\n}\n")
        self.assertEqual((function.complexity, function.nesting), (4, 2))

    def test_braced_values_do_not_nest(self):
        function = self.one("void F() {\n  if (a) {\n    Point p{1, 2};\n    return Make({{1}, {2}});\n"
                            "  }\n}\n")
        self.assertEqual(function.nesting, 1)

    def test_only_the_first_branch_of_a_conditional_counts(self):
        function = self.one("#ifdef A\nvoid F() {\n#else\nvoid F(int x) {\n#endif\n  G();\n}\n")
        self.assertEqual(function.parameters, 0)


if __name__ == "__main__":
    unittest.main()
