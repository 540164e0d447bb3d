#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "graph/attributes.h"
#include "onnx/import/tensors.h"
#include "onnx/wire/messages.h"

namespace hadron::onnx {

/// Attributes of a node (or values of a call's attributes) by name. Sorted, so that messages and
/// graphs do not depend on the order in the file.
using AttributeMap = std::map<std::string_view, ::onnx_wire::AttributeProto*>;

/// Checks the form of a node's attributes (named, once each, one value, of the stated type) and
/// puts what `ref_attr_name` means in its place: `call` holds the attributes of the call that a
/// function's body is inlined for, null outside of functions. References to attributes that the
/// call leaves out disappear.
base::StatusOr<AttributeMap> ResolveAttributes(::onnx_wire::NodeProto& node,
                                               const AttributeMap* call);

/// One attribute by itself: a known type, and a value of that type or a reference, not both.
base::Status CheckAttributeForm(const ::onnx_wire::AttributeProto& attribute);

/// Kind of the attribute as the file states it; kOther for kinds no operator of Hadron takes.
graph::AttributeType KindOf(const ::onnx_wire::AttributeProto& attribute);
/// "SPARSE_TENSOR": ONNX's word for it.
std::string KindName(const ::onnx_wire::AttributeProto& attribute);

/// The value of a checked attribute of any kind but kGraph and kOther. `label` calls its node.
base::StatusOr<graph::AttributeValue> ReadAttribute(::onnx_wire::AttributeProto& attribute,
                                                    TensorReader& tensors, std::string_view label);

/// Bytes that a copy of the attribute's value takes; tensors are shared and count nothing.
std::uint64_t CopiedBytes(const ::onnx_wire::AttributeProto& attribute);

}  // namespace hadron::onnx
