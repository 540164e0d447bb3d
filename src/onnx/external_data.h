#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/io_buf.h"
#include "base/status.h"

namespace hadron::onnx {

class FileDescriptor;

/// One opened file of external data: regular, below the model's directory, without other names.
/// Immutable; reads from several threads are safe.
class ExternalFile {
 public:
  std::uint64_t size() const { return size_; }
  /// Copies the range, which a mapping would not (a file that shrinks would then end the process).
  /// INVALID_ARGUMENT when it does not lie inside the file, UNAVAILABLE when reading fails.
  base::StatusOr<base::IoBuf> Read(std::uint64_t offset, std::uint64_t count) const;

 private:
  friend class ExternalData;
  ExternalFile(std::shared_ptr<const FileDescriptor> file, std::uint64_t size)
      : file_(std::move(file)), size_(size) {}

  std::shared_ptr<const FileDescriptor> file_;
  std::uint64_t size_;
};

/// Where the tensors lie that a model keeps outside its file. The directory is opened once, through
/// whatever links lead to it; what the model names is then resolved beneath it and never through a
/// link, so that no model reads what is not its own. Immutable, thread-safe.
///
///     HADRON_ASSIGN_OR_RETURN(auto data, ExternalData::FromDirectory("/models/digits/1"));
///     HADRON_ASSIGN_OR_RETURN(auto file, data.Open("weights.bin"));
class ExternalData {
 public:
  /// Refuses every location.
  static ExternalData None() { return ExternalData(nullptr); }
  /// NOT_FOUND when the directory cannot be opened.
  static base::StatusOr<ExternalData> FromDirectory(const std::string& path);

  /// INVALID_ARGUMENT for a location that a model may not name, NOT_FOUND for a missing file.
  base::StatusOr<ExternalFile> Open(std::string_view location) const;

 private:
  explicit ExternalData(std::shared_ptr<const FileDescriptor> directory)
      : directory_(std::move(directory)) {}

  std::shared_ptr<const FileDescriptor> directory_;
};

}  // namespace hadron::onnx
