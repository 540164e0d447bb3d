"""ONNX Runtime as a child process of hadron-bench: one JSON command a line on stdin, one answer a
line on stdout. Commands: {"open": path, "threads": n, "inputs": [...]}, {"time": count} (mean
nanoseconds of a run), {"outputs": true} (hex of each output)."""

import json
import sys
import time

import numpy
import onnxruntime

TYPES = {"FP32": numpy.float32, "INT32": numpy.int32, "INT64": numpy.int64}


class Arm:
    """The session under study and its inputs."""

    def open(self, command):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = command["threads"]
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            command["open"], options, providers=["CPUExecutionProvider"])
        self.feeds = {}
        for item in command["inputs"]:
            data = numpy.frombuffer(bytes.fromhex(item["hex"]), TYPES[item["type"]])
            self.feeds[item["name"]] = data.reshape(item["shape"])
        return "ok"

    def time(self, count):
        begin = time.perf_counter_ns()
        for _ in range(count):
            self.session.run(None, self.feeds)
        return (time.perf_counter_ns() - begin) / count

    def outputs(self):
        return json.dumps([output.tobytes().hex() for output in self.session.run(None, self.feeds)])


def main():
    """Answers until stdin ends."""
    print(f"ONNX Runtime {onnxruntime.__version__}", flush=True)
    arm = Arm()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if "open" in command:
                answer = arm.open(command)
            elif "time" in command:
                answer = arm.time(command["time"])
            else:
                answer = arm.outputs()
        except Exception as error:  # the driver reports it
            answer = f"error: {error}".replace("\n", " ")
        print(answer, flush=True)


if __name__ == "__main__":
    main()
