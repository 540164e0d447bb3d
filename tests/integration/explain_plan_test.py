"""hadron-cli explain --plan: the table, JSON and picture of plans, and what it says of bad models."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

from integration.harness import DATA, MODEL_REPO, SLOWDOWN, binary

SECONDS = 60 * SLOWDOWN
DIGITS = MODEL_REPO / "digits"
SVG = "{http://www.w3.org/2000/svg}"


def cli(*arguments):
    """Runs hadron-cli, which lies beside the server; exit code, standard output, standard error."""
    program = Path(binary()).with_name("hadron-cli")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=SECONDS,
                          stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def explain(*arguments):
    """The plan as text; fails with what the program said."""
    code, out, err = cli("explain", "--plan", *arguments, "--runs", 2)
    if code:
        raise AssertionError(f"exit code {code}: {err}")
    return out


class Plan(unittest.TestCase):
    """What is said about the digits network."""

    def test_the_table_has_a_row_for_every_step(self):
        lines = explain(DIGITS).splitlines()
        self.assertEqual("digits, batch 1", lines[0])
        head = next(i for i, line in enumerate(lines) if line.lstrip().startswith("#"))
        for title in ("operation", "backend", "kernel", "layout", "weights", "median"):
            self.assertIn(title, lines[head])
        rows = lines[head + 1:]
        self.assertIn("input", rows[0])
        self.assertIn("output", rows[-1])
        self.assertEqual([str(i) for i in range(len(rows) - 2)],
                         [row.split()[0] for row in rows[1:-1]])
        self.assertEqual(5, sum("Conv" in row and "channels-last" in row for row in rows))
        self.assertTrue(any("Conv + Add + Relu" in row for row in rows))

    def test_every_way_to_name_a_model_gives_the_same_plan(self):
        plans = [json.loads(explain(path, "--json")) for path in
                 (DIGITS, f"{DIGITS}/", DIGITS / "1", DIGITS / "1" / "model.onnx")]
        for plan in plans:
            self.assertEqual("digits", plan["model"])
            self.assertEqual([s["op"] for s in plans[0]["plan"]], [s["op"] for s in plan["plan"]])

    def test_json_is_consistent(self):
        plan = json.loads(explain(DIGITS, "--json", "--batch", 8))
        self.assertEqual(8, plan["batch"])
        self.assertEqual(5, plan["file_nodes"]["BatchNormalization"])
        self.assertNotIn("BatchNormalization", plan["nodes"])
        steps = [entry for entry in plan["plan"] if entry["step"] >= 0]
        self.assertEqual(list(range(len(steps))), [step["step"] for step in steps])
        for at, entry in enumerate(plan["plan"]):
            for flow in entry["inputs"]:
                self.assertTrue(0 <= flow["from"] < at)
                made = plan["plan"][flow["from"]]["outputs"]
                self.assertIn(flow["bytes"], [output["bytes"] for output in made])
            for flow in entry["outputs"]:
                self.assertEqual(8, flow["shape"][0])
        for step in steps:
            self.assertLessEqual(step["microseconds"]["min"], step["microseconds"]["median"])
        self.assertAlmostEqual(plan["steps_microseconds"]["min"],
                               sum(step["microseconds"]["min"] for step in steps), delta=0.1)

    def test_passes_can_be_left_out(self):
        plan = json.loads(explain(DIGITS, "--json", "--disable-pass", "fold_batch_norm",
                                  "--disable-pass", "fuse_post_ops"))
        self.assertEqual(["fold_batch_norm", "fuse_post_ops"], plan["disabled_passes"])
        self.assertEqual(5, plan["nodes"]["BatchNormalization"])
        self.assertEqual(5, plan["nodes"]["Relu"])

    def test_the_picture_is_a_graph(self):
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "plan.svg"
            plan = json.loads(explain(DIGITS, "--json", "--svg", picture))
            root = xml.parse(picture).getroot()
        texts = [text.text for text in root.iter(f"{SVG}text")]
        for entry in plan["plan"]:
            self.assertIn(entry["node"], texts)
            if entry["step"] >= 0:
                self.assertTrue(any((t or "").startswith(f"#{entry['step']} {entry['op']}")
                                    for t in texts))
        self.assertIn("1×32×4×4 channels-last", texts)
        arrows = sum(len(entry["inputs"]) for entry in plan["plan"])
        self.assertEqual(arrows, len(list(root.iter(f"{SVG}polyline"))))

    def test_a_device_program_is_shown_with_its_copies(self):
        code, out, err = cli("explain", "--plan", DIGITS, "--json", "--runs", 1,
                             "--device", "opencl")
        if "OpenCL" in err:
            self.skipTest(err)
        self.assertEqual((0, ""), (code, err))
        kinds = [entry["kind"] for entry in json.loads(out)["plan"]]
        self.assertEqual(["input", "copy"], kinds[:2])
        self.assertEqual(["copy", "output"], kinds[-2:])
        self.assertIn("opencl", kinds)


class Errors(unittest.TestCase):
    """Every one names the thing, and none is a crash."""

    def assert_refused(self, *arguments, says, code=2):
        got, out, err = cli("explain", *arguments)
        self.assertEqual((code, ""), (got, out), err)
        for text in says if isinstance(says, tuple) else (says,):
            self.assertIn(text.lower(), err.lower())
        self.assertEqual(1, len(err.splitlines()), err)

    def test_wrong_usage(self):
        self.assert_refused(DIGITS, says="explain --plan MODEL")
        self.assert_refused("--plan", says="explain --plan MODEL")
        self.assert_refused("--plan", DIGITS, "--device", "abacus", says="--device=abacus")
        self.assert_refused("--plan", DIGITS, "--batch", 99999, says="--batch=99999")
        self.assert_refused("--plan", DIGITS, "--disable-pass", "magic", says="'magic'")
        self.assert_refused("--plan", DIGITS, "--svg", "/nowhere/x.svg", says="/nowhere/x.svg")

    def test_help_is_its_own(self):
        code, out, _ = cli("explain", "--help")
        self.assertEqual(0, code)
        for option in ("--device", "--svg", "--disable-pass", "Exit codes"):
            self.assertIn(option, out)

    def test_what_is_no_model(self):
        self.assert_refused("--plan", "/nowhere/at/all", says="/nowhere/at/all")
        self.assert_refused("--plan", MODEL_REPO, says=("no version directory", "digits"))
        self.assert_refused("--plan", DIGITS / "config.pbtxt", says="config.pbtxt")

    def test_malformed_files(self):
        for line in (DATA / "malformed" / "EXPECT.tsv").read_text().splitlines():
            name, _, text = line.partition("\t")
            with self.subTest(name):
                file = DATA / "malformed" / f"{name}.onnx"
                self.assert_refused("--plan", file, says=(str(file), text))

    def test_a_file_cut_anywhere(self):
        whole = (DIGITS / "1" / "model.onnx").read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            for at in range(0, len(whole), len(whole) // 12):
                file = Path(folder) / "cut.onnx"
                file.write_bytes(whole[:at])
                with self.subTest(at):
                    self.assert_refused("--plan", file, says=str(file))

    def test_without_the_program_that_computes(self):
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder) / "hadron-cli"
            shutil.copy(Path(binary()).with_name("hadron-cli"), alone)
            environment = {**os.environ, "LD_LIBRARY_PATH": str(Path(binary()).parents[1])}
            done = subprocess.run([alone, "explain", "--plan", DIGITS], capture_output=True,
                                  text=True, timeout=SECONDS, env=environment, check=False)
            self.assertEqual(2, done.returncode)
            self.assertIn("hadron-explain", done.stderr)


if __name__ == "__main__":
    unittest.main()
