#pragma once

/// The generated message types by name only: headers of this folder stay free of protobuf.
namespace onnx_wire {
class AttributeProto;
class FunctionProto;
class GraphProto;
class ModelProto;
class NodeProto;
class TensorProto;
class TypeProto;
class ValueInfoProto;
}  // namespace onnx_wire
