"""The layer table: which folder of src/ may include which, and where a library may be seen.

Imported by check_layers.py and check_targets.py. A change here is a change of the architecture and
changes docs/architecture.md in the same commit.
"""

# Folder of src/ -> the folders whose public headers it may include (and itself).
ALLOWED = {
    "base": "",
    "report": "base",
    "telemetry": "base",
    "net": "base telemetry",
    "tensor": "base",
    "device": "base telemetry tensor",
    "graph": "base tensor",
    "onnx": "base tensor graph",
    "backend": "base tensor device graph",
    "plan": "base telemetry tensor device graph backend",
    "storage": "base telemetry net",
    "config": "base tensor graph",
    "model": "base telemetry tensor device graph onnx backend plan storage config",
    "tenancy": "base telemetry net",
    "serving": "base telemetry tensor device plan config model tenancy",
    "protocol": "base telemetry net tensor config model tenancy serving",
    "server": "base report telemetry net tensor device graph onnx backend plan storage config model "
              "tenancy serving protocol",
    "autoscaler": "base telemetry net report",
}
ALLOWED = {folder: names.split() for folder, names in ALLOWED.items()}

# Trees outside src/ that may include only some of its folders. The first that matches counts.
CLIENTS = {
    # A program of its own beside hadron-cli: it compiles and runs models, hadron-cli never does.
    "clients/cli/explain": "base report tensor device graph onnx config backend plan".split(),
    "clients/cpp": "base telemetry net tensor".split(),
    "clients/cli": "base telemetry net tensor report graph onnx config storage".split(),
    "clients/load": "base telemetry net tensor report".split(),
}
# bench/ and tests/ may include everything, private headers too.
FREE_TREES = ("bench", "tests")

# Library -> (pattern of its headers, path prefixes that may include them).
# 'src/x/y.cc' is one file, 'src/x/' a tree.
LIBRARIES = {
    "OpenCL": (r"CL/", "src/device/opencl/"),
    "oneDNN": (r"oneapi/dnnl/|dnnl", ""),
    "OpenMP": (r"omp\.h$", ""),
    "gRPC": (r"grpc(pp|\+\+)?/|.*\.grpc\.pb\.h$|grpc_service\.pb\.h$|health\.pb\.h$",
             "src/protocol/rpc/ clients/cpp/"),
    "Boost": (r"boost/", "src/net/"),
    "libcurl": (r"curl/", "src/net/"),
    "prometheus-cpp": (r"prometheus/", "src/telemetry/"),
    "Protobuf": (r"google/protobuf/|.*\.pb\.h$",
                 "src/onnx/ src/config/ src/protocol/rpc/ clients/cpp/"),
    "nlohmann-json": (r"nlohmann/",
                      "src/config/ src/protocol/rest/ src/telemetry/ src/storage/s3/ src/tenancy/ "
                      "src/autoscaler/ src/server/ src/backend/"),
    "spdlog": (r"spdlog/", "src/base/"),
    # The exception: text formatting is fmt everywhere, std::format being absent in g++ 12.
    "fmt": (r"fmt/", "src/ clients/"),
    "OpenSSL": (r"openssl/", "src/net/ src/storage/s3/ src/tenancy/ src/base/sha256.cc src/base/md5.cc"),
    "zlib": (r"zlib\.h$", "src/net/"),
    "expat": (r"expat\.h$", "src/storage/s3/"),
    "libpq": (r"(postgresql/)?libpq", "src/tenancy/"),
    "yaml-cpp": (r"yaml-cpp/", "src/autoscaler/"),
    "NVML": (r"nvml\.h$", "src/device/"),
    "CLI11": (r"CLI/", "src/server/ src/autoscaler/ clients/"),
    "libpng": (r"png\.h$", "clients/cli/"),
    "GoogleTest": (r"gtest/|gmock/", ""),
    "google-benchmark": (r"benchmark/", ""),
}

# Headers that cost so much to compile that only sources may include them.
SOURCES_ONLY = {
    "Boost.Beast": r"boost/beast",
    "nlohmann-json": r"nlohmann/(?!json_fwd)",
}
# Boost.Asio needs <utility> before it under g++ 12; this header sees to that.
ASIO = r"boost/asio"
ASIO_HEADERS = r"src/net/asio\w*\.h$|src/net/asio\w*\.cc$"

# Tables in a sub-folder that other folders expand, because one line must register a thing everywhere.
PUBLIC_TABLES = {
    "graph/ops/ops.inc": "the list of operator families: every backend builds its registry from it",
}

# The places that may see the factory header of an implementation.
WIRING = r"(src/server|clients/cli/explain|clients/cli/push)/wiring\w*\.(cc|h)$"
FACTORY = r"(.*/)?factory\.h$"

# Headers of the platform: C and POSIX, Linux, intrinsics.
PLATFORM = (r"(sys|net|netinet|arpa|linux|asm|bits)/"
            r"|(aio|cpuid|cxxabi|dirent|dlfcn|elf|errno|execinfo|fcntl|fenv|getopt|glob|grp|"
            r"immintrin|inttypes|ifaddrs|langinfo|libgen|limits|link|locale|malloc|math|netdb|poll|"
            r"pthread|pwd|resolv|sched|semaphore|signal|spawn|stdarg|stddef|stdint|stdio|stdlib|"
            r"string|strings|syslog|termios|time|ucontext|unistd|utime|wait|wchar|x86intrin)\.h$"
            r"|sanitizer/")
