#include "onnx/import/opsets.h"

#include <fmt/format.h>

#include <climits>

#include "onnx.pb.h"
#include "onnx/wire/quote.h"

namespace hadron::onnx {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;

using Versions = std::map<std::string, int, std::less<>>;

template <typename Imports>
StatusOr<Versions> ReadImports(const Imports& imports) {
  if (imports.empty()) {
    return InvalidArgument("opset_import is missing: which operator sets it is written for");
  }
  Versions versions;
  for (const auto& import : imports) {
    const std::string_view domain = NormalDomain(import.domain());
    const std::int64_t version = import.version();
    if (version < 1 || version > INT_MAX) {
      return InvalidArgument(fmt::format("opset_import: version {} of domain '{}' is out of range",
                                         version, Printable(DomainName(domain))));
    }
    if (!versions.emplace(domain, static_cast<int>(version)).second) {
      return InvalidArgument(
          fmt::format("opset_import: duplicate domain '{}'", Printable(DomainName(domain))));
    }
  }
  return versions;
}

}  // namespace

std::string_view NormalDomain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

std::string_view DomainName(std::string_view domain) {
  return domain.empty() ? std::string_view("ai.onnx") : domain;
}

StatusOr<OpsetTable> OpsetTable::FromModel(const ::onnx_wire::ModelProto& model) {
  OpsetTable table;
  HADRON_ASSIGN_OR_RETURN(table.versions_, ReadImports(model.opset_import()));
  return table;
}

StatusOr<OpsetTable> OpsetTable::FromFunction(const ::onnx_wire::FunctionProto& function) {
  OpsetTable table;
  HADRON_ASSIGN_OR_RETURN(table.versions_, ReadImports(function.opset_import()));
  return table;
}

int OpsetTable::VersionOf(std::string_view domain) const {
  const auto it = versions_.find(NormalDomain(domain));
  return it == versions_.end() ? 0 : it->second;
}

Status CheckIrVersion(const ::onnx_wire::ModelProto& model, bool allow_newer_ir) {
  if (!model.has_ir_version()) return InvalidArgument("ir_version is missing");
  if (model.ir_version() <= 0) {
    return InvalidArgument(fmt::format("ir_version {} is not positive", model.ir_version()));
  }
  if (model.ir_version() > kNewestIrVersion && !allow_newer_ir) {
    return InvalidArgument(fmt::format("ir_version {} is newer than {}, the newest known",
                                       model.ir_version(), kNewestIrVersion));
  }
  return {};
}

}  // namespace hadron::onnx
