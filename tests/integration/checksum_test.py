"""The agent `checksum`: files of a model are compared with its configuration before it is loaded."""

import hashlib
import json
import shutil
import tempfile
import unittest
from pathlib import Path

from integration import rest
from integration.harness import MODEL_REPO, Server


def agent(*sums, name="checksum"):
    """The configuration's lines; sums are (kind, path, digest)."""
    parameters = "".join(f'parameters {{ key: "{kind}:{path}" value: "{digest}" }} '
                         for kind, path, digest in sums)
    return f'model_repository_agents {{ agents {{ name: "{name}" {parameters} }} }}\n'


class Checksums(unittest.TestCase):
    """One server in mode explicit."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hadron-checksum-")
        self.addCleanup(folder.cleanup)
        self.repository = Path(folder.name)
        self.model = self.repository / "simple"
        shutil.copytree(MODEL_REPO / "simple", self.model)
        self.config = (self.model / "config.pbtxt").read_text()
        self.bytes = (self.model / "1" / "model.onnx").read_bytes()
        self.server = Server([self.repository], model_control_mode="explicit")
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)

    def load(self, *sums, model="simple", name="checksum"):
        """Status and text of a load with these sums."""
        if model == "simple":
            (self.model / "config.pbtxt").write_text(self.config + agent(*sums, name=name))
        answer = rest.call(self.server.http, "POST", f"/v2/repository/models/{model}/load", b"{}")
        return answer.status, json.loads(answer.body or b"{}").get("error", "")

    def test_right_and_wrong_sums(self):
        """A file that differs fails the load; the version that serves stays."""
        md5 = hashlib.md5(self.bytes).hexdigest()
        sha256 = hashlib.sha256(self.bytes).hexdigest()
        (self.model / "notes").write_text("abc")
        notes = ("MD5", "notes", hashlib.md5(b"abc").hexdigest())
        self.assertEqual((200, ""), self.load(("MD5", "1/model.onnx", md5.upper()), notes))
        self.assertEqual((200, ""), self.load(("SHA256", "1/model.onnx", sha256)))
        for sums in ([("MD5", "1/model.onnx", "0" * 32)], [("SHA256", "1/model.onnx", "0" * 64)],
                     [("SHA256", "1/model.onnx", sha256), ("MD5", "notes", md5)]):
            status, error = self.load(*sums)
            self.assertEqual(400, status, error)
            path = sums[-1][1]
            self.assertIn(f"checksum of '{self.model}/{path}': the file's is ", error)
            self.assertIn(f"says {sums[-1][2]}", error)
            ready = rest.call(self.server.http, "GET", "/v2/models/simple/ready")
            self.assertEqual(200, ready.status)

    def test_files_that_are_not_there(self):
        """Of versions that are there but not loaded nothing is compared."""
        status, error = self.load(("MD5", "1/other", "0" * 32))
        self.assertNotEqual(200, status)
        self.assertIn("1/other", error)
        status, error = self.load(("MD5", "1", "0" * 32))
        self.assertNotEqual(200, status, error)
        shutil.copytree(self.model / "1", self.model / "2")
        right = ("MD5", "2/model.onnx", hashlib.md5(self.bytes).hexdigest())
        self.assertEqual((200, ""), self.load(("MD5", "1/model.onnx", "0" * 32), right))

    def test_what_is_refused(self):
        """Other agents, other parameters, and paths that leave the model."""
        for sums, text in (([("SHA1", "1/model.onnx", "0" * 40)], "'MD5:<path>'"),
                           ([("MD5", "../simple/1/model.onnx", "0" * 32)], "relative path"),
                           ([("MD5", "1/model.onnx", "12")], "32 hexadecimal digits")):
            status, error = self.load(*sums)
            self.assertEqual(400, status)
            self.assertIn(text, error)
        status, error = self.load(name="relocation")
        self.assertEqual(400, status)
        self.assertIn("agent 'relocation' is not supported", error)

    def test_an_ensemble(self):
        """Its labels are checked."""
        self.assertEqual((200, ""), self.load())
        folder = self.repository / "e"
        folder.mkdir()
        (folder / "labels.txt").write_text("abc")
        text = """platform: "ensemble" max_batch_size: 8
input { name: "x" data_type: TYPE_INT32 dims: 16 }
output { name: "y" data_type: TYPE_INT32 dims: 16 label_filename: "labels.txt" }
ensemble_scheduling { step { model_name: "simple" model_version: -1
  input_map { key: "INPUT0" value: "x" } input_map { key: "INPUT1" value: "x" }
  output_map { key: "OUTPUT0" value: "y" } } }
"""
        for digest, expected in (("0" * 32, 400), (hashlib.md5(b"abc").hexdigest(), 200)):
            (folder / "config.pbtxt").write_text(text + agent(("MD5", "labels.txt", digest)))
            status, error = self.load(model="e")
            self.assertEqual(expected, status, error)


if __name__ == "__main__":
    unittest.main()
