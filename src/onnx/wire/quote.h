#pragma once

#include <string>
#include <string_view>

namespace hadron::onnx {

/// A name of the file as messages show it: in quotes, control characters escaped, cut when longer
/// than a line. "'conv1'".
std::string Quote(std::string_view name);
/// Without the quotes.
std::string Printable(std::string_view name);

/// Whether the text is well-formed UTF-8: what leaves through JSON or gRPC has to be.
bool IsUtf8(std::string_view text);

}  // namespace hadron::onnx
