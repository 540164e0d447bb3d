#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "onnx/import/opsets.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// A function of the model, ready to be inlined.
struct Function {
  ::onnx_wire::FunctionProto* proto = nullptr;
  OpsetTable opsets;
  /// Attributes with and without (null) a default.
  std::map<std::string_view, ::onnx_wire::AttributeProto*> attributes;
};

/// The functions of a model by (domain, name, overload): a node that names one is a call, whatever
/// operator has that name. Refers to the model. Immutable after Create.
class FunctionTable {
 public:
  /// INVALID_ARGUMENT for functions defined twice or with repeated inputs, outputs, attributes.
  static base::StatusOr<FunctionTable> Create(::onnx_wire::ModelProto& model);

  /// Null when the node calls no function.
  const Function* Find(const ::onnx_wire::NodeProto& node) const;
  const std::map<std::string, Function, std::less<>>& all() const { return functions_; }

 private:
  std::map<std::string, Function, std::less<>> functions_;
};

/// "function 'f' (domain 'x')".
std::string FunctionLabel(const ::onnx_wire::FunctionProto& function);

}  // namespace hadron::onnx
