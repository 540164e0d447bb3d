"""check_layers.py finds each kind of forbidden include."""

from planted import CheckTest


class Layers(CheckTest):
    CHECK = "layers"

    def test_accepts_what_the_table_allows(self):
        self.write("src/base/status.h", "#pragma once\n#include <string>\n#include <sys/stat.h>\n")
        self.write("src/tensor/shape.cc", '#include "tensor/shape.h"\n#include "base/status.h"\n')
        self.write("src/tensor/shape.h", "#pragma once\n")
        self.assert_clean()

    def test_finds_a_lower_layer_that_includes_a_higher_one(self):
        self.write("src/base/status.cc", '#include <string>\n#include "net/url.h"\n')
        self.assert_found("src/base/status.cc:2", "may not include 'net/url.h'")

    def test_finds_a_skipped_line_of_the_table(self):
        self.write("src/protocol/route.cc", '#include "plan/executor.h"\n')
        self.assert_found("src/protocol/route.cc:1", "plan/executor.h")

    def test_finds_a_private_header_of_another_folder(self):
        self.write("src/plan/partition.cc", '#include "backend/native/conv.h"\n')
        self.assert_found("src/plan/partition.cc:1", "private to 'backend'")

    def test_accepts_a_private_header_of_its_own_folder(self):
        self.write("src/backend/registry.cc", '#include "backend/native/conv.h"\n')
        self.assert_clean()

    def test_wiring_sees_factories_and_nothing_else_that_is_private(self):
        self.write("src/server/wiring.cc", '#include "device/opencl/factory.h"\n')
        self.write("src/server/wiring_store.cc", '#include "storage/s3/factory.h"\n')
        self.assert_clean()
        self.write("src/server/wiring.cc", '\n#include "device/opencl/queue.h"\n')
        self.assert_found("src/server/wiring.cc:2", "private to 'device'")

    def test_only_wiring_sees_factories(self):
        self.write("src/server/server.cc", '#include "device/opencl/factory.h"\n')
        self.assert_found("src/server/server.cc:1", "private to 'device'")

    def test_finds_a_library_outside_its_folder(self):
        for library, file in (("CL/cl.h", "src/backend/opencl/conv.cc"),
                              ("dnnl.hpp", "src/plan/executor.cc"),
                              ("grpcpp/grpcpp.h", "src/protocol/rest/server.cc"),
                              ("boost/beast.hpp", "src/protocol/rest/server.cc"),
                              ("spdlog/spdlog.h", "src/net/server.cc"),
                              ("openssl/evp.h", "src/base/other.cc"),
                              ("png.h", "clients/load/main.cc"),
                              ("gtest/gtest.h", "src/base/status.cc")):
            with self.subTest(library=library):
                self.setUp()
                self.write(file, f"// one\n// two\n#include <{library}>\n")
                self.assert_found(f"{file}:3", library)

    def test_accepts_a_library_in_its_folder(self):
        self.write("src/device/opencl/queue.cc", "#include <CL/cl.h>\n")
        self.write("src/base/sha256.cc", "#include <openssl/evp.h>\n")
        self.write("tests/unit/base/a_test.cc", '#include <gtest/gtest.h>\n#include <CL/cl.h>\n')
        self.assert_clean()

    def test_finds_generated_code_outside_its_folder(self):
        self.write("src/model/catalogue.cc", '#include "onnx.pb.h"\n')
        self.assert_found("src/model/catalogue.cc:1", "Protobuf")

    def test_finds_an_unknown_library(self):
        self.write("src/base/x.cc", "#include <acme/rocket.h>\n")
        self.assert_found("src/base/x.cc:1", "no library of the table")

    def test_finds_an_expensive_header_in_a_header(self):
        self.write("src/net/session.h", "#pragma once\n#include <boost/beast/http.hpp>\n")
        self.assert_found("src/net/session.h:2", ".cc files only")

    def test_finds_asio_included_past_its_header(self):
        self.write("src/net/server.cc", "#include <boost/asio.hpp>\n")
        self.assert_found("src/net/server.cc:1", 'include "net/asio.h" instead')

    def test_finds_product_code_that_includes_tests_or_clients(self):
        self.write("src/base/x.cc", '#include "tests/fakes/clock.h"\n')
        self.assert_found("src/base/x.cc:1", "src/ may not include")

    def test_finds_a_path_with_dots(self):
        self.write("src/base/x.cc", '#include "../net/url.h"\n')
        self.assert_found("src/base/x.cc:1", "not by '..'")

    def test_finds_an_include_without_folder(self):
        self.write("src/base/x.cc", '#include "status.h"\n')
        self.assert_found("src/base/x.cc:1", "names no folder")

    def test_finds_a_folder_that_is_not_in_the_table(self):
        self.write("src/misc/x.cc", "\n")
        self.assert_found("src/misc/x.cc:1", "not in the table")

    def test_finds_a_client_that_includes_the_server(self):
        self.write("clients/cli/main.cc", '#include "serving/request.h"\n')
        self.assert_found("clients/cli/main.cc:1", "serving/request.h")

    def test_only_the_explaining_part_of_the_cli_sees_plans(self):
        self.write("clients/cli/explain/run.cc", '#include "plan/compiled_model.h"\n')
        self.write("clients/cli/explain/wiring.cc", '#include "device/host/factory.h"\n')
        self.assert_clean()
        self.write("clients/cli/run.cc", '#include "plan/compiled_model.h"\n')
        self.assert_found("clients/cli/run.cc:1", "plan/compiled_model.h")

    def test_finds_a_client_header_that_exposes_the_inside(self):
        self.write("clients/cpp/include/hadron/client.h", '#include "base/status.h"\n')
        self.assert_found("clients/cpp/include/hadron/client.h:1", "standard library only")

    def test_finds_an_include_in_a_comment_only_when_it_is_code(self):
        self.write("src/base/x.cc", '// #include "net/url.h"\n/*\n#include "net/url.h"\n*/\n')
        self.assert_clean()


class Cycles(CheckTest):
    CHECK = "layers"

    def test_finds_a_cycle_of_components(self):
        self.write("src/base/a.h", '#include "base/b.h"\n')
        self.write("src/base/b.h", "\n")
        self.write("src/base/b.cc", '#include "base/b.h"\n#include "base/c.h"\n')
        self.write("src/base/c.h", '\n\n#include "base/a.h"\n')
        self.assert_found("src/base/c.h:3",
                          "include cycle: src/base/a -> src/base/b -> src/base/c -> src/base/a")

    def test_a_source_that_includes_its_own_header_is_no_cycle(self):
        self.write("src/base/a.h", "\n")
        self.write("src/base/a.cc", '#include "base/a.h"\n#include "base/b.h"\n')
        self.write("src/base/b.h", "\n")
        self.assert_clean()

    def test_finds_every_one_of_several_cycles(self):
        for one, other in (("a", "b"), ("c", "d")):
            self.write(f"src/base/{one}.h", f'#include "base/{other}.h"\n')
            self.write(f"src/base/{other}.h", f'#include "base/{one}.h"\n')
        self.assert_found("src/base/b.h:1", "include cycle")
        self.assert_found("src/base/d.h:1", "include cycle")
