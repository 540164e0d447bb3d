# SPDX-License-Identifier: Apache-2.0
"""Makes networks of well-known topologies with random weights, and ONNX Runtime's answers.

Every network comes twice: NAME in the size of the literature, for benchmarks, and NAME_small with
the same nodes and few channels, for tests.  OUT (default build/fixtures/topologies, or
topologies_small) becomes a model repository; OUT.recorded gets NAME/input.*.npy and output.*.npy of
eight rows, as record.py writes them, and manifest.json.  What the manifest shows to be up to date is
left alone.

    make_topologies.py [--small] [--out OUT] [NAME...]

Needs python3-torch (1.13) of Debian 12 and the onnxruntime of build/venv (./setup.sh venv).  Exit
status 77: one of them is missing; the last line says which.
"""

import argparse
import hashlib
import json
import math
import pathlib
import subprocess
import sys
import zlib

SKIPPED = 77
MAX_BATCH = 8
SMALL_BYTES = 1_500_000
LARGE_BYTES = 200_000_000
SCRIPTS = pathlib.Path(__file__).resolve().parent
ROOT = SCRIPTS.parents[1]
VENV_PYTHON = ROOT / "build" / "venv" / "bin" / "python"
SOURCES = [*(SCRIPTS / f"{name}.py" for name in (
    "make_topologies", "onnx_wire", "record", "repository", "torch_export", "topology_dense",
    "topology_generators", "topology_vision")),
           ROOT / "tests" / "requirements.txt"]
MASK = "mask"  # an input of this name is INT64, every other tensor is FP32
RELU_GAIN = math.sqrt(2)  # keeps the variance through ReLU


class Network:
    """How to build a network and what goes in and comes out.

    `make` gets the modules of torch and of the topologies as `t`; they are imported late, because
    a run with nothing to do needs none of them.
    """

    def __init__(self, make, inputs, output, opset=13, gain=RELU_GAIN):
        self.make, self.inputs, self.output = make, inputs, output
        self.opset, self.gain = opset, gain


def encoder(tokens, width, **options):
    return Network(lambda t: t.dense.encoder(width, **options), {"tokens": (tokens, width)},
                   "encoded", opset=14, gain=1)


def bert(tokens, width, masked=False, **options):
    mask = {MASK: (tokens,)} if masked else {}
    return Network(lambda t: t.dense.BertLayer(width, **options),
                   {"hidden": (tokens, width), **mask}, "encoded", gain=1)


def image(make, shape, output="logits"):
    return Network(make, {"image": shape}, output)


def generator(make, latent):
    return Network(make, {"latent": (latent,)}, "volume")


LARGE = {
    "resnet50": image(lambda t: t.vision.ResNet50(), (3, 224, 224)),
    "mobilenet_v2": image(lambda t: t.vision.MobileNetV2(), (3, 224, 224)),
    "unet": image(lambda t: t.vision.UNet(), (1, 128, 128), "segments"),
    "gan_convtranspose": generator(lambda t: t.generators.ConvTransposeGenerator(), 200),
    "gan_conv3d": generator(lambda t: t.generators.ConvGenerator(), 200),
    "encoder_post": encoder(128, 256),
    "encoder_pre": encoder(128, 256, norm_first=True),
    "bert_layer": bert(128, 768),
    "mlp": Network(lambda t: t.dense.Perceptron(), {"features": (64,)}, "probabilities"),
}
# Widths that are no multiples of 16, volumes and sequences that are no powers of two.
SMALL = {
    "resnet50_small": image(
        lambda t: t.vision.ResNet50(12, (8, 16, 28, 48), 10), (3, 64, 64)),
    "mobilenet_v2_small": image(
        lambda t: t.vision.MobileNetV2(8, (8, 12, 16, 20, 24, 32, 40), 96, 10), (3, 64, 64)),
    "unet_small": image(lambda t: t.vision.UNet((6, 10, 16, 24, 36)), (1, 48, 32), "segments"),
    "gan_convtranspose_small": generator(
        lambda t: t.generators.ConvTransposeGenerator(20, (24, 20, 12, 8), (3, 4, 2)), 20),
    "gan_conv3d_small": generator(
        lambda t: t.generators.ConvGenerator(20, (4, 20, 6, 6), (3, 2, 4)), 20),
    "gan_padded_small": generator(
        lambda t: t.generators.ConvGenerator(20, (4, 20, 6, 6), (3, 2, 4), pads=True), 20),
    "encoder_post_small": encoder(19, 48, hidden=96),
    "encoder_pre_small": encoder(19, 48, hidden=96, norm_first=True),
    "bert_layer_small": bert(21, 60, heads=6, hidden=240),
    "bert_masked_small": bert(21, 60, masked=True, heads=6, hidden=240),
    "mlp_small": Network(lambda t: t.dense.Perceptron(13, 72, 5), {"features": (13,)},
                         "probabilities"),
}


class Toolbox:
    """What is slow to import."""

    def __init__(self):
        import torch
        import repository
        import topology_dense
        import topology_generators
        import topology_vision
        import torch_export
        torch.set_num_threads(1)
        self.torch, self.export = torch, torch_export.export
        self.write_model = repository.write_model
        self.dense, self.generators = topology_dense, topology_generators
        self.vision = topology_vision


def fan_in(torch, module, weight):
    """How many inputs an output of the layer adds up."""
    if isinstance(module, torch.nn.modules.conv._ConvTransposeNd):
        return weight.numel() / weight.shape[1] / math.prod(module.stride)
    return weight.numel() / weight.shape[0]


def randomise(torch, root, gain):
    """Random weights that keep values near 1, and statistics that folding must not lose."""
    for module in root.modules():
        normalises = isinstance(
            module, (torch.nn.modules.batchnorm._BatchNorm, torch.nn.LayerNorm))
        for tensor in module.parameters(recurse=False):
            if tensor.dim() > 1:
                tensor.data.normal_(0, gain / math.sqrt(fan_in(torch, module, tensor)))
            else:
                tensor.data.normal_(0, 0.1)
        if normalises:
            module.weight.data.uniform_(0.5, 1.5)
        if getattr(module, "running_mean", None) is not None:
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)


def config_text(name, network, output_shape):
    """config.pbtxt of Triton."""
    def tensors(kind, shapes):
        entries = [f'  {{ name: "{label}", data_type: TYPE_{"INT64" if label == MASK else "FP32"}, '
                   f"dims: [ {', '.join(map(str, shape))} ] }}" for label, shape in shapes.items()]
        return f"{kind} [\n" + ",\n".join(entries) + "\n]\n"

    return "".join([
        f'name: "{name}"\nplatform: "onnxruntime_onnx"\nmax_batch_size: {MAX_BATCH}\n',
        tensors("input", network.inputs), tensors("output", {network.output: output_shape})])


def make_network(toolbox, out, name, network, limit):
    torch = toolbox.torch
    torch.manual_seed(zlib.crc32(name.encode()))
    module = network.make(toolbox).eval()
    randomise(torch, module, network.gain)
    # Two rows: what is right for one may be wrong for more.
    examples = tuple(torch.ones(2, *shape, dtype=torch.int64) if label == MASK
                     else torch.randn(2, *shape) for label, shape in network.inputs.items())
    data = toolbox.export(module, examples, list(network.inputs), [network.output],
                          opset=network.opset, fold_constants=True)
    toolbox.write_model(name, data, root=out, limit=limit)
    with torch.no_grad():
        output = module(*examples)
    (out / name / "config.pbtxt").write_text(config_text(name, network, output.shape[1:]))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(out, recorded, name):
    files = [*(out / name).rglob("*"), *(recorded / name).rglob("*")]
    return {str(file.relative_to(out.parent)): sha256(file)
            for file in sorted(files) if file.is_file()}


def stale(out, recorded, manifest, names):
    """Those of `names` that are not what the manifest says they are."""
    return [name for name in names
            if not manifest.get(name) or manifest[name] != digests(out, recorded, name)]


def missing_tool():
    """Why the networks cannot be made here; None where they can."""
    try:
        import numpy  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        return f"{sys.executable}: {error}; Debian's has it after: apt-get install python3-torch"
    probe = [VENV_PYTHON, "-c", "import onnxruntime"]
    if not VENV_PYTHON.exists() or subprocess.run(probe, stderr=subprocess.DEVNULL).returncode:
        return "build/venv has no onnxruntime; make it with: ./setup.sh venv"
    return None


def make_all(out, recorded, networks, limit):
    toolbox = Toolbox()
    for name, network in networks.items():
        make_network(toolbox, out, name, network, limit)
    subprocess.run([VENV_PYTHON, SCRIPTS / "record.py", "--repository", out, "--into", recorded,
                    *networks], check=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="those for tests")
    parser.add_argument("--out", type=pathlib.Path, help="model repository to write")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    options = parser.parse_args()
    known = SMALL if options.small else LARGE
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"no network {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    default = ROOT / "build" / "fixtures" / (
        "topologies_small" if options.small else "topologies")
    return (options.out or default).resolve(), known, options.names or list(known)


def main():
    out, known, names = parse_arguments()
    recorded = out.with_name(out.name + ".recorded")
    manifest_path = recorded / "manifest.json"
    key = hashlib.sha256("".join(map(sha256, SOURCES)).encode()).hexdigest()
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {}
    made = manifest["networks"] if manifest.get("made_by") == key else {}
    names = stale(out, recorded, made, names)
    if not names:
        print(f"{out}: up to date")
        return 0
    reason = missing_tool()
    if reason:
        print(f"skipped: topologies: {reason}")
        return SKIPPED
    make_all(out, recorded, {name: known[name] for name in names},
             SMALL_BYTES if known is SMALL else LARGE_BYTES)
    made.update({name: digests(out, recorded, name) for name in names})
    manifest_path.write_text(json.dumps({"made_by": key, "networks": made}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
