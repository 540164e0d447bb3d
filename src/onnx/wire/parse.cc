#include "onnx/wire/parse.h"

#include <google/protobuf/io/coded_stream.h>

#include <climits>

#include "onnx.pb.h"
#include "onnx/wire/scan.h"

namespace hadron::onnx {

using base::InvalidArgument;
using base::StatusOr;

StatusOr<std::unique_ptr<::onnx_wire::ModelProto>> ParseModel(const base::IoBuf& file,
                                                              const LoadLimits& limits) {
  if (file.empty()) return InvalidArgument("not an ONNX model: the file is empty");
  if (file.size() >= INT_MAX) {
    return InvalidArgument("the model file exceeds 2 GiB; keep its weights as external data");
  }
  const base::IoBuf flat = file.Flatten();
  HADRON_RETURN_IF_ERROR(ScanWire(flat.bytes(), limits));

  const auto* data =
      static_cast<const std::uint8_t*>(static_cast<const void*>(flat.bytes().data()));
  google::protobuf::io::CodedInputStream input(data, static_cast<int>(flat.size()));
  input.SetTotalBytesLimit(INT_MAX);
  input.SetRecursionLimit(100);
  auto model = std::make_unique<::onnx_wire::ModelProto>();
  if (!model->ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) {
    return InvalidArgument("not an ONNX model: corrupt");
  }
  if (!model->has_graph()) return InvalidArgument("not an ONNX model: it has no graph");
  return model;
}

}  // namespace hadron::onnx
