"""Finds the functions of a C++ file and measures them, with a tokenizer and no compiler.

It knows enough of the language for code formatted by clang-format: namespaces, classes, templates,
constructors with initialiser lists, lambdas, braced initialisers. A lambda belongs to the function
around it; one in a table at namespace scope is measured as a function of its own.
"""

import re
from collections import namedtuple

import archlib

Function = namedtuple("Function", "name line lines complexity parameters nesting")
Token = namedtuple("Token", "text line spaced")

_TOKEN = re.compile(r'[A-Za-z_]\w*|\d[\w.\']*|::|->|&&|\|\||""|\S')
_CLASS_KEYS = {"class", "struct", "union", "enum"}
_SPECIFIERS = {"typedef", "static", "inline", "constexpr", "const", "friend", "extern", "export"}
_NOT_A_NAME = {"decltype", "alignas", "alignof", "sizeof", "noexcept", "__attribute__", "explicit",
               "requires", "static_assert", "if", "throw"}
# HADRON_REQUIRES(mutex) and its like, which are no parameter lists.
_ANNOTATION = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+")
_DECISIONS = {"if", "for", "while", "case", "catch", "?", "||", "and", "or"}
_OPENING = {"(": ")", "[": "]", "{": "}"}


# ---- text -> tokens --------------------------------------------------------

def _drop_preprocessor(lines):
    """Blanks directives and all but the first branch of each conditional."""
    kept, skipping, depth_skipped, continued = [], False, 0, False
    for line in lines:
        directive = line.lstrip().startswith("#") and not continued
        word = line.lstrip()[1:].split(maxsplit=1)[:1] if directive else []
        if continued or directive:
            kept.append("")
            continued = line.rstrip().endswith("\\")
        else:
            kept.append("" if skipping else line)
        if not word:
            continue
        if skipping and word[0].startswith("if"):
            depth_skipped += 1
        elif word[0] in ("else", "elif") and depth_skipped == 0:
            skipping = True
        elif word[0] == "endif":
            if depth_skipped:
                depth_skipped -= 1
            else:
                skipping = False
    return kept


def tokenize(text):
    lines = _drop_preprocessor(archlib.strip_comments_and_strings(text).split("\n"))
    tokens = []
    for number, line in enumerate(lines, 1):
        for match in _TOKEN.finditer(line):
            start = match.start()
            spaced = start == 0 or line[start - 1].isspace()
            tokens.append(Token(match[0], number, spaced))
    return tokens


def _match_brackets(tokens):
    """Index of the closing bracket for each opening one."""
    closing, stack = {}, []
    for index, token in enumerate(tokens):
        if token.text in _OPENING:
            stack.append(index)
        elif token.text in (")", "]", "}"):
            while stack and _OPENING[tokens[stack[-1]].text] != token.text:
                stack.pop()
            if stack:
                closing[stack.pop()] = index
    return closing


# ---- declarations ----------------------------------------------------------

class _Header:
    """The tokens of a declaration so far, up to the brace that is being looked at."""

    def __init__(self, start):
        self.start = start
        self.name = None        # index of the token before the parameter list
        self.parameters = None  # (index of '(', index of ')')
        self.assigned = False   # '=' at depth 0 before any parameter list
        self.initialisers = False  # the ':' of a constructor has been seen
        self.angle = 0
        self.after_operator = False


class Scanner:
    """Walks namespace and class scope and measures the function bodies it meets."""

    def __init__(self, text):
        self.tokens = tokenize(text)
        self.closing = _match_brackets(self.tokens)
        self.opening = {end: start for start, end in self.closing.items()}
        self.functions = []

    def scan(self):
        index, header = 0, _Header(0)
        while index < len(self.tokens):
            text = self.tokens[index].text
            if text in (";", "}") or self._is_access_label(index, header):
                index += 1
                header = _Header(index)
            elif text == "{":
                index, header = self._brace(index, header)
            elif text in ("(", "["):
                self._group(index, header)
                index = self.closing.get(index, index) + 1
            else:
                self._word(index, header)
                index += 1
        return self.functions

    def _text(self, index):
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def _is_access_label(self, index, header):
        return (self._text(index) == ":" and header.start == index - 1
                and self._text(index - 1) in ("public", "private", "protected"))

    def _word(self, index, header):
        text = self._text(index)
        if text == "operator":
            header.after_operator = True
        elif text == "<" and not header.after_operator:
            header.angle += 1
        elif text == ">" and not header.after_operator:
            header.angle = max(0, header.angle - 1)
        elif text == "=" and header.parameters is None and not header.after_operator:
            header.assigned = header.assigned or header.angle == 0
        elif text == ":" and header.parameters is not None:
            header.initialisers = True

    def _group(self, index, header):
        """A '(' or '[' at depth 0: is it the parameter list?"""
        if self._text(index) != "(" or header.parameters is not None or header.angle:
            return
        if header.after_operator and self._text(index - 1) == "operator":
            return  # operator()
        before = self._text(index - 1)
        macro = _ANNOTATION.fullmatch(before) and index - 1 != header.start
        named = re.match(r"[A-Za-z_]", before) and before not in _NOT_A_NAME and not macro
        if named or header.after_operator:
            header.name = index - 1
            header.parameters = (index, self.closing.get(index, index))
            header.after_operator = False

    def _leading(self, header, end):
        """First word of the declaration after template<...>, attributes and specifiers."""
        index = header.start
        while index < end:
            text = self._text(index)
            if text == "template" and self._text(index + 1) == "<":
                index = self._skip_angles(index + 1)
            elif text == "[":
                index = self.closing.get(index, index) + 1
            elif text in _SPECIFIERS or text == '""':
                index += 1
            else:
                return text
        return self._text(header.start)

    def _skip_angles(self, index):
        depth = 0
        while index < len(self.tokens):
            text = self._text(index)
            if text == "(":
                index = self.closing.get(index, index)
            depth += (text == "<") - (text == ">")
            index += 1
            if depth == 0:
                break
        return index

    def _brace(self, index, header):
        """Decides what the '{' opens; returns where to go on, and with which header."""
        end = self.closing.get(index, len(self.tokens) - 1)
        leading = self._leading(header, index)
        if leading == "namespace" or (leading == "" or index == header.start):
            return index + 1, _Header(index + 1)
        if self._text(header.start) == "extern" and self._text(index - 1) == '""':
            return index + 1, _Header(index + 1)
        if leading in _CLASS_KEYS and header.parameters is None:
            if leading == "enum":
                return end + 1, header
            return index + 1, _Header(index + 1)
        if header.parameters is not None and not header.assigned:
            if header.initialisers and re.match(r"[A-Za-z_>]", self._text(index - 1)):
                return end + 1, header
            self._measure(header, index, end)
            return end + 1, _Header(end + 1)
        self._measure_lambdas(index, end)
        return end + 1, header

    # ---- bodies ------------------------------------------------------------

    def _measure(self, header, opening, closing):
        self._add(self._function_name(header), header.start, opening, closing,
                  self._count_parameters(*header.parameters))

    def _add(self, name, first, opening, closing, parameters):
        line = self.tokens[first].line
        body = self.tokens[opening + 1:closing]
        self.functions.append(Function(
            name, line, self.tokens[closing].line - line + 1,
            1 + sum(map(_is_decision, body)), parameters,
            _Nesting(self, opening, closing).deepest()))

    def _measure_lambdas(self, opening, closing):
        """Lambdas in an initialiser at namespace scope."""
        index = opening
        while index < closing:
            if self._text(index) == "{" and self.is_lambda(index):
                end = self.closing.get(index, closing)
                self._add("lambda", index, index, end, 0)
                index = end
            index += 1

    def _function_name(self, header):
        index, name = header.name, self._text(header.name)
        words = [t.text for t in self.tokens[header.start:index + 1]]
        if "operator" in words:
            return "".join(words[words.index("operator"):])
        while index > header.start + 1 and self._text(index - 1) in ("::", "~"):
            index -= 1
            name = self._text(index) + name
            if self._text(index) == "::":
                index -= 1
                name = self._text(index) + name
        return name

    def _count_parameters(self, opening, closing):
        depth, count, index = 0, 0, opening + 1
        words = [t.text for t in self.tokens[opening + 1:closing]]
        if not words or words == ["void"]:
            return 0
        while index < closing:
            text = self._text(index)
            if text in _OPENING:
                index = self.closing.get(index, index)
            depth += (text == "<") - (text == ">")
            count += text == "," and depth <= 0
            index += 1
        return count + 1

    def is_lambda(self, index):
        """Does the '{' at index open the body of a lambda?"""
        back = index - 1
        while re.match(r"[A-Za-z_0-9]|::$|[<>*&,]$|&&$", self._text(back)) and index - back < 24:
            back -= 1
        if self._text(back) == "->":
            back -= 1
        elif back != index - 1 and self._text(index - 1) not in ("mutable", "noexcept"):
            return False
        if self._text(back) == ")":
            return self._text(self.opening.get(back, back) - 1) == "]"
        return self._text(back) == "]"


def _is_decision(token):
    # clang-format sets a binary && apart from its left operand, and an rvalue reference never.
    return token.text in _DECISIONS or (token.text == "&&" and token.spaced)


class _Nesting:
    """Depth of statements within statements, braces or not. The body itself is depth 0."""

    _CONTROLS = {"if", "for", "while", "switch", "catch"}
    # Kinds of open statements; besides these there are "init" (braced values) and "other" (lambdas,
    # the block of a case label), which are no deeper than the statement they stand in.
    _COUNTED = {"block", "single", "do"}

    def __init__(self, scanner, opening, closing):
        self._scanner = scanner
        self._opening = opening
        self._closing = closing
        self._stack = []
        self._deepest = 0

    def deepest(self):
        index = self._opening + 1
        while index < self._closing:
            index = self._step(index)
        return self._deepest

    def _text(self, index):
        return self._scanner._text(index)

    def _push(self, kind):
        self._stack.append(kind)
        self._deepest = max(self._deepest, sum(k in self._COUNTED for k in self._stack))

    def _step(self, index):
        text = self._text(index)
        if text in self._CONTROLS:
            return self._control(index)
        if text == "else" and self._text(index + 1) != "if":
            return self._open_statement(index + 1, "block")
        if text == "do":
            return self._open_statement(index + 1, "do")
        if text == "{":
            self._push(self._kind_of_brace(index))
        elif text == "}" and self._stack:
            return self._close(index)
        elif text == ";":
            self._end_singles(index)
        return index + 1

    def _control(self, index):
        """if (...), for (...), ...: goes on behind the parentheses."""
        group = index + 1
        while self._text(group) not in ("(", "{", ";") and group < self._closing:
            group += 1  # 'if constexpr', 'if consteval'
        after = group
        if self._text(group) == "(":
            after = self._scanner.closing.get(group, group) + 1
        return self._open_statement(after, "block")

    def _open_statement(self, index, kind):
        if self._text(index) == "{":
            self._push(kind)
            return index + 1
        self._push("single")
        return index

    def _kind_of_brace(self, index):
        before = self._text(index - 1)
        inside_initialiser = self._stack and self._stack[-1] == "init"
        if before in (";", "{", "}", "try") and not inside_initialiser:
            return "block"
        return "other" if self._scanner.is_lambda(index) or before == ":" else "init"

    def _close(self, index):
        # A statement without braces ends with the block around it at the latest.
        while self._stack and self._stack[-1] == "single":
            self._stack.pop()
        kind = self._stack.pop() if self._stack else "other"
        if kind == "do":
            return self._end_of_do(index)
        if kind == "block" and self._text(index + 1) != "else":
            self._end_singles(index)
        return index + 1

    def _end_of_do(self, index):
        group = index + 2
        after = self._scanner.closing.get(group, group) + 1
        self._end_singles(after)
        return after + 1

    def _end_singles(self, index):
        """A statement has ended at index: so have those it was the body of."""
        more = self._text(index + 1) == "else"
        while self._stack and self._stack[-1] == "single":
            self._stack.pop()
            if more:
                return


def functions_of(path):
    return Scanner(archlib.read(path)).scan()
