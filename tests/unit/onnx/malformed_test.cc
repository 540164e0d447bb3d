// Every file of tests/data/malformed is refused with a message that says why. The table EXPECT.tsv
// gives for each file a lower-case part of the message.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/strings.h"
#include "unit/onnx/fixtures.h"

namespace hadron::onnx {
namespace {

const std::filesystem::path kMalformed = std::string(HADRON_SOURCE_DIR) + "/tests/data/malformed";

struct MalformedRow {
  std::string file;
  std::string expected;
};

std::vector<MalformedRow> MalformedTable() {
  std::vector<MalformedRow> rows;
  std::ifstream table(kMalformed / "EXPECT.tsv");
  for (std::string line; std::getline(table, line);) {
    const auto columns = base::Split(line, '\t');
    if (line.empty() || line.front() == '#' || columns.size() < 2) continue;
    const bool has_ending = columns[0].ends_with(".onnx");
    rows.push_back({has_ending ? columns[0] : columns[0] + ".onnx", columns[1]});
  }
  return rows;
}

TEST(MalformedFiles, AreRefusedWithAReason) {
  const auto rows = MalformedTable();
  ASSERT_GE(rows.size(), 30U) << "tests/data/malformed/EXPECT.tsv is missing or too short";
  for (const MalformedRow& row : rows) {
    ASSERT_TRUE(std::filesystem::exists(kMalformed / row.file)) << row.file;
    const auto loaded = LoadOnnxFile((kMalformed / row.file).string(), {});
    if (loaded.ok()) {
      ADD_FAILURE() << row.file << " was loaded";
      continue;
    }
    EXPECT_NE(base::ToLower(loaded.message()).find(row.expected), std::string::npos)
        << row.file << ": '" << row.expected << "' is not in: " << loaded.message();
  }
}

TEST(MalformedFiles, AllStandInTheTable) {
  std::set<std::string> listed;
  for (const MalformedRow& row : MalformedTable()) listed.insert(row.file);
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(kMalformed, missing)) {
    if (entry.path().extension() != ".onnx") continue;
    EXPECT_TRUE(listed.contains(entry.path().filename().string())) << entry.path();
  }
}

}  // namespace
}  // namespace hadron::onnx
