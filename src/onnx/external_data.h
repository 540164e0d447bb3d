#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "base/status.h"

namespace hadron::onnx {

class FileDescriptor;

/// Where the tensors lie that a model keeps outside its file: in a directory, or in files that
/// somebody else holds. The directory is opened once, through whatever links lead to it; what the
/// model names is then resolved beneath it and never through a link, so that no model reads what is
/// not its own. Immutable, thread-safe.
///
///     HADRON_ASSIGN_OR_RETURN(auto data, ExternalData::FromDirectory("/models/digits/1"));
///     HADRON_ASSIGN_OR_RETURN(auto file, data.Open("weights.bin"));
class ExternalData {
 public:
  /// The file of a relative path without "." and ".."; null when there is none.
  using Finder =
      std::function<std::shared_ptr<const base::ByteSource>(const std::string& location)>;

  /// Refuses every location.
  static ExternalData None() { return ExternalData(nullptr, nullptr); }
  /// NOT_FOUND when the directory cannot be opened.
  static base::StatusOr<ExternalData> FromDirectory(const std::string& path);
  static ExternalData FromFinder(Finder find) { return ExternalData(nullptr, std::move(find)); }

  /// A regular file below the model's directory, without other names. INVALID_ARGUMENT for a
  /// location that a model may not name, NOT_FOUND for a missing file.
  base::StatusOr<std::shared_ptr<const base::ByteSource>> Open(std::string_view location) const;

 private:
  ExternalData(std::shared_ptr<const FileDescriptor> directory, Finder find)
      : directory_(std::move(directory)), find_(std::move(find)) {}

  std::shared_ptr<const FileDescriptor> directory_;
  Finder find_;
};

}  // namespace hadron::onnx
