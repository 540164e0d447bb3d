#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// "ai.onnx" and "" are one domain; this is its spelling in tables.
std::string_view NormalDomain(std::string_view domain);
/// "ai.onnx" for messages.
std::string_view DomainName(std::string_view domain);

/// The operator sets that a model or a function imports. Immutable.
class OpsetTable {
 public:
  /// INVALID_ARGUMENT for a domain named twice or a version outside int.
  static base::StatusOr<OpsetTable> FromModel(const ::onnx_wire::ModelProto& model);
  /// A function sees its own imports alone.
  static base::StatusOr<OpsetTable> FromFunction(const ::onnx_wire::FunctionProto& function);

  /// 0 when the domain is not imported.
  int VersionOf(std::string_view domain) const;
  const std::map<std::string, int, std::less<>>& all() const { return versions_; }

 private:
  std::map<std::string, int, std::less<>> versions_;
};

/// ir_version and opset_import as section "versions" of the format demands; warns through the
/// status only. `allow_newer_ir` accepts an ir_version above the newest known.
base::Status CheckIrVersion(const ::onnx_wire::ModelProto& model, bool allow_newer_ir);

/// Newest ir_version that Hadron knows.
inline constexpr int kNewestIrVersion = 14;

}  // namespace hadron::onnx
