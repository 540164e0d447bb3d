#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/lifecycle.h"
#include "model/reload_policy.h"

namespace hadron::server {

/// How an option relates to tritonserver's of the same name.
enum class Treatment : std::uint8_t { kKeep, kOurs, kAlias, kNoop };
enum class OptionType : std::uint8_t { kBool, kFlag, kUint, kDouble, kText, kTexts };

struct Range {
  std::uint64_t low = 0;
  std::uint64_t high = UINT64_MAX;
};

/// One row of options_table.inc.
struct OptionRow {
  std::string_view name;
  OptionType type;
  std::string_view default_value;
  Treatment treatment;
  Range range;
  std::string_view help;
};
const std::vector<OptionRow>& OptionTable();

/// The values of a run: parsed once, checked against the table, immutable afterwards. Strongest
/// first: command line, HADRON_<NAME>, --config file, default.
class Options {
 public:
  /// What a command line asks for instead of serving.
  enum class Action : std::uint8_t { kServe, kPrintAndExit };
  struct Parsed;

  /// INVALID_ARGUMENT for unknown options and values that do not fit, naming the option.
  /// A program called tritonserver keeps that one's defaults where they say who may do what.
  static base::StatusOr<Parsed> Parse(const std::vector<std::string>& arguments,
                                      std::string_view program = "hadron");

  bool Bool(std::string_view name) const;
  std::uint64_t Uint(std::string_view name) const;
  double Double(std::string_view name) const;
  const std::string& Text(std::string_view name) const;
  const std::vector<std::string>& Texts(std::string_view name) const;
  std::uint16_t Port(std::string_view name) const { return static_cast<std::uint16_t>(Uint(name)); }
  /// Set on the command line, in the environment or in the file.
  bool Given(std::string_view name) const;
  /// Repositories of both spellings.
  std::vector<std::string> Repositories() const;
  /// Value of --backend-config's default-max-batch-size.
  base::StatusOr<std::int64_t> DefaultMaxBatchSize() const;
  /// Value of --model-control-mode.
  base::StatusOr<model::ControlMode> ControlMode() const;
  /// Value of --reload-policy.
  base::StatusOr<model::ReloadPolicy> ReloadPolicy() const;
  /// What --cache-config gives the response cache; 0 = there is none.
  base::StatusOr<std::uint64_t> ResponseCacheBytes() const;
  /// Options that are accepted and ignored and were given.
  std::vector<std::string> IgnoredOptions() const;

 private:
  struct Value {
    std::vector<std::string> texts;
    bool given = false;
  };
  /// Command lines of tritonserver keep their meaning.
  void KeepReference();
  base::Status Check() const;
  base::Status CheckModels() const;
  const Value& Get(std::string_view name) const;

  std::map<std::string, Value, std::less<>> values_;
};

struct Options::Parsed {
  Action action = Action::kServe;
  std::string print;  ///< for kPrintAndExit
  Options options;
};

/// The table as docs/options.md.
std::string OptionsMarkdown();

}  // namespace hadron::server
