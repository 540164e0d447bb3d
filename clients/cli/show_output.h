#pragma once

#include <string>

#include "cli/image.h"
#include "hadron/client.h"

/// Tensors for the eye, in plain text.
namespace hadron::cli {

/// An output in the form that suits it: "value:index[:label]" strings (classification) as bars, a
/// block of cells [.., depth, height, width] as a shower, everything else as its first values.
/// `batching`: the first dimension counts rows. Names and strings of the server are escaped.
std::string ShowOutput(const client::Tensor& output, bool batching, bool classification);

/// The picture in grey, with the range of its values.
std::string ShowPicture(const std::string& input, const Image& picture);

}  // namespace hadron::cli
