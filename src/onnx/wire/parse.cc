#include "onnx/wire/parse.h"

#include <google/protobuf/io/coded_stream.h>

#include <climits>
#include <utility>

#include "onnx.pb.h"

namespace hadron::onnx {

using base::InvalidArgument;
using base::StatusOr;

StatusOr<ParsedModel> ParseModel(const base::ByteSource& file, const LoadLimits& limits) {
  if (file.size() == 0) return InvalidArgument("not an ONNX model: the file is empty");
  if (file.size() >= INT_MAX) {
    return InvalidArgument("the model file exceeds 2 GiB; keep its weights as external data");
  }
  HADRON_ASSIGN_OR_RETURN(Skeleton skeleton, ScanWire(file, limits));

  const auto* data =
      static_cast<const std::uint8_t*>(static_cast<const void*>(skeleton.bytes.data()));
  google::protobuf::io::CodedInputStream input(data, static_cast<int>(skeleton.bytes.size()));
  input.SetTotalBytesLimit(INT_MAX);
  input.SetRecursionLimit(100);
  auto model = std::make_unique<::onnx_wire::ModelProto>();
  if (!model->ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) {
    return InvalidArgument("not an ONNX model: corrupt");
  }
  if (!model->has_graph()) return InvalidArgument("not an ONNX model: it has no graph");
  return ParsedModel{std::move(model), std::move(skeleton.left)};
}

}  // namespace hadron::onnx
